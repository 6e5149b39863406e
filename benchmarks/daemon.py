"""The real daemon as a process of its own, and the platform that loads it."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.host import ProcessTree
from tests.support.consumer import Consumer, Platform
from tests.support.daemon_process import ACCESS_KEY, DaemonProcess, configuration

NO_QUOTA = "max_streams = 1000000\nmax_requests_per_s = 1000000\n"
"""The account's own limits must not be what is measured."""


@dataclass(frozen=True, slots=True)
class House:
    """A daemon under load with its platform and the consumer of its callbacks."""

    platform: Platform
    consumer: Consumer
    processes: ProcessTree


@asynccontextmanager
async def serving(settings: Mapping[str, str]) -> AsyncIterator[House]:
    """Start a daemon with an empty data folder and everything a platform has; kill it at the end.

    `settings` are the configuration's, by `SECTION.KEY`; they win over what the benchmark sets.
    """
    chosen = {"recogniser.device": "auto", **settings}
    variables = {_variable(name): value for name, value in chosen.items()}
    with tempfile.TemporaryDirectory(prefix="audiowarden-bench-") as folder:
        config = configuration(Path(folder), extra=NO_QUOTA)
        async with (
            DaemonProcess(config, environ={**os.environ, **variables}) as daemon,
            Consumer() as consumer,
            Platform(daemon.url, ACCESS_KEY, consumer.url) as platform,
        ):
            yield House(platform, consumer, ProcessTree(daemon.pid))


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Let the operator change the daemon's configuration."""
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="a setting of the daemon, e.g. recogniser.model=tiny.en; may be repeated",
    )


def settings_of(pairs: Sequence[str]) -> dict[str, str]:
    """Read `SECTION.KEY=VALUE`; ends the program with one sentence when one is not of that form."""
    settings = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise SystemExit(f"--set {pair}: SECTION.KEY=VALUE is needed")
        settings[name] = value
    return settings


def _variable(name: str) -> str:
    return "__".join(("AUDIOWARDEN", *name.upper().split(".")))
