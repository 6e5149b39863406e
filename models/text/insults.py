"""Statistical evidence of English insults that no word list names: enough for REVIEW, never for REJECT."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from config.taxonomy import Label, RiskType
from models.results import Span, TextFinding
from models.text.hits import Hit, to_findings

DETECTOR = "insults"
LABEL = Label(RiskType.ABUSE, "insult", "statistical")

LEAST = 0.50
MOST = 0.80
"""Bounds of what is reported: REVIEW under the default policy, below its REJECT (0.85)."""
FROM_RAW_ADDRESSED = 0.80
FROM_RAW_SPOKEN_ABOUT = 0.95
"""The model's probability from which a sentence counts: one that says `you`, one about somebody else.

Measured by hand: insults at somebody 0.98-1.0; "what the hell is wrong with this game" 0.80, "I hate
broccoli" 0.91, "this sucks so bad" 1.0. An insult needs a person: sentences without one are not reported.
"""
WARY = 0.4
"""From here on a sentence is worth a better look, whomever it is about. Harmless ones have 0.01-0.14."""
LONGEST_WORDS = 16
STEP_WORDS = 8
"""A longer sentence (recognisers may leave out full stops) is weighed in overlapping pieces: the model looks
at shares of words, an insult drowns in a long text."""

_SENTENCE = re.compile(r"[^.!?;…\n]+")
_CLAUSE_BREAK = re.compile(
    r"[,:—]|\b(?:but|because)\b|\band\b(?=\s+(?:I|you|he|she|it|we|they)\b)", re.IGNORECASE
)
_WORD = re.compile(r"\S+")
_ADDRESSED = re.compile(r"\b(?:you|your|yours|yourself|yourselves|y'all|ya|u)\b|\byou['’]", re.IGNORECASE)
_SPOKEN_ABOUT = re.compile(
    r"\b(?:he|him|his|she|her|they|them|their|these|those|guy|guys|man|woman|girl|boy|kid|people)\b",
    re.IGNORECASE,
)
_LETTER = re.compile("[A-Za-z]")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A sentence, or a stretch of a long one, with the clauses in it."""

    span: Span
    clauses: tuple[Span, ...]


class InsultClassifier:
    """A linear model over words as a text classifier; blocking, thread-safe, a few milliseconds a window."""

    def __init__(self, *, wary: bool = False) -> None:
        """Load the model: blocking, a second or two (scikit-learn).

        `wary`: report what may be an insult if it was misheard, for a window that is to be read again.
        """
        self._predict = _load()
        self._wary = wary

    def classify(self, text: str, language: str) -> list[TextFinding]:
        """Return at most one finding, `insult.statistical`, with a probability of 0.50 to 0.80.

        Only English is judged (`en`, or Latin letters in an unknown language). The spans are the clauses of a
        suspicious sentence that are suspicious by themselves, or the whole sentence.
        """
        if language not in {"en", ""} or not _LETTER.search(text):
            return []
        pieces = list(_pieces(text))
        spans = [span for piece in pieces for span in (piece.span, *piece.clauses)]
        if not spans:
            return []
        raw = dict(zip(spans, self._predict([text[span.start : span.end] for span in spans]), strict=True))
        hits: list[Hit] = []
        for piece in pieces:
            start = WARY if self._wary else _threshold(text[piece.span.start : piece.span.end])
            if start is None or raw[piece.span] < start:
                continue
            probability = LEAST + (MOST - LEAST) * (raw[piece.span] - start) / (1 - start)
            driving = [clause for clause in piece.clauses if raw[clause] >= start] or [piece.span]
            hits += [Hit(LABEL, min(MOST, probability), span) for span in driving]
        return to_findings(hits, DETECTOR)


def _load() -> Callable[[Sequence[str]], list[float]]:
    with warnings.catch_warnings():
        # The model was pickled by another scikit-learn; its scores are checked by the tests.
        warnings.simplefilter("ignore")
        # Imported here: it reads its model while it is imported, for a second or two.
        from profanity_check import predict_prob

    def predict(texts: Sequence[str]) -> list[float]:
        return [float(probability) for probability in predict_prob(list(texts))]

    return predict


def _threshold(sentence: str) -> float | None:
    """From which raw probability a sentence counts; None: it is about nobody."""
    if _ADDRESSED.search(sentence):
        return FROM_RAW_ADDRESSED
    return FROM_RAW_SPOKEN_ABOUT if _SPOKEN_ABOUT.search(sentence) else None


def _pieces(text: str) -> Iterator[_Piece]:
    for sentence in _SENTENCE.finditer(text):
        words = [match.span() for match in _WORD.finditer(text, sentence.start(), sentence.end())]
        first = 0
        while first < len(words):
            # The last piece takes a short rest with it.
            last = first + LONGEST_WORDS
            if last + STEP_WORDS > len(words):
                last = len(words)
            yield _piece(text, words[first][0], words[last - 1][1])
            if last == len(words):
                break
            first += STEP_WORDS


def _piece(text: str, start: int, end: int) -> _Piece:
    clauses = []
    position = start
    for clause_end, following in [
        *(each.span() for each in _CLAUSE_BREAK.finditer(text, start, end)),
        (end, end),
    ]:
        words = [word.span() for word in _WORD.finditer(text, position, clause_end)]
        if words:
            clauses.append(Span(words[0][0], words[-1][1]))
        position = following
    whole = Span(start, end)
    return _Piece(whole, tuple(clause for clause in clauses if clause != whole))
