"""Repeats what is asked of the ledger while it is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from daemon.ledger.interfaces import LedgerError
from daemon.logs import tell

LEDGER_RETRY_S = 1.0

T = TypeVar("T")


async def patiently(operation: Callable[[], Awaitable[T]]) -> T:
    """Repeat an operation until the ledger does it: work rather waits, visibly, than is lost."""
    while True:
        try:
            return await operation()
        except LedgerError as error:
            tell("ledger_unavailable", error)
            await asyncio.sleep(LEDGER_RETRY_S)
