"""Repeats writes while the ledger is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from daemon.ledger.interfaces import LedgerError
from daemon.logs import tell

LEDGER_RETRY_S = 1.0


async def patiently(operation: Callable[[], Awaitable[None]]) -> None:
    """Repeat a write until the ledger takes it: a stream rather waits, visibly, than loses a result."""
    while True:
        try:
            return await operation()
        except LedgerError as error:
            tell("ledger_unavailable", error)
            await asyncio.sleep(LEDGER_RETRY_S)
