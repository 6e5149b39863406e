"""The statistical insult classifier: REVIEW evidence about people, with the clause that says it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.taxonomy import load_taxonomy
from models.text.insults import LABEL, LEAST, MOST, InsultClassifier

INSULTS = InsultClassifier()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("You ugly stupid pig.", ["You ugly stupid pig"]),
        ("Hello everybody. You are so dumb and ugly! See you.", ["You are so dumb and ugly"]),
        ("I am fine with it, but you are a pathetic loser", ["you are a pathetic loser"]),
    ],
)
def test_an_insult_is_review_evidence_with_the_clause_that_says_it(text: str, shown: list[str]) -> None:
    [finding] = INSULTS.classify(text, "en")
    assert finding.label == LABEL
    thresholds = load_taxonomy().thresholds("default", "USER", LABEL.risk)
    assert thresholds.review <= finding.probability < thresholds.reject
    assert [text[span.start : span.end] for span in finding.spans] == shown


def test_an_insult_within_a_long_sentence_without_stops_is_found() -> None:
    before = "so today we want to look at the new map and talk about the patch notes with our guest "
    text = before + "and you are a stupid fat idiot " + before
    [finding] = INSULTS.classify(text, "en")
    assert any("stupid" in text[span.start : span.end] for span in finding.spans)
    assert all(left.end <= right.start for left, right in pairwise(finding.spans))


@pytest.mark.parametrize(
    "text",
    [
        "What the hell is wrong with this game",
        "I hate broccoli",
        "This sucks so bad",
        "Let's cook chicken breast tonight",
        "The assassin hides in the shadows",
        "You guys are awesome and sick",
        "Did you see the new stadium at Scunthorpe?",
        "",
        "...",
    ],
)
def test_harmless_talk_is_not_reported(text: str) -> None:
    assert INSULTS.classify(text, "en") == []


@pytest.mark.parametrize("language", ["zh", "ar", "fr"])
def test_other_languages_are_not_judged(language: str) -> None:
    assert INSULTS.classify("You ugly stupid pig.", language) == []


def test_an_unknown_language_in_latin_letters_is_judged() -> None:
    assert INSULTS.classify("You ugly stupid pig.", "")
    assert INSULTS.classify("你这个蠢货", "") == []


SPEECH = st.lists(st.sampled_from(["you", "idiot", "stupid", "the", ",", ". ", "and", "\ud800", "我", "\n"]))


@given(st.one_of(st.text(st.characters(), max_size=60), SPEECH.map(" ".join)))
@settings(max_examples=60, deadline=None)
def test_any_text_is_taken(text: str) -> None:
    for finding in INSULTS.classify(text, "en"):
        assert LEAST <= finding.probability <= MOST
        for span in finding.spans:
            assert 0 <= span.start < span.end <= len(text)
            assert text[span.start : span.end].strip()


def test_a_wary_one_reports_what_the_other_lets_pass() -> None:
    wary = InsultClassifier(wary=True)
    for text in ("what the hell is wrong with this game", "a stupid game for stupid losers"):
        assert INSULTS.classify(text, "en") == []
        assert [each.label for each in wary.classify(text, "en")] == [LABEL]
    assert wary.classify("the weather will stay dry until the weekend", "en") == []
