"""The text classifiers as the analyser runs them, loaded once."""

from __future__ import annotations

from functools import cache

from config.lexicons import load_lexicons
from models.interfaces import TextClassifier
from models.text.contacts import ContactClassifier
from models.text.insults import InsultClassifier
from models.text.lexicon import LexiconClassifier


@cache
def classifiers() -> tuple[TextClassifier, ...]:
    return (LexiconClassifier(load_lexicons()), ContactClassifier(), InsultClassifier())


def risks(text: str, language: str, *, at_least: float) -> dict[str, list[str]]:
    """The risk types found in `text`, with the places that show them."""
    found: dict[str, list[str]] = {}
    for classifier in classifiers():
        for finding in classifier.classify(text, language):
            if finding.probability >= at_least:
                shown = [text[span.start : span.end] for span in finding.spans]
                found.setdefault(finding.label.risk.value, []).extend(shown)
    return found
