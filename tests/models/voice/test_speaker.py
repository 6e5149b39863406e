"""Who speaks: gender, age, timbre, and whether it is a child or a machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from config.taxonomy import load_taxonomy
from models.hearing import Hearing, Senses, SoundDetector
from models.interfaces import Samples
from models.results import AudioSpans, SoundFinding
from models.voice.age import CHILD_SPEECH, AgeDetector
from models.voice.gender import FEMALE, MALE, NETWORK_WEIGHT, GenderDetector
from models.voice.liveness import RADIO, REPLAYED, SPEECH_SYNTHESIZER, SYNTHETIC, LivenessDetector
from models.voice.minor import CHILD_SINGING, SINGING, SPEAKING, MinorDetector
from models.voice.timbre import TimbreDetector
from pipeline.audio import to_samples
from tests.models.voice.voices import child, man, played, real_senses, told
from tests.support.speech import noise, silence, tone

HIGHER = 1.9
"""How much faster the test voice is played to have a woman's pitch."""
SPOKEN = AudioSpans(((0.0, 6.0),), (), ())
DETECTORS = (GenderDetector(), AgeDetector(), MinorDetector(), TimbreDetector(), LivenessDetector())


@pytest.fixture(scope="module")
def senses(yamnet_weights: Path, voiceprint_weights: Path, gender_weights: Path) -> Senses:
    return real_senses(yamnet_weights, voiceprint_weights, gender_weights)


def shares(findings: list[SoundFinding]) -> dict[str, float]:
    return {finding.label.label3: finding.probability for finding in findings}


def test_a_man_is_a_man_and_higher_he_is_taken_for_a_woman(senses: Senses) -> None:
    low = GenderDetector().detect(Hearing(man(), senses))
    high = GenderDetector().detect(Hearing(played(man(), HIGHER), senses))
    assert {finding.label for finding in low} == {MALE, FEMALE}
    assert shares(low)["male"] > 0.85
    assert shares(high)["female"] > 0.8


def test_two_opinions_are_added_up(senses: Senses) -> None:
    class Surely:
        def __init__(self, log_odds: float) -> None:
            self._log_odds = log_odds

        def female_log_odds(self, samples: Samples) -> float | None:
            return self._log_odds

    def woman(log_odds: float) -> float:
        hearing = Hearing(man(), replace(senses, gender=Surely(log_odds)))
        return shares(GenderDetector().detect(hearing))["female"]

    undecided = woman(3.0)
    assert 0.05 < undecided < 0.5, "the head is sure of a man, and not that sure"
    other = woman(5.0)
    odds = other / (1 - other) / (undecided / (1 - undecided))
    assert np.log(odds) == pytest.approx(2 * NETWORK_WEIGHT)
    assert woman(30.0) == pytest.approx(0.95), "no voice is told surely"
    assert woman(-30.0) == pytest.approx(0.05)


@pytest.mark.parametrize("detector", [GenderDetector(), AgeDetector(), TimbreDetector()])
@pytest.mark.parametrize("factor", [1.0, HIGHER])
def test_what_is_one_of_several_sums_to_one(detector: SoundDetector, factor: float, senses: Senses) -> None:
    findings = detector.detect(Hearing(played(man(), factor), senses))
    assert sum(finding.probability for finding in findings) == pytest.approx(1.0)
    assert all(finding.probability >= 0 for finding in findings)


def test_every_label_is_in_the_tree(senses: Senses) -> None:
    tagger = told(senses, {CHILD_SPEECH: 0.9, SPEECH_SYNTHESIZER: 0.9, RADIO: 0.7})
    hearing = Hearing(child(), tagger, spans=lambda: SPOKEN)
    for detector in DETECTORS:
        findings = detector.detect(hearing)
        assert findings
        for finding in findings:
            assert finding.label in load_taxonomy()
            assert finding.label.risk in detector.risks


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("sound", [silence(6.0), noise(6.0), tone(6.0, 220.0), noise(6.0, 0.3)])
def test_nobody_has_no_voice(detector: SoundDetector, sound: np.ndarray, senses: Senses) -> None:
    assert not detector.detect(Hearing(to_samples(sound), senses))


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_word_is_too_little(detector: SoundDetector, senses: Senses) -> None:
    assert not detector.detect(Hearing(man()[:11_000], senses))


def test_timbre_follows_gender_and_pitch(senses: Senses) -> None:
    low = shares(TimbreDetector().detect(Hearing(man(), senses)))
    assert len(low) == 9
    assert max(low, key=lambda name: low[name]) == "uncle"
    high = shares(TimbreDetector().detect(Hearing(played(man(), HIGHER), senses)))
    assert high["maiden"] + high["lady"] + high["queen"] > 0.5
    assert high["youth"] / high["uncle"] > low["youth"] / low["uncle"]


def test_a_child_is_one_by_tagger_and_voice_together(senses: Senses) -> None:
    small = told(senses, {CHILD_SPEECH: 0.6})
    [finding] = MinorDetector().detect(Hearing(child(), small, spans=lambda: SPOKEN))
    assert finding.label == SPEAKING
    assert 0.5 <= finding.probability < 0.95
    # Neither a deep voice that the tagger takes for a child nor a high one that it does not.
    assert not MinorDetector().detect(Hearing(man(), small))
    assert not MinorDetector().detect(Hearing(child(), told(senses, {}), spans=lambda: SPOKEN))


def test_a_child_makes_the_age_and_the_timbre_a_childs(senses: Senses) -> None:
    hearing = Hearing(child(), told(senses, {CHILD_SPEECH: 0.8}), spans=lambda: SPOKEN)
    ages = shares(AgeDetector().detect(hearing))
    assert ages["child"] > 0.5
    timbres = shares(TimbreDetector().detect(hearing))
    assert timbres["girl"] + timbres["boy"] == pytest.approx(ages["child"])
    assert shares(AgeDetector().detect(Hearing(man(), senses)))["child"] < 0.1


def test_a_child_sings_only_where_somebody_sings(senses: Senses) -> None:
    tagger = told(senses, {CHILD_SINGING: 0.7})
    sung = Hearing(man(), tagger, spans=lambda: AudioSpans((), ((1.0, 6.0),), ()))
    assert [finding.label for finding in MinorDetector().detect(sung)] == [SINGING]
    assert not MinorDetector().detect(Hearing(man(), tagger))
    grown_up = Hearing(man(), told(senses, {}), spans=lambda: AudioSpans((), ((1.0, 6.0),), ()))
    assert not MinorDetector().detect(grown_up)


def test_the_test_voice_is_a_machine(senses: Senses) -> None:
    [finding] = LivenessDetector().detect(Hearing(man(), senses))
    assert finding.label == SYNTHETIC
    assert 0.5 <= finding.probability <= 0.8


def test_a_room_and_a_tagger_that_hears_nothing_speak_for_a_person(senses: Senses) -> None:
    roomy = man() + to_samples(noise(10.0, 0.002))[: len(man())]
    assert not LivenessDetector().detect(Hearing(roomy, told(senses, {SPEECH_SYNTHESIZER: 0.05})))
    # Dead pauses alone are what many a client makes.
    assert not LivenessDetector().detect(Hearing(man(), told(senses, {})))


def test_a_radio_is_not_live(senses: Senses) -> None:
    [finding] = LivenessDetector().detect(Hearing(man(), told(senses, {RADIO: 0.7})))
    assert finding.label == REPLAYED
    assert finding.probability == pytest.approx(0.7)
