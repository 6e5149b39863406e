"""Normalised views of a text: what matchers read, with the way back to the original code points."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from models.results import Span
from models.text.chinese import is_han, simplified_character

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uac00-\ud7ff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
"""Ranges of scripts whose words are not parted by spaces (Thai, Lao, Burmese, Khmer, kana, Han), and Hangul,
whose particles stick to the word."""
ARABIC = "\u0620-\u06ff\u0750-\u077f\u08a0-\u08ff"

_ARABIC_FOLDS = str.maketrans(
    {
        **dict.fromkeys("أإآٱ", "ا"),
        **dict.fromkeys("ىی", "ي"),
        **dict.fromkeys("ةھہە", "ه"),
        "ک": "ك",
        "ؤ": "و",
        "ئ": "ي",
        "ء": "",
        "ـ": "",
    }
)
_APOSTROPHES = frozenset("'’‘ʼ´＇")
_TOKEN = re.compile(rf"[{ARABIC}]+|[^\W_{ARABIC}{UNSPACED}]+|(?<=[^\W\d_])'(?=[^\W\d_])")
_SEGMENT = re.compile(r"[^\W_]+")
_HARD_BREAK = re.compile(r"[。！？!?；;，,：:\n…]")
_STRETCH = re.compile(rf"([a-z{ARABIC}])\1\1+")
_LEET_RUN = re.compile(r"[a-z0-9@$!€+]+")
_SPELLED = re.compile(r"(?<= )[^\W\d_](?: [^\W\d_]){2,}(?= )")
_LEET = str.maketrans("0134578@$!€+", "oieastbasiet")


@dataclass(frozen=True, slots=True)
class View:
    """A normalised text. Character k stands for the original code points `[starts[k], ends[k])`."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> Span:
        """Return the original code points behind the non-empty range `[start, end)` of `text`."""
        return Span(self.starts[start], self.ends[end - 1])

    def is_gapless(self, start: int, end: int) -> bool:
        """Say whether the original code points behind `[start, end)` follow each other directly."""
        return all(self.ends[index] >= self.starts[index + 1] for index in range(start, end - 1))

    def without(self, dropped: Sequence[tuple[int, int]], *, absorb: bool = False) -> View:
        """Return the view without some ranges; `absorb`: the character before takes over their originals."""
        text: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        position = 0
        for start, end in [*dropped, (len(self.text), len(self.text))]:
            text.append(self.text[position:start])
            starts += self.starts[position:start]
            ends += self.ends[position:start]
            if absorb and end > start:
                ends[-1] = self.ends[end - 1]
            position = end
        return View("".join(text), starts, ends)


@lru_cache(maxsize=65_536)
def fold_character(character: str) -> str:
    """Fold case, width, accents of Latin letters, Arabic letter forms and Chinese script; may be empty.

    Joiners, marks of direction and Arabic vowel signs vanish; digits of every script become ASCII; what no
    text should hold (lone surrogates, private use) becomes a space.
    """
    category = unicodedata.category(character)
    if category in {"Cs", "Co", "Cn"}:
        return " "
    if category == "Cf" or _is_vanishing_mark(character):
        return ""
    if character in _APOSTROPHES:
        return "'"
    folded = ""
    for part in unicodedata.normalize("NFKC", character).casefold().translate(_ARABIC_FOLDS):
        if part.isdecimal():
            folded += str(unicodedata.decimal(part))
        elif is_han(part):
            folded += simplified_character(part)
        elif not _is_vanishing_mark(part):
            base = unicodedata.normalize("NFD", part)[0]
            folded += base if base.isascii() else part
    return folded


def _is_vanishing_mark(character: str) -> bool:
    return (
        "\u0300" <= character <= "\u036f"
        or "\u064b" <= character <= "\u065f"
        or character == "\u0670"
        or "\u06d6" <= character <= "\u06ed"
        or "\ufe00" <= character <= "\ufe0f"
    )


