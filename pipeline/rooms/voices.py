"""The voices of a room, each cut into windows by itself on the room's one timeline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from pipeline.audio import SAMPLE_RATE_HZ, WINDOW_S, Loss, LostWindow, Window
from pipeline.rooms.ears import Frame
from pipeline.source import Position
from pipeline.speech import speech_share
from pipeline.windows import Cut, WindowCutter

MAX_USERS = 32
"""Users of one room that are listened to one by one at the same time."""
MAX_SURPLUS = 1000
"""Users beyond these whose windows are told as lost."""
SEAT_S = 60.0
"""A user who has been silent for so long leaves the place to another one."""
PAUSE_S = 0.3
"""Audio that comes later than this after the last one was not sent in between: a muted user sends nothing.
Less is the unevenness of threads."""
PATIENCE_S = 1.5
"""So long after a window's end nothing of it comes any more: clients buffer a few hundred milliseconds."""


class Voice:
    """One user's audio, or the mix."""

    def __init__(self, position: Position, clock: Callable[[], float]) -> None:
        self._cutter = WindowCutter(position, live=True, clock=clock)
        self._ends_s: float | None = None
        self.heard_at = 0.0

    def hear(self, frame: Frame) -> list[Cut]:
        """Take a piece; return the windows that it completes.

        Pieces follow each other in media time unless a pause lies between them: when they come says that
        much, but not to the millisecond.
        """
        pcm = np.frombuffer(frame.pcm, "<i2").astype(np.int16)
        duration_s = len(pcm) / SAMPLE_RATE_HZ
        self.heard_at = frame.at
        began_s = frame.at - duration_s
        if self._ends_s is None or began_s - self._ends_s > PAUSE_S:
            self._ends_s = began_s
        cuts = self._cutter.feed(self._ends_s, pcm)
        self._ends_s += duration_s
        return cuts

    def overdue(self, now: float) -> Cut | None:
        """Return the window in progress when its time is over."""
        return self._cutter.overdue(now, PATIENCE_S)

    def flush(self) -> Cut | None:
        """Return the window in progress, as far as it was heard."""
        return self._cutter.flush()


class Mix:
    """Everybody together: one voice, whose windows are numbered by their place."""

    def __init__(self, position: Position, clock: Callable[[], float] = time.time) -> None:
        """`position` has an origin."""
        self._voice = Voice(position, clock)

    def hear(self, frame: Frame) -> Iterator[Window | LostWindow]:
        """Take a piece; yield the windows that it completes."""
        yield from map(_window, self._voice.hear(frame))

    def left(self, user: str) -> Iterator[Window | LostWindow]:
        """Take note that a user is gone, which the mix does not show."""
        yield from ()

    def overdue(self, now: float) -> Iterator[Window | LostWindow]:
        """Yield the windows whose time is over at `now`, in seconds since the epoch."""
        if (cut := self._voice.overdue(now)) is not None:
            yield _window(cut)

    def flush(self) -> Iterator[Window | LostWindow]:
        """Yield the window in progress, as far as it was heard."""
        if (cut := self._voice.flush()) is not None:
            yield _window(cut)


class Voices:
    """Every user by himself. Windows are numbered in the order in which they are complete.

    Numbers go on from `position.next_index`, so that none is given twice; the place on the timeline is the
    window's `slot`.
    """

    def __init__(self, position: Position, clock: Callable[[], float] = time.time) -> None:
        """`position` has an origin."""
        self._origin = position.origin or 0.0
        self._next_index = position.next_index
        self._clock = clock
        self._voices: dict[str, Voice] = {}
        self._surplus: dict[str, int] = {}
        """Users who are not listened to: the last place that was told as lost."""

    @property
    def surplus(self) -> int:
        """How many users are not listened to."""
        return len(self._surplus)

    def hear(self, frame: Frame) -> Iterator[Window | LostWindow]:
        """Take a piece; yield the windows that it completes."""
        user = frame.user or ""
        voice = self._voices.get(user) or self._seat(user, frame.at)
        if voice is None:
            yield from self._turn_away(user, frame.at)
        else:
            yield from (self._number(user, cut) for cut in voice.hear(frame))

    def left(self, user: str) -> Iterator[Window | LostWindow]:
        """Take note that a user is gone; yield what was heard of his last window."""
        self._surplus.pop(user, None)
        voice = self._voices.pop(user, None)
        if voice is not None and (cut := voice.flush()) is not None:
            yield self._number(user, cut)

    def overdue(self, now: float) -> Iterator[Window | LostWindow]:
        """Yield the windows whose time is over at `now`, in seconds since the epoch."""
        for user, voice in self._voices.items():
            if (cut := voice.overdue(now)) is not None:
                yield self._number(user, cut)

    def flush(self) -> Iterator[Window | LostWindow]:
        """Yield the windows in progress, as far as they were heard."""
        for user in list(self._voices):
            yield from self.left(user)

    def _seat(self, user: str, now: float) -> Voice | None:
        """Begin to listen to a user, in the place of one who is silent if there must be."""
        if len(self._voices) >= MAX_USERS:
            silent = min(self._voices, key=lambda each: self._voices[each].heard_at)
            if now - self._voices[silent].heard_at < SEAT_S:
                return None
            del self._voices[silent]
        self._surplus.pop(user, None)
        voice = self._voices[user] = Voice(Position(self._origin, 0), self._clock)
        return voice

    def _turn_away(self, user: str, now: float) -> Iterator[LostWindow]:
        """Tell each window of a user who is not listened to as lost, once."""
        place = max(0, int((now - self._origin) // WINDOW_S))
        if self._surplus.get(user) == place or (
            user not in self._surplus and len(self._surplus) >= MAX_SURPLUS
        ):
            return
        self._surplus[user] = place
        yield LostWindow(self._take_index(), self._origin, 0.0, user, place, Loss.SURPLUS)

    def _number(self, user: str, cut: Cut) -> Window:
        share = speech_share(cut.pcm)
        return Window(self._take_index(), cut.pcm, cut.origin, cut.heard_s, share, user, cut.index)

    def _take_index(self) -> int:
        index = self._next_index
        self._next_index += 1
        return index


def _window(cut: Cut) -> Window:
    return Window(cut.index, cut.pcm, cut.origin, cut.heard_s, speech_share(cut.pcm))
