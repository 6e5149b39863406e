"""What a span of a recording lacks."""

from __future__ import annotations

import threading
from dataclasses import dataclass

LEAST_S = 0.001
"""Shorter ones are the rounding of durations in playlists."""


@dataclass(frozen=True, slots=True)
class Gap:
    """The time `[start_s, end_s)` of a recording's timeline, of which there is nothing."""

    start_s: float
    end_s: float


class Gaps:
    """Collects gaps while a span is read; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gaps: list[Gap] = []

    def add(self, start_s: float, end_s: float) -> None:
        """Note that there is nothing in a stretch of time; none is noted twice."""
        if end_s - start_s < LEAST_S:
            return
        with self._lock:
            merged: list[Gap] = []
            for each in sorted([*self._gaps, Gap(start_s, end_s)], key=lambda gap: gap.start_s):
                if merged and each.start_s <= merged[-1].end_s + LEAST_S:
                    merged[-1] = Gap(merged[-1].start_s, max(merged[-1].end_s, each.end_s))
                else:
                    merged.append(each)
            self._gaps = merged

    def all(self) -> tuple[Gap, ...]:
        """Return them by time, neighbours as one."""
        with self._lock:
            return tuple(self._gaps)

    @property
    def total_s(self) -> float:
        """How much is missing altogether."""
        return sum(gap.end_s - gap.start_s for gap in self.all())
