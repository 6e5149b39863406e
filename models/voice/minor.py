"""Whether a child speaks or sings: a reason for a person to look, never a proof."""

from __future__ import annotations

from config.taxonomy import Label, RiskType
from models.hearing import Hearing
from models.results import SoundFinding
from models.voice.age import PRIOR, child_probability, tagged, to_probability

CHILD_SINGING = 29
"""YAMNet's class."""
MIN_SINGING_S = 1.0
MIN_PROBABILITY = 0.5
"""Less is not told: every woman would be listed with the little that is left."""
SPEAKING = Label(RiskType.MINOR, "voice", "speaking")
SINGING = Label(RiskType.MINOR, "voice", "singing")


class MinorDetector:
    """A SoundDetector. Speech is judged by the sound tagger, pitch and formants, singing by the tagger alone:
    pitch is the melody's there.
    """

    risks = frozenset({RiskType.MINOR})

    def detect(self, hearing: Hearing) -> list[SoundFinding]:
        """Return what is more probable than not. Raises RecognitionError."""
        found = []
        speaking = child_probability(hearing)
        if speaking is not None and speaking >= MIN_PROBABILITY:
            found.append(SoundFinding(SPEAKING, speaking, "minor"))
        if sum(end_s - start_s for start_s, end_s in hearing.spans.singing) >= MIN_SINGING_S:
            singing = to_probability(PRIOR + tagged(hearing.scores, CHILD_SINGING))
            if singing >= MIN_PROBABILITY:
                found.append(SoundFinding(SINGING, singing, "minor"))
        return found
