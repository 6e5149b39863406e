"""Chinese script and sound."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.text.chinese import simplified_character, syllables, to_simplified


def test_traditional_text_becomes_simplified_by_phrase() -> None:
    assert to_simplified("這裡很乾淨，乾坤未定。OK") == "这里很干净，乾坤未定。OK"


@pytest.mark.parametrize(("character", "simplified"), [("這", "这"), ("妳", "你"), ("a", "a"), ("한", "한")])
def test_one_character_stays_one(character: str, simplified: str) -> None:
    assert simplified_character(character) == simplified


def test_syllables_are_read_in_context() -> None:
    assert syllables("银行行长") == ["yin", "hang", "hang", "zhang"]
    assert syllables("我ok，女\U00020bb7") == ["wo", "", "", "", "nv", ""]


@given(st.text(st.characters(), max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_has_as_many_syllables_as_code_points(text: str) -> None:
    assert len(syllables(text)) == len(text)
    to_simplified(text)
