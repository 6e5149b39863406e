"""`audiowarden serve`: run the daemon."""

from __future__ import annotations

import asyncio

import structlog
import typer

from config.load import load_settings
from daemon.cli.common import ConfigOption, one_sentence
from daemon.lifecycle import run
from daemon.logs import configure_logging


def serve(config: ConfigOption = None) -> None:
    """Run the daemon until SIGTERM or Ctrl-C; streams are resumed at the next start."""
    with one_sentence():
        settings = load_settings(config)
        configure_logging(settings.logs)
        if not settings.accounts:
            structlog.get_logger().warning(
                "no_accounts", hint="every request is answered 9101: see [[accounts]]"
            )
        status = asyncio.run(run(settings))
    raise typer.Exit(status)
