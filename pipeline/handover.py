"""Hands windows from the thread that decodes a stream to the event loop, bounded."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable

from pipeline.audio import LostWindow, Window
from pipeline.source import OverrunError

CAPACITY = 3
"""Whole windows that may wait."""
MAX_ITEMS = 360
"""An hour of windows, lost ones included: nobody is coming for them, or a live stream runs ahead of time."""


class HandOver:
    """A queue with a thread at one end and a coroutine at the other.

    When it is full, `put` waits (a recording can), or with `lossy` (a live stream) gives up the oldest window
    that waits: a LostWindow takes its place, so that the live edge is never delayed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, capacity: int = CAPACITY) -> None:
        """`capacity`: whole windows that may wait."""
        self._loop = loop
        self._capacity = capacity
        self._most = capacity * (MAX_ITEMS // CAPACITY)
        self._arrived = asyncio.Event()
        self._over = asyncio.Event()
        self._changed = threading.Condition()
        self._items: deque[Window | LostWindow] = deque()
        self._whole = 0
        self._hurried = False
        self._finished = False
        self._error: BaseException | None = None
        self.waiting = False
        """Whether the thread waits for the coroutine."""
        self.lost = 0

    def put(self, window: Window | LostWindow, *, lossy: bool) -> None:
        """Hand a window over, from the thread. Raises OverrunError when an hour of them waits now."""
        with self._changed:
            if not lossy:
                self.waiting = True
                self._changed.wait_for(self._may_go_on)
                self.waiting = False
            if self._finished:
                return
            self._items.append(window)
            self._whole += isinstance(window, Window)
            if self._whole > self._capacity and not self._hurried:
                self._lose_oldest()
            overdue = len(self._items) > self._most and not self._hurried
        self._wake()
        if overdue:
            raise OverrunError

    def finish(self, error: BaseException | None) -> None:
        """Say that nothing more comes; the first call counts. From any thread."""
        with self._changed:
            if not self._finished:
                self._finished = True
                self._error = error
            self._changed.notify_all()
        self._wake()
        self._call(self._over.set)

    async def wait_finished(self, timeout_s: float) -> bool:
        """Wait for `finish`; say whether it came in time."""
        try:
            await asyncio.wait_for(self._over.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    def hurry(self) -> None:
        """Make `put` neither wait nor give up any more: the last windows of a stopped run are all kept."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()

    async def get(self) -> Window | LostWindow | None:
        """Return the next window; None, or the error given to `finish`, after the last."""
        while True:
            with self._changed:
                if self._items:
                    item = self._items.popleft()
                    self._whole -= isinstance(item, Window)
                    self._changed.notify_all()
                    return item
                if self._finished:
                    if self._error is not None:
                        raise self._error
                    return None
                self._arrived.clear()
            await self._arrived.wait()

    def _may_go_on(self) -> bool:
        return self._whole < self._capacity or self._hurried or self._finished

    def _lose_oldest(self) -> None:
        for place, item in enumerate(self._items):
            if isinstance(item, Window):
                self._items[place] = LostWindow(item.index, item.origin, item.heard_s, item.user, item.slot)
                self._whole -= 1
                self.lost += 1
                return

    def _wake(self) -> None:
        self._call(self._arrived.set)

    def _call(self, callback: Callable[[], None]) -> None:
        # A closed loop has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback)
