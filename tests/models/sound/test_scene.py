"""Scenes: of made-up scores, and of sounds that the real model hears."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from config.taxonomy import Label, RiskType, load_taxonomy
from models.hearing import Hearing
from models.interfaces import Samples
from models.sound.scene import EVENTS, MOST, PLACES, SceneDetector
from pipeline.audio import to_samples
from tests.support.hearing import made_up
from tests.support.speech import speech_pcm
from tests.support.voiced import siren

QUIET: dict[str, float] = {}


@pytest.fixture(scope="module")
def detector(classes: tuple[str, ...]) -> SceneDetector:
    return SceneDetector(classes)


def found(detector: SceneDetector, hearing: Hearing) -> dict[str, float]:
    """Return `kind.name` by probability, in the order of the detector."""
    findings = detector.detect(hearing)
    assert all(each.label.risk is RiskType.AUDIOSCENE for each in findings)
    return {f"{each.label.label2}.{each.label.label3}": each.probability for each in findings}


def chords() -> Samples:
    """Return ten seconds of plucked chords."""
    times_s = np.arange(160_000) / 16_000
    root_hz = np.array([220.0, 174.6, 196.0, 164.8])[(times_s // 0.6).astype(int) % 4]
    sound = np.zeros(160_000)
    for ratio in (1.0, 1.25, 1.5):
        for part in (1, 2, 3, 4):
            sound += np.sin(2 * np.pi * root_hz * ratio * part * times_s) / part**1.5
    return (0.1 * sound * np.exp(-3 * (times_s % 0.6))).astype(np.float32)


@pytest.mark.parametrize(
    ("samples", "scene"),
    [
        (chords(), "music.playing"),
        (siren(10.0), "traffic.siren"),
    ],
    ids=["music", "siren"],
)
def test_made_scenes_are_told(
    detector: SceneDetector, hear: Callable[[Samples], Hearing], samples: Samples, scene: str
) -> None:
    assert found(detector, hear(samples)).get(scene, 0.0) >= 0.5


def test_plain_speech_is_no_scene(detector: SceneDetector, hear: Callable[[Samples], Hearing]) -> None:
    said = "The dog barked while it was raining, and the audience clapped in the train."
    assert found(detector, hear(to_samples(speech_pcm(said)))) == {}


def test_the_likeliest_come_first_and_few(detector: SceneDetector, classes: tuple[str, ...]) -> None:
    patch = {"Music": 0.9, "Rain": 0.7, "Bark": 0.8, "Applause": 0.6, "Typing": 0.5}
    scenes = found(detector, made_up(classes, [patch] * 10))
    assert list(scenes) == ["music.playing", "animals.dog", "nature.rain"]
    assert len(scenes) == MOST
    assert scenes["animals.dog"] == pytest.approx(0.8)


def test_a_scene_lasts(detector: SceneDetector, classes: tuple[str, ...]) -> None:
    bark = {"Bark": 0.9}
    assert found(detector, made_up(classes, [bark] * 3 + [QUIET] * 7)) == {"animals.dog": pytest.approx(0.9)}
    assert found(detector, made_up(classes, [bark] * 2 + [QUIET] * 8)) == {"animals.dog": pytest.approx(0.6)}
    assert found(detector, made_up(classes, [{"Bark": 0.6}] + [QUIET] * 9)) == {}
    assert found(detector, made_up(classes, [bark])) == {"animals.dog": pytest.approx(0.9)}
    assert found(detector, made_up(classes, [])) == {}


def test_one_place_is_told_and_only_with_evidence(detector: SceneDetector, classes: tuple[str, ...]) -> None:
    room = {"Inside, small room": 0.18, "Outside, urban or manmade": 0.02}
    assert found(detector, made_up(classes, [room] * 10)) == {"place.small_room": pytest.approx(0.9)}
    faint = {"Inside, small room": 0.03}
    assert found(detector, made_up(classes, [faint] * 10)) == {}
    torn = {"Inside, small room": 0.1, "Outside, urban or manmade": 0.11, "Outside, rural or natural": 0.1}
    [(place, probability)] = found(detector, made_up(classes, [torn] * 10)).items()
    assert place == "place.urban"
    assert probability < 0.5


def test_a_genre_is_no_likelier_than_music(detector: SceneDetector, classes: tuple[str, ...]) -> None:
    rock = [{"Music": 0.6, "Rock music": 0.8}] * 10
    assert found(detector, made_up(classes, rock)) == {
        "music.playing": pytest.approx(0.6),
        "music.rock": pytest.approx(0.6),
    }
    assert found(detector, made_up(classes, [{"Rock music": 0.8}] * 10)) == {}


def test_the_label_tree_has_every_scene_and_no_other() -> None:
    told = {("place", name) for name in PLACES}
    told |= {(kind, name) for kind, names in EVENTS.items() for name in names}
    taxonomy = load_taxonomy()
    assert {path[1:] for path in taxonomy.names if path[0] == "AUDIOSCENE" and len(path) == 3} == told
    for kind, name in told:
        chinese, english = (
            taxonomy.describe(Label(RiskType.AUDIOSCENE, kind, name), language) for language in ("zh", "en")
        )
        assert not chinese[2].isascii()
        assert english[2].isascii()
