"""Words and sound in one window: the strongest leads, and everything is listed."""

from __future__ import annotations

from typing import Any

import pytest

from config.taxonomy import BUSINESS_TYPES, Label, RiskType, load_taxonomy
from daemon.contracts.audiostream.contract import AudioStreamContract
from models.results import ListMatch, SoundFinding, Span, TextFinding
from pipeline.report import WindowReport
from pipeline.verdict import judge
from tests.daemon.contracts.requests import request
from tests.support.accounts import account

TEXT = "add me on wechat"
WECHAT = Label(RiskType.AD, "contact", "wechat")
MOAN = Label(RiskType.MOAN, "moaning", "sustained")
HEARD = [
    SoundFinding(Label(RiskType.SING, "singing", "unaccompanied"), 0.8, "test"),
    SoundFinding(Label(RiskType.MINOR, "voice", "speaking"), 0.75, "test"),
    SoundFinding(Label(RiskType.GENDER, "gender", "female"), 0.92, "test"),
    SoundFinding(Label(RiskType.TIMBRE, "female", "maiden"), 0.6, "test"),
    SoundFinding(Label(RiskType.LANGUAGE, "spoken", "english"), 0.97, "test"),
]


def detail_of(said: float, moaned: float, *matches: ListMatch) -> dict[str, Any]:
    """Judge a window in which both a contact and a moan were found, and write its callback's detail."""
    taxonomy = load_taxonomy()
    sounds = [SoundFinding(MOAN, moaned, "test"), *HEARD]
    words = [TextFinding(WECHAT, said, (Span(10, 16),), "test")]
    level, findings = judge(words, sounds, matches, taxonomy, "default", "USER")
    report = WindowReport(
        index=0,
        started_at=1000.0,
        ended_at=1010.0,
        processing_began_at=1010.1,
        processing_ended_at=1010.5,
        level=level,
        findings=findings,
        attributes=tuple(each for each in sounds if each.label.risk in BUSINESS_TYPES),
        list_matches=matches,
        text=TEXT,
    )
    body = request(
        type="ADVERT_MOAN", businessType="SING_MINOR_GENDER_TIMBRE_LANGUAGE", acceptLang="en", data={}
    )
    contract = AudioStreamContract(taxonomy, [account()])
    detail: dict[str, Any] = contract.accept("c" * 32, "acme", body).window(report)["audioDetail"]
    return detail


def labels(detail: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["riskLabel3"], each["riskLevel"]) for each in detail["allLabels"]]


def test_rejected_words_lead_and_the_sound_to_review_is_listed() -> None:
    detail = detail_of(0.95, 0.7)
    assert (detail["riskLevel"], detail["riskSource"]) == ("REJECT", 1001)
    assert [detail[f"riskLabel{n}"] for n in (1, 2, 3)] == ["advert", "contact", "wechat"]
    assert detail["riskDescription"] == "Advertising：Contact details：WeChat ID"
    assert labels(detail) == [
        ("wechat", "REJECT"),
        ("speaking", "REVIEW"),
        ("sustained", "REVIEW"),
        ("unaccompanied", "PASS"),
    ]
    assert [each["probability"] for each in detail["allLabels"]] == [0.95, 0.75, 0.7, 0.8]
    assert [each["riskLabel1"] for each in detail["allLabels"]] == ["advert", "minor", "moan", "sing"]
    assert detail["riskDetail"]["riskSource"] == 1001
    assert detail["riskDetail"]["riskSegments"] == [
        {"segment": "wechat", "position": [10, 11, 12, 13, 14, 15]}
    ]


def test_rejected_sound_leads_and_the_words_to_review_are_listed() -> None:
    detail = detail_of(0.6, 0.95)
    assert (detail["riskLevel"], detail["riskSource"]) == ("REJECT", 1003)
    assert [detail[f"riskLabel{n}"] for n in (1, 2, 3)] == ["moan", "moaning", "sustained"]
    assert detail["riskDetail"]["riskSource"] == 1003
    assert labels(detail)[0] == ("sustained", "REJECT")
    assert ("wechat", "REVIEW") in labels(detail)
    assert [each["segment"] for each in detail["riskDetail"]["riskSegments"]] == ["wechat"]


@pytest.mark.parametrize(("said", "moaned", "source"), [(0.82, 0.78, 1001), (0.78, 0.82, 1003)])
def test_at_one_level_the_more_probable_leads(said: float, moaned: float, source: int) -> None:
    detail = detail_of(said, moaned)
    assert (detail["riskLevel"], detail["riskSource"]) == ("REVIEW", source)


def test_a_lists_word_leads_what_is_only_to_review() -> None:
    detail = detail_of(0.6, 0.8, ListMatch("brands", "add me", (Span(0, 6),)))
    assert (detail["riskLevel"], detail["riskSource"]) == ("REJECT", 1001)
    assert [detail[f"riskLabel{n}"] for n in (1, 2, 3)] == ["customlist", "", ""]
    assert detail["riskDescription"] == "Hit custom list"
    assert labels(detail)[0] == ("sustained", "REVIEW")


def test_a_rejected_label_stands_beside_a_lists_word() -> None:
    detail = detail_of(0.6, 0.95, ListMatch("brands", "add me", (Span(0, 6),)))
    assert detail["riskLabel1"] == "moan"
    assert detail["riskSource"] == 1003
    assert detail["riskDescription"] == "Hit custom list"


def test_what_was_heard_is_told_in_full_whatever_leads() -> None:
    detail = detail_of(0.95, 0.7)
    assert {each["businessLabel1"]: each["businessLabel3"] for each in detail["businessLabels"]} == {
        "sing": "unaccompanied",
        "minor": "speaking",
        "gender": "female",
        "timbre": "maiden",
        "language": "english",
    }
    assert detail["audioTags"] == {
        "gender": {"label": "女性", "probability": 92},
        "timbre": [{"label": "少女", "probability": 60}],
        "song": 1,
        "language": [{"label": 1, "probability": 97}],
    }
