"""Traces of contacts: enough to look again, and none in ordinary talk."""

from __future__ import annotations

import pytest

from models.text.contact_cues import PROBABILITY, ContactCueClassifier

CUES = ContactCueClassifier()


@pytest.mark.parametrize(
    ("text", "kind", "shown"),
    [
        ("find me on whatsapp tonight", "messenger", "whatsapp"),
        ("it is five five eight two, you know", "phone", "five five eight two"),
        ("加我微信吧", "wechat", "加我微信"),
    ],
)
def test_a_trace_is_found_with_its_place(text: str, kind: str, shown: str) -> None:
    [finding] = CUES.classify(text, "en")
    assert (finding.label.label3, finding.probability) == (kind, PROBABILITY)
    assert any(text[span.start : span.end] in shown for span in finding.spans)


@pytest.mark.parametrize(
    "text", ["call me when you are at home", "we won three two", "two of them, and three of those", ""]
)
def test_ordinary_talk_leaves_no_trace(text: str) -> None:
    assert CUES.classify(text, "en") == []
