"""Chinese script and sound: simplified characters and toneless pinyin."""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache

import opencc
import pypinyin

FURTHER_VARIANTS = {"妳": "你", "祂": "它", "牠": "它", "〇": "零"}
"""Characters of one word and sound that OpenCC's traditional-to-simplified table keeps apart."""


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def to_simplified(text: str) -> str:
    """Return `text` in simplified script, converted phrase by phrase (乾坤 stays, 乾淨 becomes 干净)."""
    if text.isascii() or _has_surrogate(text):
        return text
    return str(_converter().convert(text))


@lru_cache(maxsize=65_536)
def simplified_character(character: str) -> str:
    """Return one character's simplified form: always one code point, so that indexes stay what they are."""
    if character in FURTHER_VARIANTS:
        return FURTHER_VARIANTS[character]
    if character.isascii() or _has_surrogate(character):
        return character
    converted = str(_converter().convert(character))
    return converted if len(converted) == 1 else character


def is_han(character: str) -> bool:
    """Say whether a code point is a Chinese character (CJK ideographs and their extensions)."""
    return (
        "\u4e00" <= character <= "\u9fff"
        or "\u3400" <= character <= "\u4dbf"
        or "\U00020000" <= character <= "\U0003ffff"
        or "\uf900" <= character <= "\ufaff"
        or character == "\u3007"
    )


def syllables(text: str) -> list[str]:
    """Return the toneless pinyin of each code point of `text`, read in context; empty where it has none."""
    found: list[str] = []
    run = ""
    for character in text:
        if is_han(character):
            run += character
            continue
        found += _read_run(run)
        found.append("")
        run = ""
    return found + _read_run(run)


def _read_run(run: str) -> list[str]:
    if not run:
        return []
    read = pypinyin.lazy_pinyin(run)
    if len(read) != len(run):
        # Characters without a reading come back as one piece.
        read = [pypinyin.lazy_pinyin(character)[0] for character in run]
    return ["" if is_han(syllable[0]) else syllable for syllable in read]


def _has_surrogate(text: str) -> bool:
    return any(unicodedata.category(character) == "Cs" for character in text)
