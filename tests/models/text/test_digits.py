"""Digits read aloud."""

from __future__ import annotations

import pytest

from models.text.digits import find_runs
from models.text.normalise import fold


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("一三八 零零幺三 八零零零", ["13800138000"]),
        ("double five, oh nine, triple 3", ["5509333"]),
        ("twenty three forty-one eight hundred", ["2341800"]),
        ("صفر خمسة وواحد ٣ ٤", ["05134"]),
        ("١٢٣ ４５", ["12345"]),
        ("138.001.3800 and 3.14", ["1380013800", "3", "14"]),
        ("三百五十，一万二", []),
        ("我要两个", []),
        ("stone, tone, phone; one", ["1"]),
        ("壹贰叁", ["123"]),
    ],
)
def test_runs_are_read(text: str, digits: list[str]) -> None:
    assert [run.digits for run in find_runs(fold(text).text)] == digits


@pytest.mark.parametrize(
    ("text", "is_counting"),
    [
        ("one two three four five", True),
        ("five four three two one", True),
        ("ten twenty thirty forty", True),
        ("one two three four one two three four", True),
        ("five five five one two one two", False),
        ("1 3 8 0 0 1 3", False),
    ],
)
def test_counting_is_told_from_a_number(text: str, is_counting: bool) -> None:
    [run] = find_runs(text)
    assert run.is_counting is is_counting


def test_doubtful_digits_at_the_ends_may_be_dropped() -> None:
    [run] = find_runs("要一二三")
    assert [reading.digits for reading in run.readings()] == ["1123", "123"]
