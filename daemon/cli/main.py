"""The command line: what `audiowarden` can be told to do."""

from __future__ import annotations

from importlib import import_module, metadata
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

COMMANDS = (
    "serve", "moderate", "export", "extract", "check", "evaluate",
    "models", "lists", "callbacks", "voices", "songs",
)  # fmt: skip
"""Each is a module of this folder, with its own `app` or a function of its name."""


class OnDemand(TyperGroup):
    """Loads a command when it is asked for: the libraries of all of them take more than a second.

    Contexts and commands are click's; which click that is, its own or a copy, is typer's business.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load a command; None: there is no such one."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"daemon.cli.{cmd_name}")
        if hasattr(module, "app"):
            return typer.main.get_command(module.app)
        alone = typer.Typer(add_completion=False)
        alone.command(cmd_name)(getattr(module, cmd_name))
        return typer.main.get_command(alone)


app = typer.Typer(
    name="audiowarden",
    cls=OnDemand,
    help="Moderates live audio: pulls streams, transcribes and classifies 10-second windows, calls back.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback of typer's own would show local variables, and with them secrets.
    pretty_exceptions_enable=False,
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"audiowarden {metadata.version('audiowarden')}")
        raise typer.Exit


@app.callback()
def audiowarden(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version.")
    ] = False,
) -> None:
    """Moderates live audio: pulls streams, transcribes and classifies 10-second windows, calls back."""
