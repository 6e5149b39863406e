"""A clock that makes FFmpeg's calls end in a thread that is to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

NEVER_S = 1e9
"""A time-out that never comes, except by this clock."""


class InterruptClock:
    """The clock that PyAV's interrupt callback asks, which runs away for threads that are to stop.

    PyAV compares `time.monotonic()` with the time at which a call into FFmpeg began. For a cancelled thread
    each answer is far later than the one before, so whatever FFmpeg waits for in that thread, the call in
    progress and each further one end with ExitError.
    """

    def __init__(self) -> None:
        self._runaway: dict[int, float] = {}
        self._looks: dict[int, Callable[[], bool]] = {}

    def monotonic(self) -> float:
        """Answer PyAV in the thread that reads."""
        thread = threading.get_ident()
        answer = self._runaway.get(thread)
        if answer is None:
            look = self._looks.get(thread)
            if look is None or not look():
                return time.monotonic()
            answer = 10 * NEVER_S
        self._runaway[thread] = answer = answer + 10 * NEVER_S
        return answer

    def cancel(self, thread: int) -> None:
        """Make a thread's calls into FFmpeg end."""
        self._runaway.setdefault(thread, 10 * NEVER_S)

    def watch(self, thread: int, look: Callable[[], bool]) -> None:
        """Ask `look`, in the thread itself, whenever PyAV asks; once it says yes, calls into FFmpeg end."""
        self._looks[thread] = look

    def unwatch(self, thread: int) -> None:
        """Ask no more."""
        self._looks.pop(thread, None)

    def forget(self, thread: int) -> None:
        """Let a thread (its number is used again for others) read on."""
        self._runaway.pop(thread, None)


INTERRUPT = InterruptClock()
"""The one that PyAV asks, once pipeline/decode.py has been imported."""
