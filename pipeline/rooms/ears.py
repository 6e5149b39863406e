"""Takes what a room's client tells from its threads, and keeps it, bounded, until the event loop asks."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.source import SourceError

MAX_FRAMES = 16_384
"""Frames of 10 ms that may wait: five seconds of 32 users. Nobody takes them when the process is stuck."""
MAX_NEWS = 4096


@dataclass(frozen=True, slots=True)
class Frame:
    """A piece of audio as it came."""

    user: str | None
    at: float
    """Seconds since the epoch at which it came: it ends there."""
    pcm: bytes


@dataclass(slots=True)
class Told:
    """What was told since the last time."""

    frames: list[Frame] = field(default_factory=list)
    users: list[tuple[str, bool]] = field(default_factory=list)
    """Who came (True) and went (False), in order."""
    dropped: int = 0
    """Frames for which there was no room."""


class Ears:
    """A `Listener` that copies and does nothing else, as the vendor asks of callbacks. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since the epoch."""
        self._clock = clock
        self._lock = threading.Lock()
        self._frames: deque[Frame] = deque(maxlen=MAX_FRAMES)
        self._users: deque[tuple[str, bool]] = deque(maxlen=MAX_NEWS)
        self._dropped = 0
        self.connected_at: float | None = None
        """When we came into the channel first; seconds since the epoch."""
        self.interrupted_at: float | None = None
        """Since when the connection is lost, by `time.monotonic()`; None: it is not."""
        self.error: SourceError | None = None
        """Why we are out of the channel for good."""

    def connected(self) -> None:
        """Take note that we are in the channel."""
        with self._lock:
            self.interrupted_at = None
            if self.connected_at is None:
                self.connected_at = self._clock()

    def interrupted(self) -> None:
        """Take note that the connection was lost."""
        with self._lock:
            if self.interrupted_at is None:
                self.interrupted_at = time.monotonic()

    def failed(self, error: SourceError) -> None:
        """Take note that we are out; the first reason counts."""
        with self._lock:
            self.error = self.error or error

    def joined(self, user: str) -> None:
        """Take note of a user."""
        with self._lock:
            self._users.append((user, True))

    def left(self, user: str) -> None:
        """Take note that a user is gone."""
        with self._lock:
            self._users.append((user, False))

    def heard(self, user: str | None, pcm: bytes) -> None:
        """Keep a piece of audio; the oldest one makes room."""
        frame = Frame(user, self._clock(), pcm)
        with self._lock:
            # Audio says it too, should the news of it have been lost.
            self.connected_at = self.connected_at or frame.at
            self._dropped += len(self._frames) == MAX_FRAMES
            self._frames.append(frame)

    def take(self) -> Told:
        """Return what was told since the last time, and forget it."""
        with self._lock:
            told = Told(list(self._frames), list(self._users), self._dropped)
            self._frames.clear()
            self._users.clear()
            self._dropped = 0
        return told
