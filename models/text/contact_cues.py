"""Finds what may have been a contact before it was misheard: its cue alone, or some digits in a row."""

from __future__ import annotations

from models.results import TextFinding
from models.text.contacts import LABELS, PHONE
from models.text.cues import Cues, Kind
from models.text.digits import find_runs
from models.text.hits import Hit, to_findings
from models.text.normalise import fold

DETECTOR = "contact cues"
PROBABILITY = 0.3
"""Below every REVIEW: such a text is worth a better look, no more."""
MIN_DIGITS = 4
"""Years and prices have as many; a number that lost half of its digits has more."""
NAMED = frozenset({Kind.QQ, Kind.WECHAT, Kind.MESSENGER})
"""What is named seldom without a contact; `call` and `number` are everyday words."""


class ContactCueClassifier:
    """What a contact may have been, as a text classifier; blocking, thread-safe, below a millisecond."""

    def classify(self, text: str, language: str) -> list[TextFinding]:
        """Return names of messengers, and runs of four digits and more, each with probability 0.3.

        All languages are read at once.
        """
        folded = fold(text)
        hits = [
            Hit(LABELS[word.kind], PROBABILITY, folded.span(word.start, word.end))
            for word in Cues(folded.text).words
            if word.kind in NAMED
        ]
        hits += [
            Hit(PHONE, PROBABILITY, folded.span(run.start, run.end))
            for run in find_runs(folded.text)
            if len(run.digits) >= MIN_DIGITS
        ]
        return to_findings(hits, DETECTOR)
