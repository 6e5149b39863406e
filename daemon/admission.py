"""How many streams this host can moderate in time, from what windows have cost so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from config.taxonomy import RiskType
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


@dataclass(frozen=True, slots=True)
class Demand:
    """What a stream may ask for."""

    words: float
    """The share of its windows that may need recognition."""
    windows: float
    """The share of its windows that are moderated."""
    risks: frozenset[RiskType]
    """What is listened for in those."""


@dataclass(frozen=True, slots=True)
class Load:
    """What streams take together."""

    words: float = 0.0
    """Of recognition, in streams all of whose windows may need it."""
    listening_s: float = 0.0
    """Of listening to sounds, in seconds of one thread for ten seconds of the streams."""


def demand_of(spec: StreamSpec) -> Demand:
    """Return what a stream may ask for."""
    windows = 1.0 / spec.moderate_every
    return Demand(windows if needs_words(spec.risks) else 0.0, windows, spec.risks)


class Recognition(Protocol):
    """What admission needs to know of the recogniser."""

    @property
    def workers(self) -> int:
        """How many threads read."""

    @property
    def cost_s(self) -> float | None:
        """Seconds of one worker's time that a window takes; None until known."""


class Listening(Protocol):
    """What admission needs to know of the detectors of sound."""

    def cost_s(self, risks: frozenset[RiskType]) -> float:
        """Return the seconds of one thread that a window takes; 0 where nothing is listened for."""


class Admission:
    """Says whether one more stream would break the promise made to those that run.

    A stream brings a window every ten seconds; a window takes a worker `cost_s` seconds when it is
    recognised, which silence is not, and a thread of small work what listening for its sounds costs. The
    workers and those threads are counted apart. Ingest and the rest need no figure of their own: what they
    take from the cores makes windows cost more.
    """

    def __init__(
        self,
        recognition: Recognition,
        max_load: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        listening: Listening | None = None,
        listening_threads: int = 1,
    ) -> None:
        """`max_load` is the share (0..1) of the recogniser's time, and of that of the `listening_threads`,
        that may be taken: near 1 windows queue. `listening` None: no sounds are listened for.
        """
        self._recognition = recognition
        self._max_load = max_load
        self._clock = clock
        self._listening = listening
        self._listening_s = listening_threads * WINDOW_S
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
        """Streams whose words this host carries, if they go on talking as much as the ones that it has."""
        cost_s = self._recognition.cost_s
        if not cost_s:
            return float("inf")
        return (
            self._recognition.workers * WINDOW_S * self._max_load / (cost_s * max(self._share, SHARE_WEIGHT))
        )

    def listening_share(self, load: Load) -> float:
        """Return the share (0..1) of the listening threads' time that streams take."""
        return load.listening_s / self._listening_s

    def load_of(self, streams: Iterable[tuple[Demand, float]]) -> Load:
        """Return what streams take, each with how many it counts as: a room is one for every user."""
        words = listening_s = 0.0
        for demand, weight in streams:
            words += weight * demand.words
            if self._listening is not None:
                listening_s += weight * demand.windows * self._listening.cost_s(demand.risks)
        return Load(words, listening_s)

    def admits(self, running: Load, demand: Demand) -> bool:
        """Say whether a stream of this demand can be taken on beside others that take `running` together."""
        more = self.load_of([(demand, 1)])
        if more == Load():
            return True
        if self._clock() < self._full_until:
            return False
        if more.words and running.words + more.words > self.capacity:
            return False
        both = Load(listening_s=running.listening_s + more.listening_s)
        return not more.listening_s or self.listening_share(both) <= self._max_load
