"""Enrolled voices with the real models: who is recognised, who is not, and what is not taken as a voice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.errors import EnrolmentError
from models.hearing import Hearing, Senses
from models.interfaces import Samples
from models.results import AudioSpans, SoundFinding
from models.voice.enrolled import (
    LABEL,
    REJECT_COSINE,
    REVIEW_COSINE,
    EnrolledVoiceDetector,
    probability_of,
)
from models.voice.enrolment import Enrolment, one_speaker
from models.voice.index import VoiceIndex
from pipeline.audio import Pcm, to_samples
from tests.models.voice.voices import real_senses
from tests.support.speech import fit, join, noise, raised, silence, speech_pcm, tone

FIRST = "The bakery on the corner opens at six, and the first bread is gone before seven."
SECOND = "In spring the river comes up to the garden fence, but the house has always stayed dry."
THIRD = "My neighbour keeps three grey hens, and every morning one of them sits on our kitchen window."


@pytest.fixture(name="senses", scope="module")
def _senses(voiceprint_weights: Path, yamnet_weights: Path, gender_weights: Path) -> Senses:
    return real_senses(yamnet_weights, voiceprint_weights, gender_weights)


@pytest.fixture(name="joe", scope="module")
def _joe(senses: Senses) -> VoiceIndex:
    """An index with the test voice in it."""
    recordings = [Enrolment(senses).take(to_samples(speech_pcm(text))) for text in (FIRST, SECOND)]
    return VoiceIndex().enrol("Joe", [each.voiceprint for each in recordings], speech_s=10.0)


def detect(senses: Senses, index: VoiceIndex, pcm: Pcm) -> list[SoundFinding]:
    return EnrolledVoiceDetector(lambda: index).detect(Hearing(to_samples(pcm), senses))


def test_an_enrolled_voice_is_recognised_in_other_words(senses: Senses, joe: VoiceIndex) -> None:
    [finding] = detect(senses, joe, fit(join(1.0, speech_pcm(THIRD)), 10))
    assert (finding.label, finding.name) == (LABEL, "Joe")
    assert finding.probability >= 0.85


def test_it_is_recognised_under_noise(senses: Senses, joe: VoiceIndex) -> None:
    spoken = fit(speech_pcm(THIRD), 6)
    level = float(np.sqrt(np.mean(np.square(to_samples(spoken)))))
    [finding] = detect(senses, joe, spoken + noise(6, level=0.1 * level))
    assert finding.name == "Joe"
    assert finding.probability >= 0.85


def test_it_is_recognised_from_afar(senses: Senses, joe: VoiceIndex) -> None:
    [finding] = detect(senses, joe, (speech_pcm(THIRD) * 0.1).astype(np.int16))
    assert (finding.name, finding.probability >= 0.85) == ("Joe", True)


def test_another_voice_is_not_taken_for_it(senses: Senses, joe: VoiceIndex) -> None:
    assert detect(senses, joe, raised(join(THIRD, FIRST))) == []


def test_of_two_enrolled_voices_the_right_one_is_named(senses: Senses, joe: VoiceIndex) -> None:
    other = Enrolment(senses).take(to_samples(raised(join(FIRST, SECOND))))
    both = joe.enrol("Joan", [other.voiceprint], speech_s=other.speech_s)
    assert [each.name for each in detect(senses, both, raised(join(THIRD, THIRD)))] == ["Joan"]
    assert [each.name for each in detect(senses, both, speech_pcm(THIRD))] == ["Joe"]


def test_less_than_three_seconds_of_speech_say_nothing(senses: Senses, joe: VoiceIndex) -> None:
    words = speech_pcm(THIRD)[:40_000]
    assert detect(senses, joe, fit(words, 10)) == []
    assert detect(senses, joe, join(words, words)), "twice as much does"


@pytest.mark.parametrize("pcm", [silence(10), noise(10), tone(10)], ids=["silence", "noise", "tone"])
def test_nothing_is_recognised_where_nobody_speaks(senses: Senses, joe: VoiceIndex, pcm: Pcm) -> None:
    assert detect(senses, joe, pcm) == []


def test_nothing_is_asked_while_nobody_is_enrolled(senses: Senses) -> None:
    hearing = Hearing(to_samples(speech_pcm(THIRD)), senses)
    assert EnrolledVoiceDetector(VoiceIndex).detect(hearing) == []
    assert "spans" not in vars(hearing)


def test_the_index_of_the_moment_counts(senses: Senses, joe: VoiceIndex) -> None:
    indexes = [VoiceIndex(), joe]
    detector = EnrolledVoiceDetector(lambda: indexes[0])
    spoken = to_samples(speech_pcm(THIRD))
    assert detector.detect(Hearing(spoken, senses)) == []
    indexes.pop(0)
    assert detector.detect(Hearing(spoken, senses))


def test_probability_rises_with_likeness_through_the_thresholds() -> None:
    assert probability_of(REVIEW_COSINE) == pytest.approx(0.5)
    assert probability_of(REJECT_COSINE) == pytest.approx(0.85)
    probabilities = [probability_of(float(cosine)) for cosine in np.linspace(-1.0, 1.0, 201)]
    assert probabilities == sorted(probabilities)
    assert (probabilities[0], probabilities[-1]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("pcm", "said"),
    [
        (silence(10), "nobody speaks in it"),
        (noise(20), "nobody speaks in it"),
        (tone(20), "nobody speaks in it"),
        (speech_pcm(FIRST)[:40_000], r"it holds [12]\.\d s of speech, at least 3 s are needed"),
        (join(FIRST, SECOND, raised(join(FIRST, SECOND))), "more than one person seems to speak"),
    ],
    ids=["silence", "noise", "tone", "too short", "two people"],
)
def test_what_is_no_voice_of_one_person_is_not_enrolled(senses: Senses, pcm: Pcm, said: str) -> None:
    with pytest.raises(EnrolmentError, match=said):
        Enrolment(senses).take(to_samples(pcm))


class Credulous:
    """Takes everything for speech, as a span detector takes some noise."""

    def detect(self, samples: Samples) -> AudioSpans:
        return AudioSpans(((0.0, len(samples) / 16_000),), (), ())


def test_noise_that_one_model_takes_for_speech_is_not_enrolled(senses: Senses) -> None:
    enrolment = Enrolment(replace(senses, spans=Credulous()))
    with pytest.raises(EnrolmentError, match="nobody speaks in it"):
        enrolment.take(to_samples(noise(20)))
    spoken = join(FIRST, SECOND)
    recording = enrolment.take(to_samples(join(spoken, noise(20))))
    assert recording.speech_s < len(spoken) / 16_000 + 2.0


def test_the_recording_of_somebody_else_is_named(senses: Senses) -> None:
    enrolment = Enrolment(senses)
    one, two = (enrolment.take(to_samples(speech_pcm(text))) for text in (FIRST, SECOND))
    other = enrolment.take(to_samples(raised(join(THIRD, THIRD))))
    one_speaker({"one": one, "two": two})
    one_speaker({"one": one})
    with pytest.raises(EnrolmentError, match="other: not the voice of the other file "):
        one_speaker({"one": one, "other": other})
    with pytest.raises(EnrolmentError, match="other: not the voice of the other files "):
        one_speaker({"other": other, "one": one, "two": two})
