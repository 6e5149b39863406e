"""Normalised views: what they read, and that every character leads back to the original."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.results import Span
from models.text.normalise import View, characters, fold, spelled, variants, words


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Ｈｅｌｌｏ ÉCLAIR Straße", "hello eclair strasse"),
        ("“Don’t”", "“don't”"),
        ("傻屄這裡妳", "傻屄这里你"),
        ("أُكْتُبْ إلى مكتبـــة", "اكتب الي مكتبه"),
        ("٣ and ３ and ३", "3 and 3 and 3"),
        ("a\u200db\u202ec\ud800d\ue000", "abc d "),
        ("ﬁne", "fine"),
        ("한국 हिन्दी", "한국 हिन्दी"),
    ],
)
def test_folding(text: str, folded: str) -> None:
    assert fold(text).text == folded


def test_words_part_at_everything_but_letters_and_digits() -> None:
    assert words(fold("You're f-u-c-ked, 它s ‘it’ mp3!")).text == " you ' re f u c ked s it mp3 "


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("你 好，世界。Hello  world", "你好\n世界\nhello world"),
        ("草，泥 马", "草泥马"),
        ("a b c 加 v x", "abc加vx"),
        ("1 2 3", "1 2 3"),
        ("", ""),
        ("！？", ""),
    ],
)
def test_characters_keep_phrases_apart_and_close_gaps_within(text: str, seen: str) -> None:
    assert characters(fold(text)).text == seen


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("sh1t", {"shit", "shlt"}),
        ("5 or 50$ on 24/7!", set()),
        ("cooool", {"col", "cool"}),
        ("b@@@d!!", {"baaad!!", "bad!!", "baad!!"}),
    ],
)
def test_variants_read_leet_and_stretches(text: str, readings: set[str]) -> None:
    assert {view.text for view in variants(fold(text))} == readings


def test_letters_spelled_one_by_one_are_joined() -> None:
    texts = {view.text for view in spelled(words(fold("I s-p-e-l-l it")))}
    assert texts == {" ispell it ", " i spell it "}
    assert spelled(words(fold("a b or c"))) == []


def test_a_span_covers_what_was_left_out_within() -> None:
    text = "so fuuuuck！"
    [_, squeezed] = [fold(text), *variants(fold(text))][:2]
    start = squeezed.text.index("fuck")
    assert squeezed.span(start, start + 4) == Span(3, 10)


def is_sound(view: View, length: int) -> bool:
    pairs = list(zip(view.starts, view.ends, strict=True))
    return len(pairs) == len(view.text) and all(0 <= start <= end <= length for start, end in pairs)


@given(st.text(st.characters(), max_size=60))
@settings(max_examples=200, deadline=None)
def test_every_view_of_any_text_leads_back(text: str) -> None:
    folded = fold(text)
    base = words(folded)
    for view in (folded, base, characters(folded), *variants(folded), *spelled(base)):
        assert is_sound(view, len(text))
