"""MOAN: somebody moans for seconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from config.taxonomy import Label, RiskType
from models.hearing import Hearing
from models.interfaces import Scores
from models.results import SoundFinding
from models.sound.classes import PerPatch, SoundClasses, any_of, strongest

LABEL = Label(RiskType.MOAN, "moaning", "sustained")

VOICED = ("Wail, moan", "Whimper", "Groan")
BREATHY = ("Gasp", "Pant", "Breathing", "Sigh")
SPOKEN = ("Speech..Speech synthesizer", "Whispering")
AGAINST = (
    "Shout..Screaming",
    "Laughter..Baby cry, infant cry",
    "Singing..Humming",
    "Grunt",
    "Wheeze",
    "Snoring",
    "Snort..Walk, footsteps",
    "Gargling",
    "Burping, eructation..Fart",
    "Cheering..Children playing",
    "Animal..Whale vocalization",
    "Alarm..Whistle",
    "Squeak",
    "Whoosh, swoosh, swish",
    "Thump, thud",
    "Bang..Smash, crash",
    "Squeal",
    "Creak",
)
"""Laughing, crying, coughing, snoring, exercise, singing, animals, crowds, sirens, blows, hinges."""

MIN_EVIDENCE = 0.3
"""From which a patch counts; quantised YAMNet's next lower score is 0.18."""
BREATH_WEIGHT = 0.5
SPOKEN_WEIGHT = 0.5
"""In a little noise YAMNet scores voices without words as speech, about half as high as a speaker."""
MIN_SHARE = 0.4
"""Of a window's patches, from which it is MOAN (probability 0.5)."""
MIN_PATCHES = 3
"""A moan in each, whatever the window's length."""
FULL_SHARE = 0.9
MAX_PROBABILITY = 0.8
"""No score tells lust from pain or play: at the default thresholds a person looks."""


class MoanDetector:
    """A SoundDetector for sustained moaning, on YAMNet's scores alone.

    A patch of 0.96 s counts when the voiced sounds (wail or moan, whimper, groan; together, as if
    independent) reach 0.3 and outweigh everything that is like moaning and is not: shouts and screams,
    laughing, crying, coughing, snoring, running, singing and humming, grunts of effort, animals, crowds,
    sirens, blows and hinges, and half of what is scored as speech. Breath (gasp, pant, sigh) adds to a voiced
    patch by half and counts for nothing alone, so that snoring, sport and a microphone that is blown at have
    no effect.

    MOAN needs three such patches and four of ten of the window, and over the whole window moaning must
    outweigh all its rivals together: one groan, or a dog that yelps between its barks, is none.
    Probability 0.5 at four patches of ten, 0.8 from nine on, never more. Parameters: by hand, on the groans
    of actors in games; see docs/accuracy.md for what was measured and what could not be.
    """

    risks = frozenset({RiskType.MOAN})

    def __init__(self, classes: Sequence[str]) -> None:
        """`classes` are the names of what the tagger scores."""
        known = SoundClasses(classes)
        self._voiced = known.named(*VOICED)
        self._breathy = known.named(*BREATHY)
        self._spoken = known.named(*SPOKEN)
        self._against = known.named(*AGAINST)

    def detect(self, hearing: Hearing) -> list[SoundFinding]:
        """Return MOAN when it lasts. Raises RecognitionError."""
        scores = hearing.scores
        if len(scores) < MIN_PATCHES:
            return []
        evidence = self._evidence(scores)
        spoken = SPOKEN_WEIGHT * strongest(scores, self._spoken)
        rival = np.maximum(spoken, strongest(scores, self._against))
        counted = (evidence >= MIN_EVIDENCE) & (evidence > rival)
        share = float(counted.mean())
        lasting = counted.sum() >= MIN_PATCHES and share >= MIN_SHARE
        rivals = 1.0 - (1.0 - spoken) * (1.0 - any_of(scores, self._against))
        if not lasting or evidence.mean() <= rivals.mean():
            return []
        grown = min(1.0, (share - MIN_SHARE) / (FULL_SHARE - MIN_SHARE))
        return [SoundFinding(LABEL, 0.5 + (MAX_PROBABILITY - 0.5) * grown, "moan")]

    def _evidence(self, scores: Scores) -> PerPatch:
        voiced = any_of(scores, self._voiced)
        breath = np.minimum(strongest(scores, self._breathy), voiced)
        return np.minimum(1.0, voiced + BREATH_WEIGHT * breath)
