"""How old the one who speaks sounds: surely told is only a child from an adult."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from config.taxonomy import Label, RiskType
from models.hearing import Hearing
from models.interfaces import SAMPLE_RATE_HZ, Scores
from models.results import SoundFinding
from models.voice.gender import female_probability
from models.voice.voiceprint import MIN_SPEECH_S

CHILD_SPEECH = 1
"""YAMNet's class "Child speech, kid speaking"."""
STRONGEST_PATCHES = 2
"""A child is heard for two seconds before it counts: one odd vowel is none."""
USUAL_SCORE, OFFSET = 0.15, 0.01
"""The score that speaks neither for nor against a child, and what keeps a score of 0 finite."""
TAGGER_WEIGHT = 1.5
PRIOR = -1.0
"""Log odds before anything is heard: most who speak live are adults."""
WOMAN_HZ, CHILD_HZ, PITCH_OCTAVES = 220.0, 260.0, 0.2
WOMAN_F3_HZ, CHILD_F3_HZ, F3_OCTAVES = 2_950.0, 3_400.0, 0.13
"""Means and spreads of pitch and third formant of women and of children (Hillenbrand et al. 1995 for ten to
twelve years, Peterson and Barney 1952 for younger ones; the spread of F3 is that of our measurement)."""
MOST_EVIDENCE = 2.0
"""Largest log likelihood ratio that pitch and formants may add: a small woman has them too."""
SUREST = 0.9
ADULT_YOUNG, ADULT_MIDDLE, ADULT_OLD = 0.45, 0.40, 0.15
"""Of adults when nothing is known; what is heard moves these little."""
MAN_MEAN_HZ, WOMAN_MEAN_HZ = 120.0, 205.0
TILT = 0.3
"""How much a third of an octave above one's gender's mean speaks for young and against old. Women's pitch
falls with age, men's first falls and rises after sixty (Stathopoulos, Huber and Sussman 2011); the overlap is
wide."""


@dataclass(frozen=True, slots=True)
class Age:
    """Probabilities that sum to 1."""

    child: float
    young: float
    middle: float
    old: float


class AgeDetector:
    """A SoundDetector; finds nothing where less than a second is spoken."""

    risks = frozenset({RiskType.AGE})

    def detect(self, hearing: Hearing) -> list[SoundFinding]:
        """Return all four ages; their probabilities sum to 1. Raises RecognitionError."""
        age = estimate_age(hearing)
        if age is None:
            return []
        shares = {"child": age.child, "young": age.young, "middle": age.middle, "old": age.old}
        return [
            SoundFinding(Label(RiskType.AGE, "age", name), share, "age") for name, share in shares.items()
        ]


def estimate_age(hearing: Hearing) -> Age | None:
    """Return how old the speaker may be, None where too little is spoken. Raises RecognitionError."""
    child = child_probability(hearing)
    woman = female_probability(hearing)
    if child is None or woman is None:
        return None
    mean_hz = MAN_MEAN_HZ * (WOMAN_MEAN_HZ / MAN_MEAN_HZ) ** woman
    height = float(np.clip(3 * np.log2(hearing.pitch.median_hz / mean_hz), -1.5, 1.5))
    young, middle = ADULT_YOUNG * np.exp(TILT * height), ADULT_MIDDLE
    # A man's pitch says little about old age, a woman's some.
    old = ADULT_OLD * np.exp(-TILT * height * woman)
    rest = (1.0 - child) / (young + middle + old)
    return Age(child, float(young * rest), float(middle * rest), float(old * rest))


def child_probability(hearing: Hearing) -> float | None:
    """Return how probably a child speaks, None where too little is spoken. Raises RecognitionError."""
    if len(hearing.speech) < MIN_SPEECH_S * SAMPLE_RATE_HZ:
        return None
    if not hearing.pitch.clear or hearing.formants is None:
        return None
    pitch = _ratio(hearing.pitch.median_hz, WOMAN_HZ, CHILD_HZ, PITCH_OCTAVES)
    tract = _ratio(hearing.formants.f3_hz, WOMAN_F3_HZ, CHILD_F3_HZ, F3_OCTAVES)
    evidence = float(np.clip(pitch + tract, -MOST_EVIDENCE, MOST_EVIDENCE))
    return to_probability(PRIOR + tagged(hearing.scores, CHILD_SPEECH) + evidence)


def tagged(scores: Scores, *classes: int) -> float:
    """Return the log odds that the strongest patches of a class speak for it."""
    strongest = np.sort(scores[:, list(classes)].max(axis=1))[-STRONGEST_PATCHES:]
    mean = float(strongest.mean()) if len(strongest) else 0.0
    return TAGGER_WEIGHT * float(np.log((mean + OFFSET) / USUAL_SCORE))


def to_probability(log_odds: float) -> float:
    """Return the probability, at most SUREST."""
    return min(SUREST, 1.0 / (1.0 + float(np.exp(-log_odds))))


def _ratio(heard_hz: float, first_hz: float, second_hz: float, spread_octaves: float) -> float:
    """Return the log likelihood ratio of the second of two normal distributions of equal spread."""
    heard, first, second = np.log2([heard_hz, first_hz, second_hz])
    return float(((heard - first) ** 2 - (heard - second) ** 2) / (2 * spread_octaves**2))
