"""What an ingest process said of one source and nobody has taken yet, on the daemon's side."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable

from pipeline.audio import WINDOW_S, LostWindow, Window
from pipeline.handover import CAPACITY, MAX_ITEMS
from pipeline.ingest.frames import Frame, FrameError, Kind, failure_of, item_of
from pipeline.source import Position, SourceError, SourceFault

MAX_WHOLE = 4 * CAPACITY
"""A stopped source sends what is left of it at once; more whole windows than this it cannot have."""


class Inbox:
    """Items in order, then one outcome. Belongs to the event loop.

    Bounded by the protocol: a running source sends one item for each that is taken, a stopped one the few
    that are left. Whoever sends more raises FrameError here.
    """

    def __init__(
        self, position: Position, clock: Callable[[], float] = time.time, *, voices: int = 1
    ) -> None:
        """`position` is where the run begins; `clock` gives seconds since the epoch; so many voices may have
        a window each at the same time.
        """
        self._voices = voices
        self._places: dict[str, int] = {}
        """Of every user who was heard lately: the last window's place."""
        self.live = False
        """Whether the source is a live one, as far as is known by now."""
        self.stopping = False
        """Whether the source was asked to end: then nothing is a failure any more."""
        self._position = position
        self._clock = clock
        self._heard_at: float | None = None
        self._items: deque[Window | LostWindow] = deque()
        self._whole = 0
        self._arrived = asyncio.Event()
        self._over = asyncio.Event()
        self._error: Exception | None = None

    def receive(self, frame: Frame) -> None:
        """Take a frame of the source. Raises FrameError."""
        if self._over.is_set():
            return
        self.live = frame.truth_of("live")
        if frame.kind in (Kind.WINDOW, Kind.LOST):
            self._add(item_of(frame))
        elif frame.kind is Kind.HEARD:
            self._heard_at = self._clock()
        elif frame.kind is Kind.ENDED:
            self.finish(None)
        elif frame.kind is Kind.FAILED:
            self.finish(failure_of(frame))
        elif frame.kind is Kind.CRASHED:
            self.finish(RuntimeError("a source crashed in its process; its log has the traceback"))
        else:
            raise FrameError(f"a source does not send frames of kind {frame.kind.name}")

    def cut_off(self, reason: str) -> None:
        """Say that the process is gone; the first outcome counts.

        Windows of a live stream whose audio was heard and went with it are told as lost. A recording is read
        again from where it was.
        """
        if self._over.is_set():
            return
        self._items.extend(self._gone())
        self.finish(None if self.stopping else SourceError(SourceFault.CANNOT_OPEN, reason))

    def finish(self, error: Exception | None) -> None:
        """Set the outcome: what `get` raises, or None for a quiet end."""
        self._error = error
        self._over.set()
        self._arrived.set()

    async def get(self) -> Window | LostWindow | None:
        """Return the next item; None, or the outcome raised, after the last."""
        while not self._items:
            if self._over.is_set():
                if self._error is not None:
                    raise self._error
                return None
            self._arrived.clear()
            await self._arrived.wait()
        item = self._items.popleft()
        self._whole -= isinstance(item, Window)
        return item

    async def wait_over(self, timeout_s: float) -> bool:
        """Wait for the outcome; say whether it came in time."""
        try:
            await asyncio.wait_for(self._over.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    def _add(self, item: Window | LostWindow) -> None:
        if item.index < self._position.next_index:
            raise FrameError("windows came out of order")
        self._whole += isinstance(item, Window)
        if len(self._items) >= 2 * MAX_ITEMS * self._voices or self._whole > MAX_WHOLE * self._voices:
            raise FrameError("more windows came than were asked for")
        self._position = Position(item.origin, item.index + 1)
        if item.user is not None:
            recent = {user: place for user, place in self._places.items() if place >= item.place - 1}
            self._places = recent | {item.user: item.place}
        self._heard_at = self._heard_at or self._clock()
        self._items.append(item)
        self._arrived.set()

    def _gone(self) -> list[LostWindow]:
        """The windows after the last one that came, up to the one in progress by the clock; at least one."""
        origin = self._position.origin
        if not self.live or self._heard_at is None or origin is None:
            return []
        if self._places:
            following = enumerate(self._places.items(), self._position.next_index)
            return [LostWindow(index, origin, 0.0, user, place + 1) for index, (user, place) in following]
        begun = max(self._position.next_index, math.floor((self._heard_at - origin) / WINDOW_S))
        present = max(begun, math.floor((self._clock() - origin) / WINDOW_S))
        return [LostWindow(index, origin, 0.0) for index in range(begun, present + 1)][:MAX_ITEMS]
