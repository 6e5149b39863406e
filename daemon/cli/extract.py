"""`audiowarden extract`: the audio of a recording, all of it."""

from __future__ import annotations

from typing import Annotated

import typer

from daemon.cli.common import ConfigOption, one_sentence
from daemon.cli.exporting import export_now, form_of
from daemon.exports.export import Form, Span

FORMS = (Form.MP3, Form.M4A)


def extract(
    source: Annotated[
        str,
        typer.Argument(
            help="A recording (mp4, ts, flv, m3u8, mpd ...): file, http address or s3://BUCKET/KEY."
        ),
    ],
    target: Annotated[str, typer.Argument(help="Where the audio goes: a file or s3://BUCKET/KEY.")],
    form: Annotated[
        str | None,
        typer.Option(
            "--format", "--to", help="mp3 or m4a (aac, copied where it is aac); default: the suffix."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a target that exists.")] = False,
    config: ConfigOption = None,
) -> None:
    """Extract the audio of a recording."""
    with one_sentence():
        wanted = form_of("m4a" if form is not None and form.lower() == "aac" else form, target, FORMS)
    export_now(source, target, Span(start_s=0.0), wanted, config, overwrite=overwrite)
