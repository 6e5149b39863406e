"""Windows for detectors of sound: with scores made up by class, or heard by the real models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.hearing import Hearing, Senses
from models.interfaces import SAMPLE_RATE_HZ, AudioSpanDetector, Samples, Scores, SoundTagger, Voiceprint
from models.results import AudioSpans
from models.sound.classes import PATCH_S

NOTHING = AudioSpans((), (), ())


class MadeUp:
    """All models, with answers that were given beforehand."""

    classes: tuple[str, ...] = ()

    def __init__(self, scores: Scores, spans: AudioSpans) -> None:
        self._scores = scores
        self._spans = spans

    def detect(self, _: Samples) -> AudioSpans:
        return self._spans

    def tag(self, _: Samples) -> Scores:
        return self._scores

    def embed(self, _: Samples) -> Voiceprint | None:
        return None

    def female_log_odds(self, _: Samples) -> float | None:
        return None


def made_up(
    classes: Sequence[str], patches: Sequence[Mapping[str, float]], spans: AudioSpans = NOTHING
) -> Hearing:
    """Return a window whose patches have the scores that are named; the others are 0."""
    scores = np.zeros((len(patches), len(classes)), np.float32)
    for row, patch in zip(scores, patches, strict=True):
        for name, score in patch.items():
            row[classes.index(name)] = score
    models = MadeUp(scores, spans)
    samples = np.zeros(round(len(patches) * PATCH_S * SAMPLE_RATE_HZ), np.float32)
    return Hearing(samples, Senses(models, models, models, models))


def heard(samples: Samples, spans: AudioSpanDetector, tagger: SoundTagger) -> Hearing:
    """Return `samples` as the real models hear them."""
    deaf = MadeUp(np.zeros((0, 521), np.float32), NOTHING)
    return Hearing(samples, Senses(spans, tagger, deaf, deaf))
