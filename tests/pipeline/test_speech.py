from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from config.settings import SpeechSettings
from models.interfaces import Samples
from models.results import AudioSpans, Transcript
from pipeline.audio import Pcm, to_samples
from pipeline.speech import Activity, SpeechGate, covered_s, is_plain_speech, speech_share
from tests.support.speech import fit, noise, silence, speech_pcm, tone

SENTENCE = "Good evening everybody, and welcome to my stream. Tonight we play a new game together."


class FixedSpans:
    """A second opinion that always answers the same, and counts how often it was asked."""

    def __init__(self, spans: AudioSpans) -> None:
        self._spans = spans
        self.asked = 0

    def detect(self, samples: Samples) -> AudioSpans:
        self.asked += 1
        return self._spans


NOTHING = AudioSpans((), (), ())


def judge(pcm: Pcm, opinion: FixedSpans | None = None, min_share: float = 0.05) -> Activity:
    gate = SpeechGate(SpeechSettings(min_speech_share=min_share), opinion)
    return gate.judge(to_samples(pcm), speech_share(pcm))


@pytest.fixture(scope="module")
def speech() -> Pcm:
    return fit(speech_pcm(SENTENCE), 10)


def test_speech_is_worth_it(speech: Pcm) -> None:
    assert 0.3 < speech_share(speech) < 0.8
    activity = judge(speech)
    assert (activity.silent, activity.worth) == (False, True)


def test_soft_speech_is_still_speech(speech: Pcm) -> None:
    assert judge((speech * 0.02).astype(np.int16)).worth


@pytest.mark.parametrize(
    "pcm",
    [silence(10), silence(0), noise(10, 0.0005), noise(10, 0.02), silence(0.01)],
    ids=["silence", "nothing", "idle microphone", "noise", "a moment"],
)
def test_silence_and_noise_are_not(pcm: Pcm) -> None:
    opinion = FixedSpans(NOTHING)
    assert judge(pcm, opinion) == Activity(silent=True, worth=False)
    assert opinion.asked == 0, "the cheap questions come first"


def test_the_share_of_a_short_window(speech: Pcm) -> None:
    assert speech_share(speech[:319]) == 0.0
    assert speech_share(speech[16000:48100]) > 0.5


def test_the_share_does_not_depend_on_what_was_heard_before(speech: Pcm) -> None:
    alone = speech_share(speech)
    speech_share(noise(10, 0.3))
    assert speech_share(speech) == alone


def test_the_second_opinion_sorts_out_music() -> None:
    music = tone(10)
    assert judge(music).worth, "webrtcvad alone is fooled"
    assert judge(music, FixedSpans(AudioSpans((), (), ((0.0, 10.0),)))) == Activity(False, False)
    assert judge(music, FixedSpans(NOTHING)) == Activity(True, False)


def test_singing_has_words_too(speech: Pcm) -> None:
    sung = AudioSpans(((0.0, 1.0),), ((0.5, 4.0),), ((0.0, 10.0),))
    assert judge(speech, FixedSpans(sung)) == Activity(False, True)


def test_a_click_is_no_word(speech: Pcm) -> None:
    assert not judge(speech, FixedSpans(AudioSpans(((1.0, 1.1),), (), ()))).worth


def test_a_stream_that_talks_is_believed_to_go_on(speech: Pcm) -> None:
    opinion = FixedSpans(NOTHING)
    gate = SpeechGate(SpeechSettings(), opinion)
    samples = to_samples(speech)
    assert gate.judge(samples, 0.5, talking=True) == Activity(silent=False, worth=True, assumed=True)
    assert opinion.asked == 0
    assert not gate.judge(samples, 0.3, talking=True).worth, "little speech: it may have stopped"
    assert gate.judge(to_samples(silence(10)), 0.5, talking=True).silent
    assert opinion.asked == 1


@pytest.mark.parametrize(
    ("changes", "plain"),
    [
        ({}, True),
        ({"text": "Oh yes"}, False),
        ({"average_log_probability": -0.7}, False),
        ({"no_speech_probability": 0.4}, False),
        ({"second_try": True}, False),
        ({"text": ""}, False),
    ],
)
def test_plain_speech_is_long_and_sure(changes: dict[str, Any], plain: bool) -> None:
    transcript = Transcript("good evening everybody", "en", 0.9, -0.3, 0.05)
    assert is_plain_speech(replace(transcript, **changes)) is plain


def test_the_least_share_is_a_setting(speech: Pcm) -> None:
    assert not judge(speech, min_share=0.95).worth
    assert judge(noise(10, 0.02), min_share=0.0).worth


def test_spans_that_overlap_count_once() -> None:
    assert covered_s([(3, 4), (0, 2), (1, 3), (1.5, 1.7), (6, 7)]) == 5
    assert covered_s([]) == 0
