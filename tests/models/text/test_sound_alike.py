"""What sounds like a term: found in a misheard text, and not in most everyday ones."""

from __future__ import annotations

import pytest

from config.lexicons import load_lexicons
from models.text.sound_alike import PROBABILITY, SoundAlikeClassifier
from tests.models.text.test_harmless import ENGLISH

ALIKE = SoundAlikeClassifier(load_lexicons())


@pytest.mark.parametrize(
    ("text", "risk", "shown"),
    [
        ("And then over throw the king, good evening.", "POLITICS", "over throw the king"),
        ("Come on, Vuckers, get out.", "ABUSE", "Vuckers"),
        ("He lives from sam swapping, they say.", "BAN", "sam swapping"),
        ("We are in the legal aliens and so on.", "ABUSE", "the legal aliens"),
    ],
)
def test_a_misheard_term_is_found_with_its_place(text: str, risk: str, shown: str) -> None:
    findings = [each for each in ALIKE.classify(text, "en") if each.label.risk == risk]
    assert findings
    assert all(each.probability == PROBABILITY for each in findings)
    places = [text[span.start : span.end] for each in findings for span in each.spans]
    assert any(shown in place for place in places), places


def test_most_everyday_sentences_sound_like_nothing() -> None:
    suspected = [text for text in ENGLISH if ALIKE.classify(text, "en")]
    assert len(suspected) <= 0.2 * len(ENGLISH), suspected


@pytest.mark.parametrize("language", ["zh", "de"])
def test_other_languages_are_not_read_as_english(language: str) -> None:
    assert ALIKE.classify("over throw the king", language) == []


def test_no_words_no_findings() -> None:
    assert ALIKE.classify("", "en") == []
    assert ALIKE.classify("12 + 34, ...", "") == []
