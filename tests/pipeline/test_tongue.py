"""When a stream's language is known, and when that is forgotten."""

from __future__ import annotations

import dataclasses

import pytest

from models.results import EMPTY_TRANSCRIPT, Transcript
from pipeline.tongue import DETECT_EVERY, ENOUGH, SURE, UNKNOWN, Tongue

DETECTED = Transcript("good evening everybody", "en", 0.97, -0.2, 0.01)
TOLD = dataclasses.replace(DETECTED, language_probability=1.0)


def known() -> Tongue:
    tongue = UNKNOWN
    for _ in range(ENOUGH):
        assert tongue.expected is None
        tongue = tongue.after(DETECTED, None)
    return tongue


def test_a_language_that_was_sure_often_enough_is_expected() -> None:
    assert known().expected == "en"


@pytest.mark.parametrize("changes", [{"language_probability": SURE - 0.01}, {"language": "zh"}])
def test_a_guess_or_another_language_begins_anew(changes: dict[str, object]) -> None:
    other = dataclasses.replace(DETECTED, **changes)  # type: ignore[arg-type]  # keyword by keyword
    assert known().after(other, None).expected is None
    assert known().after(other, None).after(DETECTED, None).expected is None


def test_it_is_detected_again_after_a_while_and_believed_on() -> None:
    tongue = known()
    for _ in range(DETECT_EVERY):
        assert tongue.expected == "en"
        tongue = tongue.after(TOLD, "en")
    assert tongue.expected is None
    assert tongue.after(DETECTED, None).expected == "en"


@pytest.mark.parametrize(
    "changes",
    [
        {"language": "zh", "second_try": True},
        {"average_log_probability": -0.8},
        {"text": "", "language": ""},
        {"second_try": True},
    ],
)
def test_what_does_not_read_well_may_be_another_language(changes: dict[str, object]) -> None:
    badly = dataclasses.replace(TOLD, **changes)  # type: ignore[arg-type]  # keyword by keyword
    assert known().after(badly, "en") == UNKNOWN


def test_a_window_without_words_says_nothing() -> None:
    assert known().after(EMPTY_TRANSCRIPT, None) == known()
