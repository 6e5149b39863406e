"""Keeps the ledger small: forgets dead letters and history that have lived long enough."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from config.settings import CallbackSettings
from daemon.ledger.interfaces import DeadLetters, History, LedgerError
from daemon.logs import tell

log = structlog.get_logger()

EVERY_S = 30.0
STEP = 200
"""Rows deleted at once: more would keep a stream's callbacks waiting for the ledger's thread."""
PAUSE_S = 0.02
DAY_S = 86_400.0
HOUR_S = 3600.0


class Upkeep:
    """Deletes, in small steps, what need not be kept; knows how many dead letters there are."""

    def __init__(self, dead_letters: DeadLetters, history: History, settings: CallbackSettings) -> None:
        self._dead_letters = dead_letters
        self._history = history
        self._settings = settings
        self.dead_letters = 0
        """As of the last look."""

    async def run(self) -> None:
        """Look every EVERY_S until cancelled."""
        while True:
            try:
                await self.once()
            except LedgerError as error:
                tell("ledger_unavailable", error)
            await asyncio.sleep(EVERY_S)

    async def once(self) -> None:
        """Delete everything that is old, and count the dead letters. Raises LedgerError."""
        letter_age_s = self._settings.dead_letter_days * DAY_S
        forgotten = await in_steps(lambda: self._dead_letters.expire(letter_age_s, STEP))
        if forgotten:
            log.warning("dead_letters_expired", count=forgotten)
        history_age_s = self._settings.history_hours * HOUR_S
        await in_steps(lambda: self._history.expire(history_age_s, STEP))
        self.dead_letters = await self._dead_letters.count()


async def in_steps(step: Callable[[], Awaitable[int]]) -> int:
    """Repeat a step until it deletes less than it may; return how many were deleted in all."""
    total = deleted = await step()
    while deleted == STEP:
        await asyncio.sleep(PAUSE_S)
        deleted = await step()
        total += deleted
    return total
