"""Languages: which one a window is read in, which one was heard in it, and how fast they are spoken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from models.errors import RecognitionError

_NAMES = (
    "zh en ar hi es fr ru pt id de ja tr vi it th tl ko ms yue bo mn "
    "bg bn cs da el fa fi he nl no pl ro sv ta uk ur"
)
DETECTABLE_LANGUAGES = frozenset(_NAMES.split())
"""Detection chooses among these: the languages that can be asked for and others with much training data.
Left to itself the model calls noise and unclear English Latin, Welsh or Norwegian Nynorsk."""
CONTRADICTION = 0.8
"""Probability from which a detected language overrules the given one in a second try: read as Mandarin,
English becomes noise, and an insult in it would go unheard."""
HAN_LANGUAGES = frozenset({"zh", "yue"})
TOKENS_PER_S = {"en": 8, "zh": 12}
MOST_TOKENS_PER_S = 16
"""Above the fastest speech (English 6, Mandarin 10, Thai and Hindi up to 15 a second); a loop is cut off."""
SPARE_TOKENS = 16


class Choice(NamedTuple):
    """The language a window is read in, and the one that was heard in it: empty when nobody listened for it.

    `probability` is 1 when the language was given or is the only one.
    """

    language: str
    probability: float
    spoken: str = ""
    spoken_probability: float = 0.0


def choose(given: str | None, ranking: Sequence[tuple[str, float]]) -> Choice:
    """Return what a window is read in: the given language, or the first detectable one of the ranking.

    The ranking's names look like `<|en|>`; it is empty when nobody listened, and then a language is given.
    Raises RecognitionError when no language can be chosen.
    """
    if given is not None and not ranking:
        return Choice(given, 1.0)
    heard = most_probable(ranking)
    return Choice(*heard, *heard) if given is None else Choice(given, 1.0, *heard)


def overruled(choice: Choice) -> Choice:
    """Return the choice for a second try: a given language is not believed when plainly another was heard."""
    if choice.spoken_probability < CONTRADICTION:
        return choice
    return Choice(choice.spoken, choice.spoken_probability, choice.spoken, choice.spoken_probability)


def most_probable(ranking: Sequence[tuple[str, float]]) -> tuple[str, float]:
    """Return the first detectable language of a ranking whose names look like `<|en|>`.

    Raises RecognitionError when there is none.
    """
    for name, probability in ranking:
        language = name[2:-2]
        if language in DETECTABLE_LANGUAGES:
            return language, probability
    raise RecognitionError("the recogniser knows none of the languages to choose from")


def token_limit(seconds: float, language: str) -> int:
    """Return more tokens than anybody says in so many seconds: a decoder that writes on is in a loop."""
    return math.ceil(seconds * TOKENS_PER_S.get(language, MOST_TOKENS_PER_S)) + SPARE_TOKENS
