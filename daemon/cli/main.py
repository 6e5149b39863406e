"""The command line: what `audiowarden` can be told to do."""

from __future__ import annotations

import typer

from daemon.cli import (
    callbacks,
    check,
    evaluate,
    export,
    extract,
    lists,
    models,
    moderate,
    serve,
    songs,
    voices,
)

app = typer.Typer(
    name="audiowarden",
    help="Moderates live audio: pulls streams, transcribes and classifies 10-second windows, calls back.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback of typer's own would show local variables, and with them secrets.
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("moderate")(moderate.moderate)
app.command("check")(check.check)
app.command("evaluate")(evaluate.evaluate)
app.command("export")(export.export)
app.command("extract")(extract.extract)
app.add_typer(models.app)
app.add_typer(lists.app)
app.add_typer(callbacks.app)
app.add_typer(voices.app)
app.add_typer(songs.app)
