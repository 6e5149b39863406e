"""A process that moderates a scripted live stream and is killed between a callback and its settling."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
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
SETTLED = 4
"""Windows that are settled before the kill."""


class Killer:
    """Sees every statement of the ledger; kills the process before a window's progress alone is committed."""

    def __init__(self) -> None:
        self._put = self._saved = False
        self._settled = 0

    def see(self, statement: str) -> None:
        if statement.startswith("BEGIN"):
            self._put = self._saved = False
        self._put |= statement.startswith("INSERT INTO bodies")
        self._saved |= statement.startswith("UPDATE items SET progress")
        if statement == "COMMIT" and self._saved and not self._put:
            self._settled += 1
            if self._settled > SETTLED:
                os.kill(os.getpid(), signal.SIGKILL)


def script(_: StreamSpec, position: Position) -> list[Step]:
    """Give windows one after the other; a live stream has gone on while nobody listened."""
    first = position.next_index + (0 if position.origin is None else 2)
    windows: list[Step] = []
    for index in range(first, first + 100):
        windows += [spoken_window(index, position.origin or 1000.0, 4000), 0.02]
    return windows


async def main(folder: Path, url: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    data = {"url": "rtmp://live.test/a", "returnAllText": 1}
    killer = Killer()
    async with house(folder, script) as made:
        await made.ledger.writer.call(lambda db: db.set_trace_callback(killer.see), writes=False)
        call = CONTRACT.accept(STREAM_ID, "eventful", request(callback=url, data=data))
        with contextlib.suppress(DuplicateStreamError):
            await made.registry.start("audiostream", call, limit=0)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
