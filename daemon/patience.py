"""Repeats writes while the ledger is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from daemon.ledger.interfaces import LedgerError

log = structlog.get_logger()

LEDGER_RETRY_S = 1.0


async def patiently(operation: Callable[[], Awaitable[None]]) -> None:
    """Repeat a write until the ledger takes it: a stream rather waits, visibly, than loses a result."""
    while True:
        try:
            return await operation()
        except LedgerError as error:
            log.error("ledger_unavailable", reason=str(error))  # noqa: TRY400 - an expected error, no traceback
            await asyncio.sleep(LEDGER_RETRY_S)
