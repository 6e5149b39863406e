"""Words, and how far apart two texts are."""

from __future__ import annotations

import pytest

from daemon.evaluation.words import edits, words


def test_words_are_lower_case_without_marks_and_han_signs_are_words() -> None:
    assert words("Hello, World! 换一首歌 ok") == ["hello", "world", "换", "一", "首", "歌", "ok"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("a b c", "a b c", 0),
        ("a b c", "a c", 1),
        ("a b c", "a x c", 1),
        ("", "a b", 2),
        ("a b", "", 2),
        ("a b", "b a", 2),
    ],
)
def test_edits_count_changes(first: str, second: str, expected: int) -> None:
    assert edits(first.split(), second.split()) == expected
