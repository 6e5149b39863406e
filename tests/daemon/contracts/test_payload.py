"""The callbacks as a consumer sees them."""

from __future__ import annotations

from typing import Any

from config.taxonomy import Label, RiskType, load_taxonomy
from daemon.contracts.audiostream.contract import AudioStreamContract
from daemon.contracts.audiostream.messages import Callback, FailureCallback
from models.results import ListMatch, SoundFinding, Span, Transcript
from pipeline.report import Evidence, Failure, Finding, RiskLevel, StreamEnd, WindowReport
from pipeline.source import SourceFault
from tests.daemon.contracts.requests import request
from tests.support.accounts import account

REQUEST_ID = "c" * 32
AD = Finding(Label(RiskType.AD, "contact", "wechat"), RiskLevel.REJECT, 0.95, Evidence.TEXT, (Span(0, 4),))
ABUSE = Finding(
    Label(RiskType.ABUSE, "insult", "personal"), RiskLevel.REVIEW, 0.7, Evidence.TEXT, (Span(6, 8),)
)


NOT_MODERATED = "Service failed: overload, the window was not moderated"


def report(**fields: Any) -> WindowReport:
    times = {
        "started_at": 1000.0,
        "ended_at": 1010.0,
        "processing_began_at": 1010.1,
        "processing_ended_at": 1010.5,
    }
    return WindowReport(index=7, **{**times, **fields})


def written(window: WindowReport, **changes: Any) -> dict[str, Any]:
    contract = AudioStreamContract(load_taxonomy(), [account()])
    body = contract.accept(REQUEST_ID, "acme", request(**changes)).window(window)
    # What is written is what /openapi.json describes, no field more and none of another kind.
    (FailureCallback if window.failure else Callback).model_validate(body)
    return body


def test_a_hit_carries_labels_text_and_positions() -> None:
    text = "加我微信 x 傻子"
    window = report(
        level=RiskLevel.REJECT,
        findings=(AD, ABUSE),
        transcript=Transcript(text, "zh", 0.98, -0.2, 0.01),
        text=text,
        clip_url="http://clips/x.mp3",
    )
    body = written(window, type="ADVERT_DIRTY", data={"room": "r1", "extra": {"passThrough": {"a": [1]}}})
    assert body["requestId"] == f"{REQUEST_ID}_7"
    assert (body["btId"], body["code"], body["message"], body["statCode"]) == ("bt-1", 1100, "成功", 0)
    assert body["passThrough"] == {"a": [1]}
    assert body["requestParams"]["url"] == "rtmp://live.test/app/stream"
    assert body["auxInfo"] == {"streamTime": 80}
    detail = body["audioDetail"]
    assert detail["audioUrl"] == "http://clips/x.mp3"
    assert detail["riskLevel"] == "REJECT"
    labels = [detail[f"riskLabel{n}"] for n in (1, 2, 3)]
    assert labels == ["advert", "contact", "wechat"]
    assert detail["riskDescription"] == "广告：联系方式：微信号"
    assert detail["riskSource"] == detail["riskDetail"]["riskSource"] == 1001
    assert detail["riskDetail"]["riskSegments"] == [
        {"segment": "加我微信", "position": [0, 1, 2, 3]},
        {"segment": " 傻", "position": [6, 7]},
    ]
    assert [label["riskLabel1"] for label in detail["allLabels"]] == ["advert", "dirty"]
    assert [label["riskLevel"] for label in detail["allLabels"]] == ["REJECT", "REVIEW"]
    info = detail["auxInfo"]
    assert (info["beginProcessTime"], info["finishProcessTime"]) == (1010100, 1010500)
    assert info["room"] == "r1"
    assert len(info["audioStartTime"]) == len("2026-01-01 00:00:00")
    assert detail["vadCode"] == 1
    assert "preAudioUrl" not in detail


def test_segments_within_segments_are_left_out() -> None:
    whole = Finding(AD.label, RiskLevel.REJECT, 0.9, Evidence.TEXT, (Span(0, 4), Span(2, 6), Span(3, 5)))
    part = Finding(ABUSE.label, RiskLevel.REVIEW, 0.6, Evidence.TEXT, (Span(1, 3), Span(8, 9)))
    window = report(level=RiskLevel.REJECT, findings=(whole, part), text="abcdefghij")
    segments = written(window)["audioDetail"]["riskDetail"]["riskSegments"]
    assert [segment["segment"] for segment in segments] == ["abcd", "cdef", "i"]


def test_a_quiet_window_is_normal() -> None:
    detail = written(report(silent=True), acceptLang="en")["audioDetail"]
    assert [detail[f"riskLabel{n}"] for n in (1, 2, 3)] == ["normal", "", ""]
    assert (detail["riskLevel"], detail["riskDescription"], detail["riskSource"]) == ("PASS", "Normal", 1000)
    assert detail["vadCode"] == 0
    assert "matchedLists" not in detail["riskDetail"]


