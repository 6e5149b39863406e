"""One run of a source whose work hands its windows over: it runs once, and is ended with the iteration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from pipeline.audio import LostWindow, Window
from pipeline.handover import CAPACITY, HandOver


class SourceRun:
    """What such sources have in common: `_begin` starts the work; `_is_stopping` says that none is wanted."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        """`capacity`: whole windows that may wait to be taken."""
        self._capacity = capacity
        self._began = False

    async def windows(self) -> AsyncIterator[Window | LostWindow]:
        """Yield windows in order until the audio ends or `stop` is called; raise SourceError on failure.

        May be called once. Leaving the iteration early ends the run.
        """
        if self._began:
            raise RuntimeError("a source runs once")
        self._began = True
        if self._is_stopping():
            return
        handover = HandOver(asyncio.get_running_loop(), self._capacity)
        self._begin(handover)
        try:
            while (window := await handover.get()) is not None:
                yield window
        finally:
            await self.stop()

    async def stop(self) -> None:
        """End the run within a second or so, whatever the remote side does. Safe to call twice.

        The windows that were already heard, the partial ones too, can still be taken.
        """
        raise NotImplementedError

    def _is_stopping(self) -> bool:
        """Say whether `stop` was called."""
        raise NotImplementedError

    def _begin(self, handover: HandOver) -> None:
        """Start the work, which ends with a call of `handover.finish`."""
        raise NotImplementedError
