"""Singing, by two models that correct each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from config.taxonomy import load_taxonomy
from models.hearing import Hearing
from models.interfaces import Samples
from models.results import AudioSpans
from models.sound.singing import ACCOMPANIED, UNACCOMPANIED, SingingDetector
from pipeline.audio import to_samples
from tests.support.hearing import made_up
from tests.support.speech import noise, silence, speech_pcm
from tests.support.voiced import barking, laughing, moaning, singing, siren

SAID = {"Speech": 0.98}
SUNG = {"Singing": 0.18, "Music": 0.5}
FAINT = {"Singing": 0.05}
ALL = ((0.0, 9.6),)


@pytest.fixture(scope="module")
def detector(classes: tuple[str, ...]) -> SingingDetector:
    return SingingDetector(classes)


def probability(detector: SingingDetector, hearing: Hearing) -> float:
    return max((each.probability for each in detector.detect(hearing)), default=0.0)


def test_a_sung_scale_is_singing(detector: SingingDetector, hear: Callable[[Samples], Hearing]) -> None:
    [finding] = detector.detect(hear(singing(10.0)))
    assert finding.label == UNACCOMPANIED
    assert finding.probability >= 0.5


def test_with_chords_under_it_it_is_accompanied(
    detector: SingingDetector, hear: Callable[[Samples], Hearing]
) -> None:
    times_s = np.arange(160_000) / 16_000
    plucked = np.exp(-3 * (times_s % 0.6))
    chords = sum(
        np.sin(2 * np.pi * pitch_hz * part * times_s) / part
        for pitch_hz in (110.0, 164.8, 277.2)
        for part in (1, 2, 3)
    )
    mixed = singing(10.0) + (0.1 * plucked * chords).astype(np.float32)
    [finding] = detector.detect(hear(mixed))
    assert finding.label == ACCOMPANIED
    assert finding.probability >= 0.5


@pytest.mark.parametrize(
    "samples",
    [
        to_samples(speech_pcm("And then we sang a song together, all of us, until the lights went out.")),
        np.tile(to_samples(speech_pcm("Again and again.")), 6)[:160_000],
        laughing(10.0),
        barking(10.0),
        siren(10.0),
        moaning(10.0),
        to_samples(noise(10.0, 0.2)),
        to_samples(silence(10.0)),
        to_samples(silence(0.0)),
    ],
    ids=["speech", "repeated", "laughing", "barking", "siren", "moaning", "noise", "silence", "nothing"],
)
def test_nothing_else_is(
    detector: SingingDetector, hear: Callable[[Samples], Hearing], samples: Samples
) -> None:
    assert probability(detector, hear(samples)) < 0.5


def test_the_two_models_correct_each_other(detector: SingingDetector, classes: tuple[str, ...]) -> None:
    spans = AudioSpans((), ALL, ())
    both = probability(detector, made_up(classes, [SUNG] * 10, spans))
    faintly = probability(detector, made_up(classes, [FAINT] * 10, spans))
    only_spans = probability(detector, made_up(classes, [{}] * 10, spans))
    denied = probability(detector, made_up(classes, [SAID] * 10, spans))
    only_tags = probability(detector, made_up(classes, [{"Choir": 0.9}] * 10))
    assert both >= faintly >= 0.8
    assert 0.3 < only_spans < 0.5
    assert denied < 0.1
    assert only_tags == pytest.approx(0.9)


def test_a_few_sung_seconds_weigh_less(detector: SingingDetector, classes: tuple[str, ...]) -> None:
    found = [
        probability(detector, made_up(classes, [FAINT] * 10, AudioSpans((), ((1.0, 1.0 + length_s),), ())))
        for length_s in (1.0, 3.0, 5.0, 8.0)
    ]
    assert found[0] < 0.1
    assert found == sorted(found)
    assert found[-1] > 0.8


def test_music_tells_the_labels_apart(detector: SingingDetector, classes: tuple[str, ...]) -> None:
    for music, label in (((), UNACCOMPANIED), (((0.0, 4.0),), UNACCOMPANIED), (((0.0, 6.0),), ACCOMPANIED)):
        [finding] = detector.detect(made_up(classes, [FAINT] * 10, AudioSpans((), ALL, music)))
        assert finding.label == label
        assert label in load_taxonomy()
    [finding] = detector.detect(made_up(classes, [SUNG] * 10, AudioSpans((), ALL, ())))
    assert finding.label == ACCOMPANIED
