"""Asks the detectors of sound that a stream wants about its windows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from config.taxonomy import RiskType
from models.hearing import Hearing, Senses, SoundDetector
from models.interfaces import Samples
from models.results import AudioSpans, SoundFinding
from pipeline.cost import ListeningCost
from pipeline.speech import audible

RECORDED = frozenset({RiskType.ANTHEN, RiskType.BANEDAUDIO, RiskType.COPYRIGHTSONGS})
"""What is recognised again in pieces, also in one that two windows share."""


class Listener:
    """All detectors of sound; blocking, thread-safe, holds no state of a stream."""

    def __init__(
        self,
        senses: Senses,
        detectors: Sequence[SoundDetector],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` gives seconds, from any zero, by which the cost is measured."""
        self._senses = senses
        self._detectors = detectors
        self._clock = clock
        self._cost = ListeningCost()

    @property
    def risks(self) -> frozenset[RiskType]:
        """All that its detectors can find."""
        return frozenset().union(*(detector.risks for detector in self._detectors))

    def listens(self, risks: frozenset[RiskType]) -> bool:
        """Say whether any detector looks for one of the risks."""
        return any(detector.risks & risks for detector in self._detectors)

    def remembers(self, risks: frozenset[RiskType]) -> bool:
        """Say whether a window's sound is needed for the next one too."""
        return bool(RECORDED & risks & self.risks)

    def hear(
        self,
        risks: frozenset[RiskType],
        samples: Samples,
        before: Samples | None,
        spans: Callable[[], AudioSpans] | None,
    ) -> list[SoundFinding]:
        """Return what was asked for and found, the more probable first; nothing where nothing is audible.

        `before` is the window before; `spans` tells of this one what others may have asked already.
        Raises RecognitionError.
        """
        began = self._clock()
        found = self._hear(risks, samples, before, spans)
        self._cost.note(risks & self.risks, self._clock() - began)
        return found

    def cost_s(self, risks: frozenset[RiskType]) -> float:
        """Return the seconds of one thread that a window takes which is listened to for `risks`, silent ones
        counted: a moving average; what the dearest set takes while this one is not known.
        """
        return self._cost.of(risks & self.risks)

    def warm_up(self, samples: Samples) -> None:
        """Listen for everything once to get what libraries load, and again to know what it costs."""
        self._hear(self.risks, samples, None, None)
        self.hear(self.risks, samples, None, None)

    def _hear(
        self,
        risks: frozenset[RiskType],
        samples: Samples,
        before: Samples | None,
        spans: Callable[[], AudioSpans] | None,
    ) -> list[SoundFinding]:
        wanted = [detector for detector in self._detectors if detector.risks & risks]
        if not wanted or not audible(samples):
            return []
        hearing = Hearing(samples, self._senses, before, spans)
        found = [finding for detector in wanted for finding in detector.detect(hearing)]
        asked = [finding for finding in found if finding.label.risk in risks]
        return sorted(asked, key=lambda finding: -finding.probability)
