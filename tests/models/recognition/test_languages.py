"""Which language a window is read in, and which one counts as heard."""

from __future__ import annotations

import pytest

from models.errors import RecognitionError
from models.recognition.languages import CONTRADICTION, Choice, choose, overruled

RANKING = [("<|la|>", 0.5), ("<|en|>", 0.4), ("<|zh|>", 0.1)]


def test_what_is_heard_decides_where_nothing_is_given() -> None:
    assert choose(None, RANKING) == Choice("en", 0.4, "en", 0.4), "nobody asks for Latin"


def test_what_is_given_is_read_and_what_is_heard_is_told() -> None:
    assert choose("zh", RANKING) == Choice("zh", 1.0, "en", 0.4)
    assert choose("zh", []) == Choice("zh", 1.0)


def test_a_ranking_of_unknown_languages_is_an_error() -> None:
    with pytest.raises(RecognitionError):
        choose(None, [("<|la|>", 1.0)])


@pytest.mark.parametrize(
    ("probability", "language"), [(CONTRADICTION, "en"), (CONTRADICTION - 0.01, "zh"), (0.0, "zh")]
)
def test_only_a_plain_contradiction_overrules(probability: float, language: str) -> None:
    heard = "en" if probability else ""
    choice = overruled(Choice("zh", 1.0, heard, probability))
    assert choice.language == language
    assert choice.spoken == heard
