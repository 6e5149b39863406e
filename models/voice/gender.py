"""Whether a man or a woman speaks: two opinions that err in different places.

A network that was trained on thousands of French speakers, and a small head on the voiceprint, the pitch and
the third formant. Noise draws the first towards a man, the second towards a woman (docs/accuracy.md).
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from config.taxonomy import Label, RiskType
from models.hearing import Hearing
from models.results import SoundFinding
from models.voice.formants import Formants
from models.voice.pitch import Pitch

HEAD_FILE = "gender_head.json"
"""Weights of a logistic regression, made by `benchmarks/train_gender.py`, which says from what."""
MIDDLE_HZ, MIDDLE_F3_HZ = 170.0, 2_750.0
"""Between men's and women's means (Hillenbrand et al. 1995: 131 and 220 Hz; F3 about 2550 and 2950).
They only centre the features."""
NETWORK_WEIGHT = 0.5
"""The network's log odds are larger than it is right often: with half of them both together did best on the
people of docs/accuracy.md (0.33 to 1 were tried)."""
SUREST = 0.95
"""No voice is told with more confidence: too few speakers were heard to claim more (docs/accuracy.md)."""
MALE = Label(RiskType.GENDER, "gender", "male")
FEMALE = Label(RiskType.GENDER, "gender", "female")


class GenderDetector:
    """A SoundDetector; finds nothing where less than a second is spoken."""

    risks = frozenset({RiskType.GENDER})

    def detect(self, hearing: Hearing) -> list[SoundFinding]:
        """Return both genders; their probabilities sum to 1. Raises RecognitionError."""
        woman = female_probability(hearing)
        if woman is None:
            return []
        return [SoundFinding(FEMALE, woman, "gender"), SoundFinding(MALE, 1.0 - woman, "gender")]


def female_probability(hearing: Hearing) -> float | None:
    """Return how probably a woman speaks, None where too little is spoken.

    The log odds of both are added up. Raises RecognitionError.
    """
    features, heard = gender_features(hearing), hearing.female_log_odds
    if features is None or heard is None:
        return None
    weights, bias = _head()
    log_odds = float(features @ weights) + bias + NETWORK_WEIGHT * heard
    probability = 1.0 / (1.0 + float(np.exp(-np.clip(log_odds, -30.0, 30.0))))
    return float(np.clip(probability, 1.0 - SUREST, SUREST))


def gender_features(hearing: Hearing) -> NDArray[np.float64] | None:
    """Return what the head reads: the voiceprint, then pitch and third formant in octaves; shape (258,)."""
    if not hearing.pitch.clear or hearing.formants is None or hearing.voiceprint is None:
        return None
    return np.concatenate([hearing.voiceprint, _octaves(hearing.pitch, hearing.formants)])


def _octaves(pitch: Pitch, formants: Formants) -> NDArray[np.float64]:
    octaves: NDArray[np.float64] = np.log2(
        np.array([pitch.median_hz / MIDDLE_HZ, formants.f3_hz / MIDDLE_F3_HZ])
    )
    return octaves


@cache
def _head() -> tuple[NDArray[np.float64], float]:
    head = json.loads(resources.files("models.voice").joinpath(HEAD_FILE).read_text(encoding="utf-8"))
    return np.array(head["weights"]), float(head["bias"])
