"""Shots, explosions and screams, and what is like them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from config.taxonomy import load_taxonomy
from models.hearing import Hearing
from models.interfaces import Samples
from models.sound.violence import EXPLOSION, GUNSHOT, MAX_PROBABILITY, SCREAMING, ViolenceDetector
from pipeline.audio import to_samples
from tests.support.hearing import made_up
from tests.support.speech import noise, speech_pcm
from tests.support.voiced import barking, laughing, moaning, screaming, shots, singing, siren

QUIET: dict[str, float] = {}


@pytest.fixture(scope="module")
def detector(classes: tuple[str, ...]) -> ViolenceDetector:
    return ViolenceDetector(classes)


def found(detector: ViolenceDetector, hearing: Hearing) -> dict[str, float]:
    return {each.label.label3: each.probability for each in detector.detect(hearing)}


def test_made_shots_are_found(detector: ViolenceDetector, hear: Callable[[Samples], Hearing]) -> None:
    assert found(detector, hear(shots(10.0, [1.0, 1.5, 6.0])))["gunshot"] >= 0.5


def test_made_screams_are_found(detector: ViolenceDetector, hear: Callable[[Samples], Hearing]) -> None:
    assert found(detector, hear(screaming(10.0)))["screaming"] >= 0.5


@pytest.mark.parametrize(
    "samples",
    [
        laughing(10.0),
        singing(10.0),
        barking(10.0),
        siren(10.0),
        moaning(10.0),
        to_samples(noise(10.0, 0.2)),
        to_samples(speech_pcm("He fired the gun, and somebody screamed before the bomb exploded.")),
    ],
    ids=["laughing", "singing", "barking", "siren", "moaning", "noise", "speech"],
)
def test_nothing_else_is_violent(
    detector: ViolenceDetector, hear: Callable[[Samples], Hearing], samples: Samples
) -> None:
    assert found(detector, hear(samples)) == {}


@pytest.mark.parametrize(
    ("patch", "label", "probability"),
    [
        ({"Gunshot, gunfire": 0.7, "Explosion": 0.7}, "gunshot", 0.7),
        ({"Machine gun": 0.6}, "gunshot", 0.6),
        ({"Gunshot, gunfire": 0.98}, "gunshot", MAX_PROBABILITY),
        ({"Explosion": 0.7}, "explosion", 0.7),
        ({"Explosion": 0.7, "Gunshot, gunfire": 0.2}, "explosion", 0.7),
        ({"Boom": 0.5, "Thunder": 0.2}, "explosion", 0.4),
    ],
)
def test_one_patch_suffices(
    detector: ViolenceDetector,
    classes: tuple[str, ...],
    patch: Mapping[str, float],
    label: str,
    probability: float,
) -> None:
    hearing = made_up(classes, [QUIET, patch, QUIET, QUIET])
    assert found(detector, hearing) == {label: pytest.approx(probability)}


def test_a_thunderstorm_explodes_all_the_time(detector: ViolenceDetector, classes: tuple[str, ...]) -> None:
    blast, thunder = {"Explosion": 0.8}, {"Thunder": 0.7}
    assert found(detector, made_up(classes, [blast, QUIET, QUIET]))
    assert found(detector, made_up(classes, [blast, QUIET, thunder])) == {}


def test_a_scream_lasts(detector: ViolenceDetector, classes: tuple[str, ...]) -> None:
    scream = {"Screaming": 0.8}
    assert found(detector, made_up(classes, [scream, QUIET])) == {"screaming": pytest.approx(0.4)}
    assert found(detector, made_up(classes, [scream, scream])) == {"screaming": pytest.approx(0.8)}
    assert found(detector, made_up(classes, [])) == {}


@pytest.mark.parametrize(
    ("sound", "rival"),
    [
        *(("Screaming", rival) for rival in ("Cheering", "Children playing", "Singing", "Applause", "Music")),
        *(("Screaming", rival) for rival in ("Laughter", "Cat", "Siren", "Baby cry, infant cry")),
        *(("Gunshot, gunfire", rival) for rival in ("Fireworks", "Cap gun", "Hammer", "Thunder", "Music")),
        *(("Explosion", rival) for rival in ("Fireworks", "Thunderstorm", "Music")),
    ],
)
def test_what_is_likelier_wins(
    detector: ViolenceDetector, classes: tuple[str, ...], sound: str, rival: str
) -> None:
    assert found(detector, made_up(classes, [{sound: 0.8}] * 3))
    assert found(detector, made_up(classes, [{sound: 0.8, rival: 0.7}] * 3)) == {}


def test_the_labels_have_names() -> None:
    for label in (GUNSHOT, EXPLOSION, SCREAMING):
        assert label in load_taxonomy()
