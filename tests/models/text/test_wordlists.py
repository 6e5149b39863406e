"""Customers' word lists: what a folder may hold, and where words are found."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import ConfigError
from models.results import ListMatch, Span
from models.text.wordlists import MAX_LISTS, MAX_WORD_CHARACTERS, MAX_WORDS, ListMatcher, read_lists


def found(text: str, *words: str) -> list[str]:
    spans = [span for match in ListMatcher({"list": words}).match(text) for span in match.spans]
    return [text[span.start : span.end] for span in spans]


@pytest.mark.parametrize(
    ("text", "word", "hits"),
    [
        ("a Bad  EGG, a bad-egg", "bad egg", ["Bad  EGG"]),
        ("eggs, begg, egg", "EGG", ["egg"]),
        ("ｅｇｇ é Egg_1", "egg", ["ｅｇｇ", "Egg"]),
        ("café", "cafe", ["café"]),
        ("c++ or c", "c++", ["c++"]),
        ("他說我們去 公園玩", "我们去公园", ["我們去 公園"]),
        ("vip会员 VIP会员", "VIP会员", ["vip会员", "VIP会员"]),
        ("svip会员", "vip会员", []),
        ("يا أَحْمَد وأحمد احمدي", "احمد", ["أَحْمَد"]),
        ("바보야 바보", "바보", ["바보", "바보"]),
        ("哈哈哈哈", "哈哈", ["哈哈哈哈"]),
        ("12 123", "12", ["12"]),
        ("don’t", "don't", ["don’t"]),
        ("हिन्दीका हिन्दी", "हिन्दी", ["हिन्दी"]),
        ("", "a", []),
        ("a", "", []),
    ],
)
def test_words_are_found_at_their_places(text: str, word: str, hits: list[str]) -> None:
    assert found(text, word) == hits


def test_every_list_reports_its_own_words_as_they_were_given() -> None:
    matcher = ListMatcher({"b": ["Egg", "no"], "empty": [], "a": ["x", "EGG", "我们"]})
    assert matcher.match("我們 egg Egg") == [
        ListMatch("b", "Egg", (Span(3, 6), Span(7, 10))),
        ListMatch("a", "我们", (Span(0, 2),)),
        ListMatch("a", "EGG", (Span(3, 6), Span(7, 10))),
    ]


def test_no_lists_match_nothing() -> None:
    assert ListMatcher({}).match("anything") == []
    assert ListMatcher({"a": []}).match("anything") == []


def test_large_lists_are_searched_like_small_ones() -> None:
    chooser = random.Random(7)
    words = ["".join(chooser.choices("abcdefghij", k=chooser.randint(3, 7))) for _ in range(20_000)]
    chinese = [
        "".join(chooser.choices("天地玄黄宇宙洪荒日月盈昃", k=chooser.randint(2, 5))) for _ in range(5_000)
    ]
    text = " ".join([*chooser.sample(words, 5), "zzzz"]) + "".join(chooser.choices("天地玄黄宇宙", k=40))
    expected = {word for word in words if re.search(rf"\b{word}\b", text)}
    expected |= {word for word in chinese if word in text}
    matches = ListMatcher({"words": words, "chinese": chinese}).match(text)
    assert {match.word for match in matches} == expected
    for match in matches:
        assert {text[span.start :].startswith(match.word) for span in match.spans} == {True}


@given(st.text(st.characters(), max_size=50), st.lists(st.text(st.characters(), max_size=5), max_size=5))
@settings(max_examples=200, deadline=None)
def test_any_text_and_words_are_taken(text: str, words: list[str]) -> None:
    for match in ListMatcher({"list": words}).match(text):
        for span in match.spans:
            assert 0 <= span.start < span.end <= len(text)


@given(st.text("ab 我们's-١كَل", max_size=8))
@settings(max_examples=200, deadline=None)
def test_a_word_is_found_in_itself(word: str) -> None:
    if any(character.isalnum() for character in word):
        assert found(f"，{word}，", word)


def test_a_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "windows.txt").write_bytes("\ufeff# mine\r\n one \r\n\r\n二\r\none\r\n".encode())
    (tmp_path / "unix.txt").write_bytes(b"two words\nlast")
    (tmp_path / "notes.md").write_text("no list", encoding="utf-8")
    assert read_lists(tmp_path) == {"unix": ["two words", "last"], "windows": ["one", "二"]}
    assert read_lists(tmp_path / "missing") == {}


def test_a_fault_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("好\n".encode() + "词".encode("gb18030"))
    with pytest.raises(ConfigError, match=r"a\.txt: line 2: not UTF-8"):
        read_lists(tmp_path)
    path.write_text("ok\n" + "x" * (MAX_WORD_CHARACTERS + 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"a\.txt: line 2: 201 characters, at most 200"):
        read_lists(tmp_path)
    path.write_text("\n".join(map(str, range(MAX_WORDS + 1))), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"a\.txt: line 100001: more than 100000 words"):
        read_lists(tmp_path)
    for number in range(MAX_LISTS + 1):
        (tmp_path / f"{number}.txt").touch()
    with pytest.raises(ConfigError, match="22 lists, at most 20"):
        read_lists(tmp_path)
