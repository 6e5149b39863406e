"""Recognises the voices of enrolled people."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from config.taxonomy import Label, RiskType
from models.hearing import Hearing
from models.interfaces import SAMPLE_RATE_HZ
from models.results import SoundFinding
from models.voice.index import VoiceIndex

LABEL = Label(RiskType.AUDIOPOLITICAL, "voiceprint", "enrolled")
MIN_SPEECH_S = 3.0
"""Of less speech a voiceprint says too little: see docs/accuracy.md."""
REVIEW_COSINE, REJECT_COSINE = 0.75, 0.80
"""Above what every stranger reached (0.74), and what nearly every clean window of the enrolled reaches."""
COSINES = (0.5, REVIEW_COSINE, REJECT_COSINE, 1.0)
PROBABILITIES = (0.0, 0.5, 0.85, 1.0)
MIN_PROBABILITY = 0.4
"""A person is not named for less, whatever the thresholds of a policy."""


class EnrolledVoiceDetector:
    """A SoundDetector; beside the voiceprint itself it costs a tenth of a millisecond."""

    risks = frozenset({RiskType.AUDIOPOLITICAL})

    def __init__(self, index: Callable[[], VoiceIndex]) -> None:
        """`index` returns who is enrolled now; it must not block."""
        self._index = index

    def detect(self, hearing: Hearing) -> list[SoundFinding]:
        """Return the enrolled person whose voice it is, if at least MIN_SPEECH_S are spoken.

        Raises RecognitionError.
        """
        index = self._index()
        if not len(index) or len(hearing.speech) < MIN_SPEECH_S * SAMPLE_RATE_HZ:
            return []
        if (voiceprint := hearing.voiceprint) is None:
            return []
        name, cosine = index.nearest(voiceprint)
        probability = probability_of(cosine)
        if probability < MIN_PROBABILITY:
            return []
        return [SoundFinding(LABEL, probability, "enrolled", name)]


def probability_of(cosine: float) -> float:
    """Return 0..1, rising with the cosine: 0.5 at REVIEW_COSINE, 0.85 at REJECT_COSINE, straight between.

    0.5 and 0.85 are the thresholds of the default policy.
    """
    return float(np.interp(cosine, COSINES, PROBABILITIES))
