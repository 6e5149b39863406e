"""An outbox with a real ledger, pauses of hundredths of a second, and its outcomes counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from config.settings import CallbackSettings
from daemon.ledger.sqlite import SqliteLedger
from daemon.outbox import Delivery, Outbox
from daemon.signing import UNSIGNED, Signer

QUICK: dict[str, Any] = {"first_retry_s": 0.01, "max_retry_s": 0.03}


@dataclass
class Observer:
    """Counts outcomes."""

    outcomes: Counter[str] = field(default_factory=Counter)
    counted: asyncio.Event = field(default_factory=asyncio.Event)

    def delivery(self, outcome: str) -> None:
        self.outcomes[outcome] += 1
        self.counted.set()

    async def next(self, timeout_s: float = 60.0) -> None:
        """Wait for an outcome since the last call."""
        async with asyncio.timeout(timeout_s):
            await self.counted.wait()
        self.counted.clear()


@dataclass
class House:
    """An outbox, its ledger and what it counted."""

    outbox: Outbox
    ledger: SqliteLedger
    observer: Observer

    async def send(self, url: str, streams: int = 1, each: int = 1, name: str = "s") -> None:
        """Send `each` callbacks of each of `streams` streams."""
        for n in range(each):
            await asyncio.gather(
                *(self.outbox.send(Delivery(f"{name}{s}", f"{n:03}", url, b"{}")) for s in range(streams))
            )

    async def empty(self) -> None:
        """Wait until nothing is left to deliver and everything has been counted."""
        while await self.ledger.callbacks.count():
            await self.observer.next()
        # The last one is counted when its sender hears that it left the ledger: before the next answer.
        await self.ledger.callbacks.count()


@asynccontextmanager
async def house(
    folder: Path,
    *,
    started: bool = True,
    flush_s: float = 30.0,
    signer: Signer = UNSIGNED,
    keeps: bool = False,
    **settings: Any,
) -> AsyncIterator[House]:
    ledger = await SqliteLedger.open(folder)
    observer = Observer()
    chosen = CallbackSettings(**{**QUICK, **settings})
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        history = ledger.history if keeps else None
        outbox = Outbox(ledger.callbacks, ledger.dead_letters, session, chosen, observer, signer, history)
        if started:
            await outbox.start()
        try:
            yield House(outbox, ledger, observer)
        finally:
            if started:
                await outbox.stop(flush_s)
            await ledger.close()
