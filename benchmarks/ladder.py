"""Which number of streams to try next, so that the limit is found in few steps."""

from __future__ import annotations

import math

GROWTH = 1.5


class Ladder:
    """Climbs by half as much again until a rung does not hold, then halves the gap to the last that held."""

    def __init__(self, start_at: int, *, max_rung: int, resolution: float) -> None:
        """`resolution` is the gap, as a share of the rung that held, that is not looked into any more."""
        self._start_at = start_at
        self._max_rung = max_rung
        self._resolution = resolution
        self.held = 0
        """The highest rung that held; 0: none did."""
        self._broke: int | None = None

    @property
    def unbroken(self) -> bool:
        """Whether every rung has held: the limit lies above `held`."""
        return self._broke is None

    def tell(self, rung: int, *, held: bool) -> None:
        """Note how a rung did. What breaks at one is taken to break at every higher one."""
        if held:
            self.held = max(self.held, rung)
        elif self._broke is None or rung < self._broke:
            self._broke = rung
        if self._broke is not None and self.held >= self._broke:
            self.held = self._broke - 1

    def next(self) -> int | None:
        """Return the rung to try; None when the limit is known well enough."""
        if self._broke is None:
            rung = min(self._max_rung, math.ceil(self.held * GROWTH) if self.held else self._start_at)
            return rung if rung > self.held else None
        gap = self._broke - self.held
        if gap <= max(1.0, self._resolution * self.held):
            return None
        return self.held + gap // 2
