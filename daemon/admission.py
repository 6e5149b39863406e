"""How many streams this host can moderate in time, from what windows have cost so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from pipeline.analyse import needs_words
from pipeline.audio import WINDOW_S
from pipeline.report import StreamSpec

SHARE_WEIGHT = 0.01
"""Weight of the newest window in the share of windows that are recognised: about the last hundred count."""
UNHEARD = 0.1
"""What a stream counts that brings no windows now: a platform that comes back registers all it has, dead ones
too, and nobody knows yet which of them will talk."""
OVERLOAD_S = 30.0
"""After a window was given up for lack of time, no stream is taken on for so long: three windows of each."""


def demand_of(spec: StreamSpec) -> float:
    """Return the share of a stream's windows that may need recognition."""
    return 1.0 / spec.moderate_every if needs_words(spec.risks) else 0.0


class Recognition(Protocol):
    """What admission needs to know of the recogniser."""

    @property
    def workers(self) -> int:
        """How many threads read."""

    @property
    def cost_s(self) -> float | None:
        """Seconds of one worker's time that a window takes; None until known."""


class Admission:
    """Says whether one more stream would break the promise made to those that run.

    A stream brings a window every ten seconds; a window takes a worker `cost_s` seconds when it is
    recognised, which silence is not. Ingest and the rest need no figure of their own: what they take from the
    recogniser's cores makes its windows cost more.
    """

    def __init__(
        self, recognition: Recognition, max_load: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`max_load` is the share (0..1) of the recogniser's time that may be taken: near 1 windows queue."""
        self._recognition = recognition
        self._max_load = max_load
        self._clock = clock
        self._share = 1.0
        self._full_until = float("-inf")

    def recognised(self, spent: bool) -> None:
        """Take note of whether a window that needed words was recognised, or skipped as silence."""
        self._share += SHARE_WEIGHT * (spent - self._share)

    def overloaded(self) -> None:
        """Take note that a window was given up for lack of time."""
        self._full_until = self._clock() + OVERLOAD_S

    @property
    def capacity(self) -> float:
        """Streams that this host carries, if they go on talking as much as the ones that it has."""
        cost_s = self._recognition.cost_s
        if not cost_s:
            return float("inf")
        return (
            self._recognition.workers * WINDOW_S * self._max_load / (cost_s * max(self._share, SHARE_WEIGHT))
        )

    def admits(self, running: float, demand: float) -> bool:
        """Say whether a stream of this demand can be taken on beside others of `running` altogether."""
        if demand == 0.0:
            return True
        return self._clock() >= self._full_until and running + demand <= self.capacity
