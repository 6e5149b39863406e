"""What commands share: the configuration option, and how an error is said."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress, ProgressColumn

from config.errors import AudiowardenError
from models.errors import EnrolmentError

INTERRUPT_GRACE_S = 2.0
"""For showing what has been found until then."""

T = TypeVar("T")

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="TOML file; config/default.toml comments every key.")
]


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn an expected error into its sentence on standard error and exit status 1."""
    try:
        yield
    except AudiowardenError as error:
        typer.echo(f"audiowarden: {error}", err=True)
        raise typer.Exit(1) from None


@contextmanager
def said_of(path: Path) -> Iterator[None]:
    """Name the file or folder of which an EnrolmentError is said."""
    try:
        yield
    except EnrolmentError as error:
        raise EnrolmentError(f"{path}: {error}") from None


@contextmanager
def progress_bar(*columns: ProgressColumn) -> Iterator[Progress]:
    """Show progress on a terminal, and not even an empty line where standard error is none."""
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress


def run_until_interrupted(work: Coroutine[object, object, T]) -> T:
    """Run a command's work; Ctrl-C ends the process within moments, with one line and status 130.

    Threads that load or run models cannot be ended, and Python would wait for them.
    """
    return asyncio.run(_until_interrupted(work))


async def _until_interrupted(work: Coroutine[object, object, T]) -> T:
    interrupted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted.set)
    working = asyncio.create_task(work, name="command")
    waiting = asyncio.create_task(interrupted.wait(), name="Ctrl-C")
    await asyncio.wait((working, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if working.done():
        return working.result()
    working.cancel()
    await asyncio.wait((working,), timeout=INTERRUPT_GRACE_S)
    Console(stderr=True).show_cursor()
    typer.echo("audiowarden: interrupted", err=True)
    sys.stdout.flush()
    os._exit(128 + signal.SIGINT)
