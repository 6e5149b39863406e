"""Customers' own word lists: read from a folder, and found in a text."""

from __future__ import annotations

import bisect
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config.errors import ConfigError
from models.results import ListMatch, Span
from models.text.hits import merge_spans
from models.text.normalise import UNSPACED, View, fold, fold_character

MAX_LISTS = 20
MAX_WORDS = 100_000
MAX_WORD_CHARACTERS = 200

Hashes = NDArray[np.uint64]

_BASE = 0x9E3779B97F4A7C15
"""Odd, so that it has an inverse modulo 2**64: the golden ratio's bits, as in Fibonacci hashing."""
_BASE_INVERSE = pow(_BASE, -1, 1 << 64)
_LENGTH_FACTOR = np.uint64(0xD6E8FEB86659FD93)
_MIX_FACTOR = np.uint64(0xFF51AFD7ED558CCD)
_SLOTS_PER_WORD = 8

_GAP = re.compile(rf"(?<=[{UNSPACED}])[^\S\n]+|[^\S\n]+(?=[{UNSPACED}])|[^\S\n]+")
_BESIDE_UNSPACED = re.compile(rf"[{UNSPACED}]")
_LINE_EDGE = re.compile(r" ?\n ?")


def read_lists(folder: Path) -> dict[str, list[str]]:
    """Read a folder of lists: every `*.txt` is one, named after the file, one word a line, `#` comments.

    A missing folder is one without lists. Raises ConfigError that names the file and the line: not UTF-8,
    more than 20 lists, 100,000 words a list, 200 characters a word.
    """
    try:
        files = sorted(path for path in folder.glob("*.txt") if path.is_file())
        if len(files) > MAX_LISTS:
            raise ConfigError(f"{folder}: {len(files)} lists, at most {MAX_LISTS} are taken")
        return {path.stem: _read_list(path) for path in files}
    except OSError as error:
        raise ConfigError(f"{error.filename or folder}: cannot be read: {error.strerror}") from None


def _read_list(path: Path) -> list[str]:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad_line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}: line {bad_line}: not UTF-8; save the file as UTF-8") from None
    words: dict[str, None] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        word = line.strip()
        if not word or word.startswith("#"):
            continue
        if len(word) > MAX_WORD_CHARACTERS:
            raise ConfigError(
                f"{path}: line {number}: {len(word)} characters, at most {MAX_WORD_CHARACTERS} are taken"
            )
        words[word] = None
        if len(words) > MAX_WORDS:
            raise ConfigError(f"{path}: line {number}: more than {MAX_WORDS} words")
    return list(words)


class ListMatcher:
    """Finds the words of several lists in a text. Immutable after it is built, thread-safe.

    Case, width, accents, Arabic letter forms and Chinese script are folded. Words of scripts that part words
    by spaces match whole words; Chinese, Japanese, Thai … and Korean match anywhere. An index of hashes
    stands in for a tree of two million words: about 45 bytes a word, built in seconds.
    """

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        """Build the index; blocking, about three seconds a million words. `lists`: name to words."""
        self._names = list(lists)
        self._words = [_Words(words) for words in lists.values()]
        self._firsts = [0]
        for words in self._words:
            self._firsts.append(self._firsts[-1] + len(words))
        hashes: list[Hashes] = []
        lengths: set[int] = set()
        table = _FoldTable()
        for words in filter(len, self._words):
            found, sizes = _hash_lines(_fold_lines(words.text, table))
            hashes.append(found)
            lengths.update(np.unique(sizes).tolist())
        self._lengths = sorted(lengths - {0})
        joined = np.concatenate(hashes) if hashes else np.zeros(0, np.uint64)
        self._order = np.argsort(joined).astype(np.uint32)
        self._hashes = joined[self._order]
        bits = max(10, (len(joined) * _SLOTS_PER_WORD).bit_length())
        self._shift = np.uint64(64 - bits)
        self._taken = np.zeros(1 << bits, np.bool_)
        self._taken[joined >> self._shift] = True

    def match(self, text: str) -> list[ListMatch]:
        """Return every word of the lists that stands in `text` with its places, in the order of the lists."""
        view = _close_gaps(fold(text))
        found: dict[tuple[int, int], list[Span]] = {}
        for start, end, number in self._candidates(view.text):
            if _cuts_word(view.text, start) or _cuts_word(view.text, end):
                continue
            index = bisect.bisect_right(self._firsts, number) - 1
            word = number - self._firsts[index]
            if _fold_word(self._words[index][word]) == view.text[start:end]:
                found.setdefault((index, word), []).append(view.span(start, end))
        return [
            ListMatch(self._names[index], self._words[index][word], merge_spans(spans))
            for (index, word), spans in sorted(found.items(), key=lambda item: (item[0][0], item[1][0].start))
        ]

    def _candidates(self, text: str) -> Iterator[tuple[int, int, int]]:
        """Yield (start, end, word number) of every piece of `text` with a word's length and hash."""
        sums, inverses = _prefix_sums(_code_points(text))
        for length in self._lengths:
            if length > len(text):
                break
            pieces = _finish((sums[length:] - sums[:-length]) * inverses[: len(text) - length + 1], length)
            starts = np.flatnonzero(self._taken[pieces >> self._shift])
            firsts = np.searchsorted(self._hashes, pieces[starts], "left")
            lasts = np.searchsorted(self._hashes, pieces[starts], "right")
            for index in np.flatnonzero(firsts < lasts).tolist():
                for number in self._order[firsts[index] : lasts[index]].tolist():
                    yield int(starts[index]), int(starts[index]) + length, number