def fold(text: str) -> View:
    """Fold every code point of `text` (see `fold_character`)."""
    if text.isascii():
        positions = range(len(text))
        return View(text.lower(), positions, range(1, len(text) + 1))
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for index, character in enumerate(text):
        for part in fold_character(character):
            characters.append(part)
            starts.append(index)
            ends.append(index + 1)
    return View("".join(characters), starts, ends)


def words(folded: View) -> View:
    """Return the words of a folded text, each between single spaces: ` you ' re here `.

    An apostrophe within a word is a word of its own, so that both `wife` and `you're` are found. Characters
    of scripts without spaces part words and are left out.
    """
    text = [" "]
    starts = [0]
    ends = [0]
    for token in _TOKEN.finditer(folded.text):
        start, end = token.span()
        text.append(token.group() + " ")
        starts += folded.starts[start:end]
        ends += folded.ends[start:end]
        starts.append(ends[-1])
        ends.append(ends[-1])
    return View("".join(text), starts, ends)


def characters(folded: View) -> View:
    """Return a folded text for matching Chinese: gaps within a phrase vanish, its borders are line feeds.

    Spaces and light marks vanish beside Chinese characters, commas and full stops part phrases. Between
    single characters or letters (`草，泥，马`, `n m s l`) every gap vanishes.
    """
    text: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    before: re.Match[str] | None = None
    for segment in _SEGMENT.finditer(folded.text):
        start, end = segment.span()
        gap = _gap(folded.text, before, segment)
        if gap:
            text.append(gap)
            starts.append(ends[-1])
            ends.append(ends[-1])
        text.append(segment.group())
        starts += folded.starts[start:end]
        ends += folded.ends[start:end]
        before = segment
    return View("".join(text), starts, ends)


def _gap(text: str, before: re.Match[str] | None, after: re.Match[str]) -> str:
    if before is None:
        return ""
    if (
        len(before.group()) == 1
        and len(after.group()) == 1
        and not (before.group() + after.group()).isdigit()
    ):
        return ""
    if _HARD_BREAK.search(text, before.end(), after.start()):
        return "\n"
    return "" if is_han(text[before.end() - 1]) or is_han(text[after.start()]) else " "


def variants(folded: View) -> list[View]:
    """Return what a folded text may also mean: leet read as letters, stretched letters (3 and more) as one
    or two. Only views that differ from it; usually none.
    """
    readings = [folded.text, *_leet_readings(folded.text)]
    views = [View(reading, folded.starts, folded.ends) for reading in readings]
    squeezed = []
    for view in views:
        stretches = [match.span() for match in _STRETCH.finditer(view.text)]
        if stretches:
            squeezed.append(view.without([(start + 1, end) for start, end in stretches], absorb=True))
            squeezed.append(view.without([(start + 2, end) for start, end in stretches], absorb=True))
    return views[1:] + squeezed


def _leet_readings(text: str) -> list[str]:
    readings = [_LEET_RUN.sub(_reader(one), text) for one in ("i", "l")]
    return [reading for reading in dict.fromkeys(readings) if reading != text]


def _reader(one: str) -> Callable[[re.Match[str]], str]:
    """Return a reading of a word in leet in which 1 is the letter `one`."""

    def read(match: re.Match[str]) -> str:
        run = match.group()
        word = run.rstrip("!+")
        if word.isalpha() or not any(character.isalpha() for character in word):
            return run
        return word.replace("1", one).translate(_LEET) + run[len(word) :]

    return read


def spelled(words_view: View) -> list[View]:
    """Return readings of a `words` view in which letters spelled one by one (3 and more) are joined.

    A leading I or A may be a word of its own: both readings are given. Empty when nothing is spelled.
    """
    runs = [match.span() for match in _SPELLED.finditer(words_view.text)]
    if not runs:
        return []
    views = [words_view.without([gap for run in runs for gap in _gaps(*run)])]
    if any(words_view.text[start] in "ia" for start, _ in runs):
        views.append(
            words_view.without(
                [
                    gap
                    for start, end in runs
                    for gap in _gaps(start + 2 if words_view.text[start] in "ia" else start, end)
                ]
            )
        )
    return views


def _gaps(start: int, end: int) -> list[tuple[int, int]]:
    return [(position, position + 1) for position in range(start + 1, end, 2)]