def test_a_customers_list_is_named_with_positions() -> None:
    matches = (ListMatch("brands", "acme", (Span(2, 6),)), ListMatch("brands", "foo", (Span(0, 1),)))
    window = report(level=RiskLevel.REJECT, list_matches=matches, text="a acme")
    detail = written(window, acceptLang="en")["audioDetail"]
    assert detail["riskDescription"] == "Hit custom list"
    assert detail["riskLevel"] == "REJECT"
    assert detail["riskDetail"]["matchedLists"] == [
        {
            "name": "brands",
            "words": [{"word": "acme", "position": [2, 3, 4, 5]}, {"word": "foo", "position": [0]}],
        }
    ]
    assert detail["riskSource"] == 1001


def test_a_label_below_its_threshold_does_not_name_a_list_hit() -> None:
    weak = Finding(ABUSE.label, RiskLevel.PASS, 0.2, Evidence.AUDIO, (Span(0, 1),))
    window = report(
        level=RiskLevel.REJECT,
        findings=(weak,),
        list_matches=(ListMatch("brands", "acme", (Span(2, 6),)),),
        text="a acme",
    )
    detail = written(window)["audioDetail"]
    assert [detail[f"riskLabel{n}"] for n in (1, 2, 3)] == ["customlist", "", ""]
    assert detail["riskSource"] == 1001
    assert [label["riskLevel"] for label in detail["allLabels"]] == ["PASS"]


def test_the_previous_clip_is_there_when_asked_for() -> None:
    detail = written(report(previous_clip_url="http://clips/p.mp3"), data={"returnPreAudio": 1})[
        "audioDetail"
    ]
    assert detail["preAudioUrl"] == "http://clips/p.mp3"


def test_a_window_that_was_not_moderated_says_so_and_no_more() -> None:
    body = written(report(failure=Failure.OVERLOAD), acceptLang="en")
    assert body == {"requestId": f"{REQUEST_ID}_7", "code": 1903, "message": NOT_MODERATED}


def test_language_is_tagged_when_asked_for() -> None:
    english = SoundFinding(Label(RiskType.LANGUAGE, "spoken", "english"), 0.97, "test")
    detail = written(report(attributes=(english,)), type="LANGUAGE", acceptLang="en")["audioDetail"]
    assert detail["audioTags"] == {"language": [{"label": 1, "probability": 97}]}
    assert detail["businessLabels"] == [
        {
            "businessLabel1": "language",
            "businessLabel2": "spoken",
            "businessLabel3": "english",
            "businessDescription": "Language：Spoken language：English",
            "probability": 97,
            "confidenceLevel": 2,
        }
    ]
    assert detail["riskLevel"] == "PASS"


def test_of_several_values_the_probable_one_is_the_business_label() -> None:
    heard = (
        SoundFinding(Label(RiskType.GENDER, "gender", "male"), 0.8, "test"),
        SoundFinding(Label(RiskType.TIMBRE, "male", "uncle"), 0.6, "test"),
        SoundFinding(Label(RiskType.TIMBRE, "male", "youth"), 0.3, "test"),
        SoundFinding(Label(RiskType.GENDER, "gender", "female"), 0.2, "test"),
    )
    detail = written(report(attributes=heard), type="AD", businessType="GENDER_TIMBRE_SING")["audioDetail"]
    assert [each["businessLabel3"] for each in detail["businessLabels"]] == ["male", "uncle"]
    assert [each["confidenceLevel"] for each in detail["businessLabels"]] == [1, 0]
    assert detail["audioTags"] == {
        "gender": {"label": "男性", "probability": 80},
        "timbre": [{"label": "大叔", "probability": 60}, {"label": "青年", "probability": 30}],
        "song": 0,
    }


def test_what_was_heard_is_named_with_its_source() -> None:
    song = Finding(
        Label(RiskType.BANEDAUDIO, "recording", "banned"),
        RiskLevel.REJECT,
        0.97,
        Evidence.AUDIO,
        name="that song",
    )
    detail = written(report(level=RiskLevel.REJECT, findings=(song,)), type="BANEDAUDIO")["audioDetail"]
    assert detail["riskLabel1"] == "banedaudio"
    assert detail["riskSource"] == detail["riskDetail"]["riskSource"] == 1003
    assert detail["riskDetail"]["audioMatches"] == [
        {"name": "that song", "riskLabel3": "banned", "probability": 0.97}
    ]


def test_the_finish_notice_counts_seconds_and_names_the_fault() -> None:
    call = AudioStreamContract(load_taxonomy(), [account()]).accept(
        REQUEST_ID, "acme", request(data={"returnFinishInfo": 1})
    )
    body = call.end(StreamEnd(SourceFault.CANNOT_OPEN, 41.6), next_index=5)
    assert body is not None
    assert (body["requestId"], body["statCode"]) == (f"{REQUEST_ID}_5", 1)
    assert body["auxInfo"] == {"errorCode": 3001, "streamTime": 42}
    assert "audioDetail" not in body
    assert (call.end(StreamEnd(None, 41.6), next_index=5) or {})["auxInfo"] == {"streamTime": 42}
