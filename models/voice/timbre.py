"""The nine timbres of the contract: what gender, age, pitch and brightness make of a voice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from config.taxonomy import Label, RiskType
from models.hearing import Hearing
from models.results import SoundFinding
from models.voice.age import MAN_MEAN_HZ, WOMAN_MEAN_HZ, estimate_age
from models.voice.gender import female_probability

USUAL_BRIGHTNESS_DB, BRIGHTNESS_SPREAD_DB = -10.0, 6.0
"""Power above against power below 1 kHz, of the LibriSpeech recordings in docs/accuracy.md."""
PITCH_SPREAD_OCTAVES = 0.25
"""Of the means of people of one gender."""
LARGEST = 2.0
"""Spreads from the mean beyond which a voice gets no more extreme."""
STEEPNESS = 1.0
"""How much one spread moves the odds between two neighbouring timbres."""
BRIGHTNESS_WEIGHT = 0.3
"""The microphone colours brightness, not pitch: it counts little."""
QUEENS = 0.5
"""Of the middle-aged women a lady stands for, how many command."""


class TimbreDetector:
    """A SoundDetector; the names are a convention, there is no truth to measure them against."""

    risks = frozenset({RiskType.TIMBRE})

    def detect(self, hearing: Hearing) -> list[SoundFinding]:
        """Return all nine; their probabilities sum to 1. Nothing where too little is spoken."""
        woman, age, formants = female_probability(hearing), estimate_age(hearing), hearing.formants
        if woman is None or age is None or formants is None:
            return []
        bright = _spreads((formants.brightness_db - USUAL_BRIGHTNESS_DB) / BRIGHTNESS_SPREAD_DB)
        low_man = _height(hearing.pitch.median_hz, MAN_MEAN_HZ, bright)
        high_woman = _height(hearing.pitch.median_hz, WOMAN_MEAN_HZ, bright)
        uncle, youth = _shares(age.middle + age.young, np.log([age.middle, age.young]), [-1, 1], low_man)
        queen, lady, maiden = _shares(
            age.middle + age.young,
            np.log([QUEENS * age.middle, age.middle, age.young]),
            [-1, 0, 1],
            high_woman,
        )
        man = 1.0 - woman
        shares = {
            ("male", "uncle"): man * uncle,
            ("male", "youth"): man * youth,
            ("male", "boy"): man * age.child,
            ("male", "elder"): man * age.old,
            ("female", "queen"): woman * queen,
            ("female", "lady"): woman * lady,
            ("female", "maiden"): woman * maiden,
            ("female", "girl"): woman * age.child,
            ("female", "aunt"): woman * age.old,
        }
        return [
            SoundFinding(Label(RiskType.TIMBRE, side, name), share, "timbre")
            for (side, name), share in shares.items()
        ]


def _spreads(value: float) -> float:
    return float(np.clip(value, -LARGEST, LARGEST))


def _height(pitch_hz: float, mean_hz: float, bright: float) -> float:
    """Return how high and bright a voice is for its gender, in spreads."""
    high = _spreads(float(np.log2(pitch_hz / mean_hz)) / PITCH_SPREAD_OCTAVES)
    return _spreads(high + BRIGHTNESS_WEIGHT * bright)


def _shares(total: float, logs: NDArray[np.float64], places: list[int], height: float) -> list[float]:
    """Divide `total` among timbres that lie at `places` from dark to light."""
    odds = np.exp(logs + STEEPNESS * height * np.array(places))
    return [float(share) for share in total * odds / odds.sum()]
