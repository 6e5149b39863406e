"""A process that fills a ledger until it is killed, and prints what is acknowledged."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from daemon.ledger.interfaces import Ledger
from daemon.ledger.sqlite import SqliteLedger


async def _fill(ledger: Ledger, name: str) -> None:
    """Put callbacks of the stream `name`."""
    for number in range(1_000_000):
        await ledger.callbacks.put(name, str(number), f"{name} {number}".encode(), lane=name)
        sys.stdout.write(f"put {name} {number}\n")
        sys.stdout.flush()


async def _finish(ledger: Ledger) -> None:
    while True:
        for lease in await ledger.callbacks.take(4, 1.0):
            await lease.done()
            sys.stdout.write(f"done {lease.group} {lease.key}\n")
            sys.stdout.flush()
            await asyncio.sleep(0.003)


async def main(folder: Path) -> None:
    ledger = await SqliteLedger.open(folder)
    await asyncio.gather(_finish(ledger), *(_fill(ledger, f"stream{n}") for n in range(4)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
