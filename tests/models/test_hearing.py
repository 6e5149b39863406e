"""A window as detectors get it."""

from __future__ import annotations

import numpy as np
import pytest

from models.hearing import MASK_RMS, SPEECH_RMS, Hearing, Senses, conditioned, without
from models.interfaces import Samples, Scores, Voiceprint
from models.results import AudioSpans


class CountingSenses:
    """All models, with answers of their own; remembers what each was given."""

    classes: tuple[str, ...] = ()

    def __init__(self, spans: AudioSpans) -> None:
        self._spans = spans
        self.asked: list[str] = []
        self.embedded: list[int] = []

    def detect(self, _: Samples) -> AudioSpans:
        self.asked.append("spans")
        return self._spans

    def tag(self, samples: Samples) -> Scores:
        self.asked.append("scores")
        return np.zeros((len(samples) // 16_000, 521), np.float32)

    def embed(self, samples: Samples) -> Voiceprint | None:
        self.asked.append("voiceprint")
        self.embedded.append(len(samples))
        return None

    def female_log_odds(self, samples: Samples) -> float | None:
        self.asked.append("gender")
        return float(len(samples))


SAMPLES: Samples = np.linspace(0.0, 1.0, 160_000, dtype=np.float32)


def test_speech_is_what_nobody_sings() -> None:
    assert without(((0.0, 5.0), (6.0, 9.0)), ((4.0, 7.0),)) == [(0.0, 4.0), (7.0, 9.0)]
    assert without(((0.0, 5.0),), ((1.0, 2.0), (3.0, 4.0))) == [(0.0, 1.0), (2.0, 3.0), (4.0, 5.0)]
    assert without(((1.0, 2.0),), ((0.0, 3.0),)) == []


def test_every_model_is_asked_once_and_only_when_needed() -> None:
    models = CountingSenses(AudioSpans(((1.0, 3.0), (5.0, 6.0)), (), ()))
    hearing = Hearing(SAMPLES, Senses(models, models, models, models))
    assert not models.asked
    spoken = np.concatenate([SAMPLES[16_000:48_000], SAMPLES[80_000:96_000]])
    for _ in range(2):
        assert np.array_equal(hearing.speech, spoken)
        assert hearing.voiceprint is None
        assert hearing.female_log_odds == 48_000
        assert hearing.scores.shape == (10, 521)
    assert models.asked == ["spans", "voiceprint", "gender", "scores"]
    assert models.embedded == [48_000]


def test_what_is_known_is_not_asked_again() -> None:
    models = CountingSenses(AudioSpans((), (), ()))
    known = AudioSpans(((0.0, 1.0),), (), ())
    assert len(Hearing(SAMPLES, Senses(models, models, models, models), spans=lambda: known).speech) == 16_000
    assert not models.asked


def test_speech_is_brought_to_one_loudness() -> None:
    quiet = conditioned(SAMPLES * np.float32(0.001))
    assert float(np.sqrt(np.mean(np.square(quiet)))) == pytest.approx(SPEECH_RMS, rel=1e-2)
    assert quiet.dtype == np.float32
    assert np.allclose(quiet, conditioned(SAMPLES), atol=1e-6)
    nothing = conditioned(np.zeros(1_000, np.float32))
    assert 0 < float(np.abs(nothing).max()) < 10 * MASK_RMS
    assert len(conditioned(np.zeros(0, np.float32))) == 0
