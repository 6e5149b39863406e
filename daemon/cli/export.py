"""`audiowarden export`: a piece of a recording as a file of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from daemon.cli.common import ConfigOption, one_sentence
from daemon.cli.exporting import export_now, form_of
from daemon.cli.places import PlaceError, seconds_of
from daemon.exports.export import AUDIO_FORMS, Form, Span

FORMS = tuple(form for form in Form if form is not Form.SEALED_PLAYLIST)


def export(
    source: Annotated[
        str,
        typer.Argument(
            help="A recording (m3u8, mpd, ts, mp4, flv ...): file, http address or s3://BUCKET/KEY."
        ),
    ],
    target: Annotated[str, typer.Argument(help="Where the result goes: a file or s3://BUCKET/KEY.")],
    start: Annotated[str, typer.Option(help="Where it begins: seconds, m:ss or h:mm:ss.")] = "0",
    duration: Annotated[str | None, typer.Option(help="How long it is; default: up to the end.")] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", "--to", help=f"{' '.join(FORMS)}; default: the target's suffix."),
    ] = None,
    rate: Annotated[
        int | None, typer.Option(help="Of audio, samples a second; default: the source's.")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="ts: begin at the key frame before the start, not at a segment.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a target that exists.")] = False,
    config: ConfigOption = None,
) -> None:
    """Export a piece of a recording: audio, video without transcoding, a picture (jpg), a playlist (m3u8)."""
    with one_sentence():
        wanted = form_of(form, target, FORMS)
        length_s = None if duration is None else seconds_of(duration)
        if length_s is not None and length_s <= 0:
            raise PlaceError("the duration should be more than 0")
        span = Span(start_s=seconds_of(start), duration_s=length_s)
    export_now(
        source,
        target,
        span,
        wanted,
        config,
        overwrite=overwrite,
        mono=wanted in AUDIO_FORMS,
        sample_rate_hz=rate,
        join=not exact,
    )
