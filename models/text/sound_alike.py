"""Finds what sounds like an English term of the word lists: it may have been one before it was misheard."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from config.lexicons import Lexicon
from config.taxonomy import Label
from models.results import TextFinding
from models.text.hits import Hit, to_findings
from models.text.normalise import fold

DETECTOR = "sound-alike"
PROBABILITY = 0.3
"""Below every REVIEW: such a text is worth a better look, no more."""
MIN_SOUNDS = 5
"""A term of fewer sounds is like too many everyday words."""
ONE_WRONG = 9
"""From so many sounds on one of them may be wrong, missing or too much."""
MOST_WORDS = 7
"""Of the text that are compared with a term together."""

_WORD = re.compile(r"[a-z][a-z'’]*")
_SOUNDS = tuple(
    (re.compile(spelling), sound)
    for spelling, sound in (
        # Letters that are not spoken, and groups that are one sound.
        (r"['’]", ""),
        (r"^(?:wr|rh)", "r"),
        (r"^(?:kn|gn|pn)", "n"),
        (r"mb$", "m"),
        (r"tch|sch|ch|sh|(?<=[a-z])[tsc]i(?=[oa])|dge|j", "C"),
        (r"ph|v", "f"),
        (r"igh", "y"),
        (r"ough|augh", "o"),
        (r"ck|q", "k"),
        (r"x", "ks"),
        (r"c(?=[eiy])|z", "s"),
        # Voiced and unvoiced count as one: fuckers are heard as vuckers.
        (r"[cg]", "k"),
        (r"th|d", "t"),
        (r"b", "p"),
        (r"[wh]|e$", ""),
        # Vowels by where they are spoken: at the front, open, at the back.
        (r"[eiy]+", "I"),
        (r"a+", "A"),
        (r"[ou]+", "U"),
    )
)
"""English spelling as coarse sounds, one replacement after the other. In the manner of phonetic codes such as
Metaphone (L. Philips, "Hanging on the Metaphone", 1990), but vowels are kept: without them every window of
ordinary talk sounds like some term."""


class SoundAlikeClassifier:
    """Sound-alikes as a text classifier, for texts of a recogniser that mishears; blocking, thread-safe.

    Takes a millisecond or so. Finds something in a fifth of all harmless windows: for a second look only.
    """

    def __init__(self, lexicons: Iterable[Lexicon]) -> None:
        """Only the English ones of the `lexicons` are used."""
        self._labels: dict[str, Label] = {}
        for lexicon in lexicons:
            if lexicon.language != "en":
                continue
            for group in lexicon.groups:
                for term in group.terms:
                    sounds = _sounds(fold(term).text)
                    if len(sounds) >= MIN_SOUNDS:
                        self._labels.update(dict.fromkeys(_variants(sounds), group.label))

    def classify(self, text: str, language: str) -> list[TextFinding]:
        """Return what English words sound like, each finding with probability 0.3; `language` other than
        `en` and unknown: nothing. Where two terms sound alike, one of their labels.
        """
        if language not in {"en", ""}:
            return []
        folded = fold(text)
        words = [
            (match.start(), match.end(), _sounds(match.group())) for match in _WORD.finditer(folded.text)
        ]
        hits = []
        for first, (start, _, _) in enumerate(words):
            sounds = ""
            for _, end, more in words[first : first + MOST_WORDS]:
                sounds = _squeezed(sounds + more)
                label = self._label(sounds)
                if label is not None:
                    hits.append(Hit(label, PROBABILITY, folded.span(start, end)))
        return to_findings(hits, DETECTOR)

    def _label(self, sounds: str) -> Label | None:
        if len(sounds) < MIN_SOUNDS:
            return None
        return next((self._labels[each] for each in _variants(sounds) if each in self._labels), None)


def _sounds(text: str) -> str:
    return _squeezed("".join(_sounds_of(word) for word in _WORD.findall(text)))


def _sounds_of(word: str) -> str:
    for spelling, sound in _SOUNDS:
        word = spelling.sub(sound, word)
    return word


def _squeezed(sounds: str) -> str:
    """Write what is doubled once."""
    return "".join(sound for sound, _ in groupby(sounds))


def _variants(sounds: str) -> Iterator[str]:
    """Yield the sounds, and long ones with each left out: two that differ in one sound share a variant."""
    yield sounds
    if len(sounds) >= ONE_WRONG:
        for place in range(len(sounds)):
            yield sounds[:place] + sounds[place + 1 :]
