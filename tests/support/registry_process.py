"""A process that moderates one scripted live stream until it is killed; started again, it goes on."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import structlog

from daemon.registry import DuplicateStreamError
from pipeline.report import StreamSpec
from pipeline.source import Position
from tests.daemon.contracts.requests import request
from tests.daemon.test_registry import CONTRACT, house
from tests.support.streams import Step, spoken_window

STREAM_ID = f"{1:032d}"


def script(_: StreamSpec, position: Position) -> list[Step]:
    """Give windows one after the other; a live stream has gone on while nobody listened."""
    first = position.next_index + (0 if position.origin is None else 2)
    windows: list[Step] = []
    for index in range(first, first + 500):
        windows += [spoken_window(index, position.origin or 1000.0, 4000), 0.02]
    return windows


async def main(folder: Path, url: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    data = {"url": "rtmp://live.test/a", "returnAllText": 1}
    async with house(folder, script) as made:
        call = CONTRACT.accept(STREAM_ID, "acme", request(callback=url, data=data))
        with contextlib.suppress(DuplicateStreamError):
            await made.registry.start("audiostream", call, limit=0)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
