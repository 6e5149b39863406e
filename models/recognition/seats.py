"""Seats at the processor that several batchers share: who came first reads next."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType


class Seats:
    """So many threads at once; the others wait in the order in which they came. Thread-safe.

    A semaphore would not do: the thread that leaves takes its seat again before the one that waits has
    woken up, and a batcher that always has work would keep the other one from ever reading.
    """

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._free = count
        self._line: deque[threading.Event] = deque()

    def __enter__(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            turn = threading.Event()
            self._line.append(turn)
        turn.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            # Handed on, never freed while somebody waits: nobody can come in between.
            if self._line:
                self._line.popleft().set()
            else:
                self._free += 1

    @property
    def waiting(self) -> int:
        """How many threads wait for a seat."""
        with self._lock:
            return len(self._line)
