"""`audiowarden serve`: run the daemon."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from types import FrameType

import structlog
import typer

from config.load import load_settings
from config.settings import LogSettings
from daemon.cli.common import ConfigOption, one_sentence
from daemon.logs import configure_logging


def serve(config: ConfigOption = None) -> None:
    """Run the daemon until SIGTERM or Ctrl-C; streams are resumed at the next start."""
    configure_logging(LogSettings())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    with one_sentence():
        settings = load_settings(config)
        configure_logging(settings.logs)
        if not settings.accounts:
            structlog.get_logger().warning(
                "no_accounts", hint="every request is answered 9101: see [[accounts]]"
            )
        # Imported here: the libraries take seconds on a busy host, in which it may be told to stop.
        from daemon.lifecycle import run

        status = asyncio.run(run(settings))
    raise typer.Exit(status)


def _stop(number: int, frame: FrameType | None) -> None:
    """End the process, which has begun nothing yet."""
    del frame
    name = signal.Signals(number).name
    structlog.get_logger().info("stopped", status=0, signal=name, while_starting=True)
    sys.stderr.flush()
    os._exit(0)
