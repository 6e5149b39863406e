"""One user's stream of a room: pulled, and pulled again when it fails, for as long as he is there."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import structlog

from pipeline.audio import LostWindow, Window
from pipeline.retry import Backoff, RetryBudget
from pipeline.rooms.roster import Member
from pipeline.source import Source, SourceError, SourceFault

log = structlog.get_logger()

TOLD_FAILURES = 2
"""Failures in a row of which the last one is told: a user who leaves is gone from his stream before he is
gone from the roster.
"""


class PulledUser:
    """A user's stream. `run` is a task of its own; `leave` makes it end, with what was heard by then."""

    def __init__(
        self,
        member: Member,
        open_stream: Callable[[Member], Source],
        hear: Callable[[Member, Window | LostWindow], None],
        miss: Callable[[Member], None],
        backoff: Backoff,
    ) -> None:
        """`hear` takes windows, in whose numbers only their place on the timeline counts; `miss` is called
        when he cannot be heard now.
        """
        self.member = member
        """As the roster has it now."""
        self.heard_at = time.monotonic()
        """When he was heard last, or came; by `time.monotonic()`."""
        self._open_stream = open_stream
        self._hear = hear
        self._miss = miss
        self._backoff = backoff
        self._retries = RetryBudget(backoff)
        self._failures = 0
        self._source: Source | None = None
        self._leaving = asyncio.Event()

    async def run(self) -> None:
        """Pull until he has left, or his stream has ended as a recording does."""
        while not self._leaving.is_set():
            source = self._source = self._open_stream(self.member)
            error = await self._pull(source)
            if self._leaving.is_set():
                return
            if error is None and not source.live:
                log.info("room_user_ended")
                return
            error = error or SourceError(SourceFault.CANNOT_OPEN, "the live stream's connection ended")
            delay_s = self._pause_after(error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), delay_s)

    async def leave(self) -> None:
        """End the run within a second or so; what was heard by then is still told."""
        self._leaving.set()
        if self._source is not None:
            await self._source.stop()

    async def _pull(self, source: Source) -> SourceError | None:
        """Take what one pull gives; return why it failed."""
        try:
            async for window in source.windows():
                if isinstance(window, Window):
                    self.heard_at = time.monotonic()
                    self._failures = 0
                    self._retries.worked(window.ended_at - window.started_at)
                self._hear(self.member, window)
        except SourceError as error:
            return error
        finally:
            self._source = None
            await source.stop()
        return None

    def _pause_after(self, error: SourceError) -> float:
        """Count a failure; return how long to wait. While he is there nobody gives him up."""
        self._failures += 1
        # Who sends pictures and no sound is muted: there is nothing to hear.
        if self._failures >= TOLD_FAILURES and error.fault is not SourceFault.NO_AUDIO:
            self._miss(self.member)
        delay_s = self._retries.next_delay_s() if error.retryable else None
        delay_s = self._backoff.max_s if delay_s is None else delay_s
        log.info(
            "room_user_reconnecting",
            failures=self._failures,
            delay_s=delay_s,
            fault=int(error.fault),
            reason=str(error),
        )
        return delay_s
