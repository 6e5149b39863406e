"""Searches what was said in a window, and just before it, for risks and for a customer's own words."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from models.interfaces import TextClassifier
from models.results import ListMatch, Span, TextFinding, Transcript

TAIL_CHARACTERS = 80
"""How much of the previous window's text is searched again with this one's, so that a phrase spoken across
the border is found: longer than any term of the lexicons, and than a phone number read aloud with its cue."""


class WordLists(Protocol):
    """A customer's own word lists."""

    def match(self, text: str) -> list[ListMatch]:
        """Return every word of the lists that stands in `text`; blocking, fast."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was found in a window's words; spans refer to `text`."""

    text: str
    findings: tuple[TextFinding, ...]
    list_matches: tuple[ListMatch, ...]


class WordSearch:
    """Asks every classifier and the account's lists about windows of any stream; blocking, thread-safe."""

    def __init__(
        self,
        spanning: Sequence[TextClassifier],
        statistical: Sequence[TextClassifier],
        lists_of: Callable[[str], WordLists | None],
    ) -> None:
        """`spanning` classifiers look for phrases and see the end of the previous window's text too;
        `statistical` ones weigh a text as a whole and see only the window's own. `lists_of` gives the
        word lists of an account.
        """
        self._spanning = spanning
        self._statistical = statistical
        self._lists_of = lists_of

    def search(
        self, account: str, transcript: Transcript, before: Transcript | None, *, shown: Transcript | None
    ) -> Said:
        """Search a window's words. `before` was said right before it, and may hold the beginning of a phrase;
        `shown` is put in front of the text, and is `before` or of a window further back.
        """
        text = _join(shown.text if shown is not None else "", transcript.text)
        offset = len(text) - len(transcript.text)
        findings: list[TextFinding] = []
        matches: list[ListMatch] = []
        if transcript.text:
            tail = before.text[-TAIL_CHARACTERS:] if before is not None else ""
            across = _join(tail, transcript.text)
            border = len(across) - len(transcript.text)
            for classifier in self._spanning:
                findings += _only_new(classifier.classify(across, transcript.language), border, offset)
            for classifier in self._statistical:
                findings += _only_new(classifier.classify(transcript.text, transcript.language), 0, offset)
            lists = self._lists_of(account)
            if lists is not None:
                matches = _only_new_matches(lists.match(across), border, offset)
        return Said(text, tuple(findings), tuple(matches))


def _join(before: str, text: str) -> str:
    """Put two windows' texts side by side; the space parts Latin and Arabic words, Chinese ignores it."""
    return f"{before} {text}" if before and text else before or text


def _shift(spans: Iterable[Span], border: int, offset: int) -> tuple[Span, ...]:
    """Move spans found in `tail + text` onto the reported text; keep those that reach beyond the border.

    A part that lies in the previous window is kept when that window's text is reported, else cut off.
    """
    moved = (Span(max(0, span.start - border + offset), span.end - border + offset) for span in spans)
    return tuple(span for span in moved if span.end > offset)


def _only_new(findings: Iterable[TextFinding], border: int, offset: int) -> list[TextFinding]:
    kept = []
    for finding in findings:
        spans = _shift(finding.spans, border, offset)
        if spans:
            kept.append(dataclasses.replace(finding, spans=spans))
    return kept


def _only_new_matches(matches: Iterable[ListMatch], border: int, offset: int) -> list[ListMatch]:
    kept = []
    for match in matches:
        spans = _shift(match.spans, border, offset)
        if spans:
            kept.append(dataclasses.replace(match, spans=spans))
    return kept
