"""MOAN: what lasts and is moaning, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from config.taxonomy import load_taxonomy
from models.hearing import Hearing
from models.interfaces import Samples
from models.sound.moan import LABEL, MAX_PROBABILITY, MoanDetector
from pipeline.audio import to_samples
from tests.support.hearing import made_up
from tests.support.speech import noise, speech_pcm
from tests.support.voiced import OPEN, barking, breathe, laughing, moaning, rest, singing, siren

GROAN = {"Groan": 0.5}
QUIET: dict[str, float] = {}


@pytest.fixture(scope="module")
def detector(classes: tuple[str, ...]) -> MoanDetector:
    return MoanDetector(classes)


def probability(detector: MoanDetector, hearing: Hearing) -> float:
    findings = detector.detect(hearing)
    assert all(each.label == LABEL for each in findings)
    assert len(findings) <= 1
    return findings[0].probability if findings else 0.0


@pytest.mark.parametrize(("pitch_hz", "seed"), [(200.0, 2), (240.0, 0), (270.0, 1), (330.0, 2)])
def test_made_moaning_is_found(
    detector: MoanDetector, hear: Callable[[Samples], Hearing], pitch_hz: float, seed: int
) -> None:
    assert probability(detector, hear(moaning(10.0, pitch_hz=pitch_hz, seed=seed))) >= 0.5


def test_one_moan_is_none(detector: MoanDetector, hear: Callable[[Samples], Hearing]) -> None:
    once = np.concatenate([moaning(2.0, pitch_hz=270.0), rest(8.0)]).astype(np.float32)
    assert probability(detector, hear(once)) == 0.0


def panting() -> Samples:
    """Return ten seconds of quick breath, as after running."""
    breaths = [part for seed in range(25) for part in (0.4 * breathe(0.3, breath=OPEN, seed=seed), rest(0.1))]
    return np.concatenate(breaths).astype(np.float32)


@pytest.mark.parametrize(
    "samples",
    [
        laughing(10.0),
        singing(10.0),
        barking(10.0),
        siren(10.0),
        panting(),
        to_samples(noise(10.0, 0.2)),
        to_samples(speech_pcm("Ah, oh, the train was late again and everybody moaned about it all morning.")),
    ],
    ids=["laughing", "singing", "barking", "siren", "panting", "noise", "speech"],
)
def test_nothing_else_is(
    detector: MoanDetector, hear: Callable[[Samples], Hearing], samples: Samples
) -> None:
    assert probability(detector, hear(samples)) == 0.0


@pytest.mark.parametrize(
    ("patches", "least", "most"),
    [
        ([GROAN] * 4 + [QUIET] * 6, 0.5, 0.5),
        ([GROAN] * 10, MAX_PROBABILITY, MAX_PROBABILITY),
        ([GROAN] * 3 + [QUIET] * 7, 0.0, 0.0),
        ([GROAN] * 3, MAX_PROBABILITY, MAX_PROBABILITY),
        ([GROAN] * 2, 0.0, 0.0),
        ([], 0.0, 0.0),
        ([{"Gasp": 0.9, "Pant": 0.9, "Breathing": 0.9}] * 10, 0.0, 0.0),
        ([{"Groan": 0.18, "Whimper": 0.18}] * 10, MAX_PROBABILITY, MAX_PROBABILITY),
        ([{"Groan": 0.18, "Gasp": 0.9}] * 10, 0.0, 0.0),
    ],
)
def test_it_must_last(
    detector: MoanDetector,
    classes: tuple[str, ...],
    patches: Sequence[Mapping[str, float]],
    least: float,
    most: float,
) -> None:
    found = probability(detector, made_up(classes, patches))
    assert least - 1e-6 <= found <= most + 1e-6


@pytest.mark.parametrize(
    "rival",
    [
        *("Laughter", "Baby cry, infant cry", "Cough", "Snoring", "Run", "Singing", "Humming"),
        *(
            "Grunt",
            "Dog",
            "Whale vocalization",
            "Cat",
            "Siren",
            "Cheering",
            "Creak",
            "Whack, thwack",
        ),
    ],
)
def test_what_is_likelier_wins(detector: MoanDetector, classes: tuple[str, ...], rival: str) -> None:
    assert probability(detector, made_up(classes, [{"Groan": 0.5, rival: 0.6}] * 10)) == 0.0
    assert probability(detector, made_up(classes, [{"Groan": 0.5, rival: 0.2}] * 10)) >= 0.5


def test_speech_weighs_half(detector: MoanDetector, classes: tuple[str, ...]) -> None:
    assert probability(detector, made_up(classes, [{"Groan": 0.4, "Speech": 0.9}] * 10)) == 0.0
    assert probability(detector, made_up(classes, [{"Groan": 0.5, "Speech": 0.9}] * 10)) >= 0.5


def test_music_is_no_rival(detector: MoanDetector, classes: tuple[str, ...]) -> None:
    assert probability(detector, made_up(classes, [{"Groan": 0.5, "Music": 0.9}] * 10)) >= 0.5


def test_every_patch_is_weighed(detector: MoanDetector, classes: tuple[str, ...]) -> None:
    coughs = [{"Groan": 0.9}] * 3 + [{"Groan": 0.5, "Cough": 0.6}] * 3 + [QUIET] * 4
    assert probability(detector, made_up(classes, coughs)) == 0.0


def test_the_window_is_weighed_as_well(detector: MoanDetector, classes: tuple[str, ...]) -> None:
    yelps = [{"Whimper": 0.5}] * 4 + [{"Dog": 0.9}] * 6
    assert probability(detector, made_up(classes, yelps)) == 0.0


def test_the_label_has_names() -> None:
    assert load_taxonomy().describe(LABEL, "zh")[2] == "持续呻吟"
