"""A process that sends callbacks until it is killed, and prints those that `send` has taken."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import aiohttp
import structlog

from config.settings import CallbackSettings
from daemon.ledger.sqlite import SqliteLedger
from daemon.outbox import Delivery, Outbox


class _Nobody:
    """Counts nothing."""

    def delivery(self, outcome: str) -> None:
        """Ignore an outcome."""


async def _send(outbox: Outbox, stream: str, url: str) -> None:
    for number in range(1_000_000):
        await outbox.send(Delivery(stream, f"{number:08d}", url, f"{stream} {number}".encode()))
        sys.stdout.write(f"{stream}_{number:08d}\n")
        sys.stdout.flush()
        await asyncio.sleep(0.002)


async def main(folder: Path, url: str) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    ledger = await SqliteLedger.open(folder)
    async with aiohttp.ClientSession() as session:
        settings = CallbackSettings(first_retry_s=0.02, max_retry_s=0.05)
        outbox = Outbox(ledger.callbacks, ledger.dead_letters, session, settings, _Nobody())
        await outbox.start()
        await asyncio.gather(*(_send(outbox, f"stream{n}", url) for n in range(5)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