class _Words:
    """A list's words as they were given, in one string: a tenth of the memory of as many strings."""

    def __init__(self, words: Iterable[str]) -> None:
        lines = [word.replace("\n", " ").strip() for word in words]
        self.text = "\n".join(lines)
        self._ends = np.cumsum([len(line) + 1 for line in lines], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> str:
        start = int(self._ends[index - 1]) if index else 0
        return self.text[start : int(self._ends[index]) - 1]


class _FoldTable(dict[int, str]):
    """`fold_character` as a table for `str.translate`."""

    def __missing__(self, code_point: int) -> str:
        folded = fold_character(chr(code_point))
        self[code_point] = folded
        return folded


def _fold_lines(text: str, table: _FoldTable) -> str:
    folded = _GAP.sub(_gap, text.translate(table))
    return _LINE_EDGE.sub("\n", folded).strip(" ")


def _gap(match: re.Match[str]) -> str:
    start, end = match.span()
    text = match.string
    beside = (text[start - 1] if start else "") + text[end : end + 1]
    return "" if _BESIDE_UNSPACED.search(beside) else " "


def _fold_word(word: str) -> str:
    return _close_gaps(fold(word)).text.strip()


def _close_gaps(view: View) -> View:
    """Drop white space beside scripts without spaces, and make any other white space one space."""
    text = re.sub(r"\s", " ", view.text)
    dropped = []
    for match in _GAP.finditer(text):
        start = match.start() if not _gap(match) else match.start() + 1
        if start < match.end():
            dropped.append((start, match.end()))
    return View(text, view.starts, view.ends).without(dropped)


def _code_points(text: str) -> Hashes:
    return np.frombuffer(text.encode("utf-32-le"), np.dtype("<u4")).astype(np.uint64)


def _prefix_sums(codes: Hashes) -> tuple[Hashes, Hashes]:
    """Return the sums of codes[k] * base**k before each position, and base**-k; both modulo 2**64."""
    size = len(codes) + 1
    powers = np.full(size, _BASE, np.uint64)
    inverses = np.full(size, _BASE_INVERSE, np.uint64)
    powers[0] = inverses[0] = 1
    np.multiply.accumulate(powers, out=powers)
    np.multiply.accumulate(inverses, out=inverses)
    sums = np.zeros(size, np.uint64)
    np.cumsum(codes * powers[:-1], out=sums[1:])
    return sums, inverses


def _finish(hashes: Hashes, length: int | Hashes) -> Hashes:
    """Mix the length in and spread the bits: the upper ones choose a slot."""
    mixed: Hashes = hashes + np.asarray(length, np.uint64) * _LENGTH_FACTOR
    mixed = (mixed ^ (mixed >> np.uint64(31))) * _MIX_FACTOR
    mixed ^= mixed >> np.uint64(32)
    return mixed


def _hash_lines(text: str) -> tuple[Hashes, Hashes]:
    """Return the hash and the length of each line."""
    codes = _code_points(text)
    sums, inverses = _prefix_sums(codes)
    breaks = np.flatnonzero(codes == ord("\n"))
    starts = np.concatenate([[0], breaks + 1])
    ends = np.concatenate([breaks, [len(codes)]])
    lengths = (ends - starts).astype(np.uint64)
    return _finish((sums[ends] - sums[starts]) * inverses[starts], lengths), lengths


def _cuts_word(text: str, border: int) -> bool:
    """Say whether `border` lies within a word of a script that parts words by spaces."""
    return 0 < border < len(text) and _is_spaced(text[border - 1]) and _is_spaced(text[border])


def _is_spaced(character: str) -> bool:
    if _BESIDE_UNSPACED.match(character):
        return False
    return character.isalnum() or unicodedata.category(character).startswith("M")
