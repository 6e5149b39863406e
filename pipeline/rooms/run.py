"""One run of a room's audio: the work is a task, windows wait in a bounded hand-over until they are taken."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from typing import Any

from pipeline.audio import LostWindow, Window
from pipeline.handover import CAPACITY, HandOver
from pipeline.run import SourceRun
from pipeline.source import OverrunError, SourceError, SourceFault

EMPTY_S = 300.0
"""A room that has nobody to listen to for so long has ended."""


class RoomRun(SourceRun):
    """What a `Source` of a room is, whichever way it hears the room: `_run` says that."""

    def __init__(self, name: str, voices: int, empty_s: float) -> None:
        """`name` stands in logs; so many users may have windows waiting at the same time; a room that has
        been empty for `empty_s` has ended.
        """
        super().__init__(CAPACITY * voices)
        self._name = name
        self._empty_s = empty_s
        self._peopled_at: float | None = None
        """When somebody to be listened to was there last, by `time.monotonic()`."""
        self._entered_at = 0.0
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._overrun: OverrunError | None = None
        self.live = True
        """Whether the end of the audio means a lost connection; everybody's leaving does not."""

    async def stop(self) -> None:
        """End the run within a second or so, whatever the remote side does. Safe to call twice."""
        self._stopping.set()
        if self._running is not None:
            await asyncio.wait((self._running,))

    def _begin(self, handover: HandOver) -> None:
        self._running = asyncio.create_task(self._run(handover), name=f"room {self._name}")

    def _is_stopping(self) -> bool:
        return self._stopping.is_set()

    async def _run(self, handover: HandOver) -> None:
        """Hear the room until it ends or is to be left, then `_finish` the hand-over."""
        raise NotImplementedError

    def _hand_over(self, handover: HandOver, windows: Iterable[Window | LostWindow]) -> None:
        """Hand windows over. That too many wait is everybody's matter: it ends the run at its next look."""
        for window in windows:
            try:
                handover.put(window, lossy=True)
            except OverrunError as error:
                self._overrun = error

    def _check_overrun(self) -> None:
        """Raise OverrunError when too many windows wait."""
        if self._overrun is not None:
            raise self._overrun

    def _finish(self, handover: HandOver, error: BaseException | None) -> None:
        """Say how the run ended; of one that was stopped nothing is a failure any more."""
        handover.finish(None if self._stopping.is_set() and isinstance(error, SourceError) else error)

    def _enter_room(self) -> None:
        """Take note that we see now who is in the room."""
        self._entered_at = time.monotonic()

    def _see_people(self) -> None:
        """Take note that somebody is there to be listened to."""
        self._peopled_at = time.monotonic()

    def _is_over(self) -> bool:
        """Say whether everybody has been gone for long. Raises SourceError when nobody ever came."""
        if time.monotonic() - (self._peopled_at or self._entered_at) <= self._empty_s:
            return False
        if self._peopled_at is None:
            reason = "nobody came into the channel"
            raise SourceError(SourceFault.NO_SUCH_STREAM, reason, retryable=False)
        self.live = False
        return True

    async def _done_in(self, task: asyncio.Task[Any], due_s: float) -> bool:
        """Wait for a task; False when that takes too long, or the run is stopped."""
        stopping = asyncio.create_task(self._stopping.wait(), name=f"stop {self._name}")
        try:
            await asyncio.wait((task, stopping), timeout=due_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        return task.done()

    async def _nap(self, seconds: float) -> bool:
        """Sleep for so long; say whether the run is being stopped."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return self._stopping.is_set()
