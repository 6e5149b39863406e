"""Matches terms of languages that part words by spaces: English and Arabic."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ahocorasick_rs import AhoCorasick

from config.lexicons import Lexicon, Match
from config.taxonomy import Label
from models.results import Span
from models.text.hits import Hit
from models.text.normalise import ARABIC, View, fold, spelled, variants, words

ARTICLES = frozenset({"ال", "وال", "فال"})
CLITICS = frozenset(
    {
        conjunction + preposition + article
        for conjunction in ("", "و", "ف")
        for preposition in ("", "ب", "ل", "ك")
        for article in ("", "ال")
    }
    | {"لل", "ولل", "فلل"}
) - {""}
"""Conjunctions, prepositions and the article that are written together with an Arabic word."""

MIN_COMPOUND_LETTERS = 7
"""A term this long is also found written as two words (`mother fucker`); shorter ones would meet others."""

OTHER_WORDS = frozenset({"were", "well", "ill", "shell", "hell", "wed", "shed", "id", "its", "lets", "wont"})
"""Words that a contraction without its apostrophe would be mistaken for."""

_CONTRACTION = re.compile(r" ' ")
_ARABIC_LETTER = re.compile(f"[{ARABIC}]")
_TWO_WORDS = re.compile(r"(?= ([^\W_ ]{2,}) ([^\W_ ]{2,}) )")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A pattern's meaning. `label` None: an allowed phrase of the list `lexicon`."""

    lexicon: int
    label: Label | None
    probability: float
    exact: bool
    arabic: bool
    spelled_only: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    entry: _Entry
    span: Span


class WordTerms:
    """Terms of English and Arabic lists, matched on word boundaries. Thread-safe."""

    def __init__(self, lexicons: Iterable[Lexicon]) -> None:
        """`lexicons`: lists of one or more languages; an allowed phrase only counts within its own list."""
        patterns: dict[str, list[_Entry]] = {}
        self._compounds: dict[str, list[_Entry]] = {}
        for index, lexicon in enumerate(lexicons):
            for term, entry in _entries(index, lexicon):
                for pattern in _spellings(term):
                    patterns.setdefault(pattern, []).append(entry)
                self._add_joined(term, entry, patterns)
        self._entries = list(patterns.values())
        self._automaton = AhoCorasick([f"{pattern} " for pattern in patterns])

    def find(self, folded: View) -> list[Hit]:
        """Return every term in a folded text that does not lie within an allowed phrase of its list."""
        base = words(folded)
        found = list(self._scan(base, varied=False, is_spelled=False))
        for view in variants(folded):
            found += self._scan(words(view), varied=True, is_spelled=False)
        for view in spelled(base):
            found += self._scan(view, varied=True, is_spelled=True)
        found += self._scan_compounds(base)
        allowed = [each for each in found if each.entry.label is None]
        return [
            Hit(each.entry.label, each.entry.probability, each.span)
            for each in found
            if each.entry.label is not None and not any(_covers(phrase, each) for phrase in allowed)
        ]

    def _add_joined(self, term: str, entry: _Entry, patterns: dict[str, list[_Entry]]) -> None:
        if entry.label is None or entry.exact:
            return
        joined = term.replace(" ", "")
        if joined != term:
            spelled_out = _Entry(
                entry.lexicon, entry.label, entry.probability, exact=False, arabic=False, spelled_only=True
            )
            patterns.setdefault(joined, []).append(spelled_out)
        elif len(joined) >= MIN_COMPOUND_LETTERS and joined.isascii():
            self._compounds.setdefault(joined, []).append(entry)

    def _scan(self, view: View, *, varied: bool, is_spelled: bool) -> Iterator[_Found]:
        for pattern, start, end in self._automaton.find_matches_as_indexes(view.text, overlapping=True):
            word_start = view.text.rfind(" ", 0, start) + 1
            prefix = view.text[word_start:start]
            for entry in self._entries[pattern]:
                if (varied and entry.exact) or (entry.spelled_only and not is_spelled):
                    continue
                if prefix and not (entry.arabic and prefix in (ARTICLES if entry.exact else CLITICS)):
                    continue
                yield _Found(entry, view.span(word_start, end - 1))

    def _scan_compounds(self, view: View) -> Iterator[_Found]:
        for match in _TWO_WORDS.finditer(view.text):
            for entry in self._compounds.get(match[1] + match[2], ()):
                yield _Found(entry, view.span(match.start(1), match.end(2)))


def _entries(index: int, lexicon: Lexicon) -> Iterator[tuple[str, _Entry]]:
    """Yield each term and allowed phrase as it looks in a `words` view, without the outer spaces."""
    for group in lexicon.groups:
        for term in group.terms:
            text = words(fold(term)).text.strip()
            if text:
                arabic = _ARABIC_LETTER.match(text) is not None
                exact = group.match is Match.EXACT
                yield text, _Entry(index, group.label, group.probability, exact, arabic)
    for phrase in lexicon.allowed:
        text = words(fold(phrase)).text.strip()
        if text:
            yield text, _Entry(index, None, 0.0, exact=False, arabic=_ARABIC_LETTER.match(text) is not None)


def _spellings(term: str) -> list[str]:
    """A term as it is, with its contractions written without apostrophe, and ال after ل as لل."""
    spellings = [term]
    if " ' " in term:
        joined = _CONTRACTION.sub("", term)
        if not OTHER_WORDS & set(joined.split()):
            spellings.append(joined)
    if term.startswith("ال"):
        spellings.append("لل" + term[2:])
    return spellings


def _covers(phrase: _Found, hit: _Found) -> bool:
    return (
        phrase.entry.lexicon == hit.entry.lexicon
        and phrase.span.start <= hit.span.start
        and hit.span.end <= phrase.span.end
    )
