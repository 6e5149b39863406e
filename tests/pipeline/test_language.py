"""The language of a window: the one that was heard in speech, or none."""

from __future__ import annotations

import pytest

from models.results import EMPTY_TRANSCRIPT, AudioSpans, Invention, Transcript
from pipeline.language import spoken_language

SPOKEN = AudioSpans(((0.0, 4.0),), (), ())
SUNG = AudioSpans(((0.0, 4.0),), ((0.0, 4.0),), ((0.0, 10.0),))
BOTH = AudioSpans(((0.0, 4.0),), ((0.0, 3.0),), ())


def said(spoken: str, probability: float, given: str = "zh") -> Transcript:
    return Transcript("some words", given, 1.0, -0.2, 0.01, spoken=spoken, spoken_probability=probability)


@pytest.mark.parametrize(
    ("spoken", "name"), [("zh", "mandarin"), ("yue", "cantonese"), ("ko", "korean"), ("fr", "other")]
)
def test_the_heard_language_is_named_whatever_was_given(spoken: str, name: str) -> None:
    [finding] = spoken_language(said(spoken, 0.9, given="en"), SPOKEN)
    assert (finding.label.label3, finding.probability) == (name, 0.9)


@pytest.mark.parametrize(
    "transcript",
    [
        EMPTY_TRANSCRIPT,
        Transcript("", "", 0.0, -2.0, 0.9, invention=Invention.NO_SPEECH),
        said("en", 0.49),
        said("", 0.0),
    ],
    ids=["nothing said", "invented", "a guess", "nobody listened"],
)
def test_none_is_named_without_evidence(transcript: Transcript) -> None:
    assert spoken_language(transcript, None) == []


def test_a_single_word_tells_no_language() -> None:
    assert spoken_language(said("en", 0.9), AudioSpans(((1.0, 1.9),), (), ())) == []
    assert len(spoken_language(said("en", 0.9), AudioSpans(((1.0, 1.5), (2.0, 2.6)), (), ()))) == 1


def test_song_is_no_speech() -> None:
    assert spoken_language(said("en", 0.9), SUNG) == []
    assert len(spoken_language(said("en", 0.9), BOTH)) == 1
    assert len(spoken_language(said("en", 0.9), None)) == 1
