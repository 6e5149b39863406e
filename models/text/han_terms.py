"""Matches Chinese terms: as substrings of the simplified text, and by sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ahocorasick_rs import AhoCorasick

from config.lexicons import Lexicon, Match, TermGroup
from config.taxonomy import Label
from models.results import Span
from models.text.chinese import is_han, syllables
from models.text.hits import Hit
from models.text.normalise import View, characters, fold

HOMOPHONE_FACTOR = 0.85
"""A term that is only heard, not written, counts this much less: it may be other words of the same sound."""
MIN_SYLLABLES = 3
MIN_SYLLABLES_ASKED = 2
"""With `homophones = true`."""
FIRST_SYLLABLE = 0xE000
UNKNOWN_SYLLABLE = "\uf8ff"
"""Syllables are matched as one private-use code point each, so that a match holds whole syllables."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A pattern's meaning. `label` None: an allowed phrase of the list `lexicon`."""

    lexicon: int
    label: Label | None
    probability: float
    exact: bool


@dataclass(frozen=True, slots=True)
class _Found:
    entry: _Entry
    span: Span


class HanTerms:
    """Terms of Chinese lists. Thread-safe."""

    def __init__(self, lexicons: Iterable[Lexicon]) -> None:
        """`lexicons`: Chinese lists; an allowed phrase only counts within its own list."""
        written: dict[str, list[_Entry]] = {}
        heard: dict[str, list[_Entry]] = {}
        self._codes: dict[str, str] = {}
        for index, lexicon in enumerate(lexicons):
            for group in lexicon.groups:
                entry = _Entry(index, group.label, group.probability, group.match is Match.EXACT)
                for term in group.terms:
                    text = characters(fold(term)).text
                    written.setdefault(text, []).append(entry)
                    if _is_heard(text, group):
                        heard.setdefault(self._sound(text, learn=True), []).append(entry)
            for phrase in lexicon.allowed:
                text = characters(fold(phrase)).text
                allowed = _Entry(index, None, 0.0, exact=False)
                written.setdefault(text, []).append(allowed)
                heard.setdefault(self._sound(text, learn=True), []).append(allowed)
        for patterns in (written, heard):
            patterns.pop("", None)
        self._written = _Patterns(written)
        self._heard = _Patterns(heard)

    def find(self, folded: View) -> list[Hit]:
        """Return every term in a folded text that does not lie within an allowed phrase of its list."""
        view = characters(folded)
        written = list(self._written.scan(view))
        heard = list(self._heard.scan(View(self._sound(view.text, learn=False), view.starts, view.ends)))
        allowed = [each for each in written if each.entry.label is None]
        allowed_by_sound = [each for each in heard if each.entry.label is None]
        return [
            *_kept(written, allowed, 1.0),
            *_kept(heard, allowed + allowed_by_sound, HOMOPHONE_FACTOR),
        ]

    def _sound(self, text: str, *, learn: bool) -> str:
        """Return `text` with a code point per syllable in the place of each Chinese character."""
        codes = []
        for character, syllable in zip(text, syllables(text), strict=True):
            if not syllable:
                codes.append(UNKNOWN_SYLLABLE if is_han(character) else character)
                continue
            if learn and syllable not in self._codes:
                self._codes[syllable] = chr(FIRST_SYLLABLE + len(self._codes))
            codes.append(self._codes.get(syllable, UNKNOWN_SYLLABLE))
        return "".join(codes)


class _Patterns:
    """An automaton and what its patterns mean."""

    def __init__(self, patterns: dict[str, list[_Entry]]) -> None:
        self._texts = list(patterns)
        self._entries = list(patterns.values())
        self._automaton = AhoCorasick(self._texts)

    def scan(self, view: View) -> Iterator[_Found]:
        for pattern, start, end in self._automaton.find_matches_as_indexes(view.text, overlapping=True):
            if _cuts_word(view.text, start) or _cuts_word(view.text, end):
                continue
            for entry in self._entries[pattern]:
                if entry.exact and not view.is_gapless(start, end):
                    continue
                yield _Found(entry, view.span(start, end))


def _cuts_word(text: str, border: int) -> bool:
    """Say whether `border` lies within a word of Latin letters, or within a number."""
    if not 0 < border < len(text):
        return False
    before, after = text[border - 1], text[border]
    return (
        before.isascii()
        and after.isascii()
        and ((before.isalpha() and after.isalpha()) or (before.isdigit() and after.isdigit()))
    )


def _is_heard(text: str, group: TermGroup) -> bool:
    if group.match is Match.EXACT:
        return False
    count = sum(is_han(character) for character in text)
    return count >= (MIN_SYLLABLES_ASKED if group.homophones else MIN_SYLLABLES)


def _kept(found: Iterable[_Found], allowed: list[_Found], factor: float) -> Iterator[Hit]:
    for each in found:
        if each.entry.label is not None and not any(_covers(phrase, each) for phrase in allowed):
            yield Hit(each.entry.label, each.entry.probability * factor, each.span)


def _covers(phrase: _Found, hit: _Found) -> bool:
    return (
        phrase.entry.lexicon == hit.entry.lexicon
        and phrase.span.start <= hit.span.start
        and hit.span.end <= phrase.span.end
    )
