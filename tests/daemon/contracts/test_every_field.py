"""Every field of the contract's callbacks, as a consumer captured them: one line a field."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from daemon.contracts.audiostream.messages import Message
from daemon.outbox import Delivery
from tests.daemon.contracts.sent import ID, PASS_THROUGH, SENT, TEXT
from tests.support.consumer import Consumer
from tests.support.outbox_house import house

ABSENT = object()
SONG = {"name": "a song", "riskLabel3": "banned", "probability": 0.9}
BRANDS = [{"name": "brands", "words": [{"word": "加我", "position": [4, 5]}]}]
SEGMENTS = [
    {"segment": "加我微信", "position": [4, 5, 6, 7]},
    {"segment": "傻子", "position": [9, 10]},
]
TAGS = {
    "gender": {"label": "女性", "probability": 92},
    "timbre": [{"label": "萝莉", "probability": 75}],
    "song": 1,
    "language": [{"label": 0, "probability": 99}],
}
DETAIL, INFO = "audioDetail", "audioDetail.auxInfo"
FIELDS: list[tuple[str, str, Any]] = [
    ("window", "requestId", f"{ID}_7"),
    ("window", "btId", "bt-1"),
    ("window", "code", 1100),
    ("window", "message", "成功"),
    ("english", "message", "Success"),
    ("window", "statCode", 0),
    ("window", "requestParams.room", "r1"),
    ("window", "requestParams.extra", {"passThrough": PASS_THROUGH}),
    ("window", "requestParams.tokenId", "user-1"),
    ("window", "passThrough", PASS_THROUGH),
    ("plain", "passThrough", ABSENT),
    ("window", "auxInfo.streamTime", 80),
    ("window", f"{DETAIL}.audioUrl", "http://clips/7.mp3"),
    ("window", f"{DETAIL}.preAudioUrl", "http://clips/7_pre.mp3"),
    ("plain", f"{DETAIL}.preAudioUrl", ABSENT),
    ("window", f"{DETAIL}.riskLevel", "REJECT"),
    ("plain", f"{DETAIL}.riskLevel", "PASS"),
    ("window", f"{DETAIL}.riskLabel1", "advert"),
    ("window", f"{DETAIL}.riskLabel2", "contact"),
    ("window", f"{DETAIL}.riskLabel3", "wechat"),
    ("plain", f"{DETAIL}.riskLabel1", "normal"),
    ("plain", f"{DETAIL}.riskLabel2", ""),
    ("plain", f"{DETAIL}.riskLabel3", ""),
    ("window", f"{DETAIL}.riskDescription", "广告：联系方式：微信号"),
    ("plain", f"{DETAIL}.riskDescription", "正常"),
    ("listed", f"{DETAIL}.riskDescription", "命中自定义名单"),
    ("window", f"{DETAIL}.audioText", TEXT),
    ("window", f"{DETAIL}.riskSource", 1001),
    ("plain", f"{DETAIL}.riskSource", 1000),
    ("window", f"{DETAIL}.riskDetail.audioText", TEXT),
    ("window", f"{DETAIL}.riskDetail.riskSource", 1001),
    ("window", f"{DETAIL}.riskDetail.matchedLists", ABSENT),
    ("listed", f"{DETAIL}.riskDetail.matchedLists", BRANDS),
    ("window", f"{DETAIL}.riskDetail.riskSegments", SEGMENTS),
    ("plain", f"{DETAIL}.riskDetail.riskSegments", ABSENT),
    ("window", f"{DETAIL}.riskDetail.audioMatches", [SONG]),
    ("window", f"{INFO}.beginProcessTime", 1010100),
    ("window", f"{INFO}.finishProcessTime", 1010500),
    ("window", f"{INFO}.room", "r1"),
    ("plain", f"{INFO}.room", ABSENT),
    ("window", f"{INFO}.passThrough", PASS_THROUGH),
    ("plain", f"{INFO}.passThrough", ABSENT),
    ("trtc", f"{INFO}.strUserId", "user-1"),
    ("trtc", f"{INFO}.userId", ABSENT),
    ("agora", f"{INFO}.userId", "user-1"),
    ("one of a room", f"{INFO}.userId", 4294967295),
    ("one of a room", "requestId", f"{ID}_7"),
    ("one of a room", "auxInfo.streamTime", 40),
    ("window", f"{INFO}.strUserId", ABSENT),
    ("window", f"{DETAIL}.businessLabels.0.businessLabel1", "gender"),
    ("window", f"{DETAIL}.businessLabels.0.businessLabel2", "gender"),
    ("window", f"{DETAIL}.businessLabels.0.businessLabel3", "female"),
    ("window", f"{DETAIL}.businessLabels.0.businessDescription", "性别：性别：女性"),
    ("window", f"{DETAIL}.businessLabels.0.probability", 92),
    ("window", f"{DETAIL}.businessLabels.0.confidenceLevel", 2),
    ("window", f"{DETAIL}.businessLabels.1.confidenceLevel", 1),
    ("window", f"{DETAIL}.businessLabels.2.confidenceLevel", 0),
    ("window", f"{DETAIL}.allLabels.0.riskLabel1", "advert"),
    ("window", f"{DETAIL}.allLabels.1.riskLabel1", "banedaudio"),
    ("window", f"{DETAIL}.allLabels.2.riskLabel1", "dirty"),
    ("window", f"{DETAIL}.allLabels.2.riskLabel2", "insult"),
    ("window", f"{DETAIL}.allLabels.2.riskLabel3", "personal"),
    ("window", f"{DETAIL}.allLabels.0.riskDescription", "广告：联系方式：微信号"),
    ("window", f"{DETAIL}.allLabels.2.riskLevel", "REVIEW"),
    ("window", f"{DETAIL}.allLabels.2.probability", 0.7124),
    ("window", f"{DETAIL}.audioTags", TAGS),
    ("window", f"{DETAIL}.vadCode", 1),
    ("plain", f"{DETAIL}.vadCode", 0),
    ("end", "requestId", f"{ID}_8"),
    ("end", "code", 1100),
    ("end", "statCode", 1),
    ("end", "audioDetail", ABSENT),
    ("end", "auxInfo", {"errorCode": 3004, "streamTime": 42}),
    ("finished", "auxInfo", {"streamTime": 42}),
    ("end", "passThrough", PASS_THROUGH),
    ("end", "requestParams.tokenId", "user-1"),
    ("lost", DETAIL, ABSENT),
    ("surplus", f"{INFO}.userId", 33),
    (
        "unheard",
        "message",
        "Service failed: the user's stream cannot be pulled, the window was not moderated",
    ),
    ("unheard", INFO, {"strUserId": "33"}),
    ("flat unheard", "riskDetail", {"strUserId": "33"}),
    ("lost", "", {"requestId": f"{ID}_7", "code": 1903, "message": "服务失败: 系统繁忙，该片段未审核"}),
    ("given up", "requestId", f"{ID}_8"),
    ("given up", "code", 1904),
    ("given up", "message", "Stream pull failed: 3004, the stream is not moderated any more"),
    ("crashed", "", {"requestId": f"{ID}_8", "code": 1903, "message": "服务失败: 该路流审核已结束"}),
    ("event", "requestId", f"{ID}_event_3"),
    ("event", "btId", "bt-1"),
    ("event", "code", 1100),
    ("event", "message", "成功"),
    ("event", "statCode", 2),
    ("event", "passThrough", PASS_THROUGH),
    ("event", "streamEvent.type", "gap"),
    ("event", "streamEvent.time", 1050250),
    ("event", "streamEvent.gapStart", 1014000),
    ("event", "streamEvent.gapEnd", 1050000),
    ("event", "streamEvent.firstWindow", 2),
    ("event", "streamEvent.lastWindow", 4),
    ("event", "streamEvent.errorCode", ABSENT),
    ("away", "streamEvent", {"type": "reconnecting", "time": 1014500, "errorCode": 3003}),
    ("over", "streamEvent", {"type": "ended", "time": 1060000, "errorCode": 3004, "streamTime": 42}),
    ("flat", "requestId", f"{ID}_7"),
    ("flat", "btid", "bt-1"),
    ("flat", "btId", ABSENT),
    ("flat", "code", 1100),
    ("flat", "message", "成功"),
    ("flat", "statCode", 0),
    ("flat", "riskLevel", "REJECT"),
    ("flat", "riskLabel1", "advert"),
    ("flat", "riskLabel2", "contact"),
    ("flat", "riskLabel3", "wechat"),
    ("flat", "riskDescription", "命中自定义名单"),
    ("flat plain", "riskLevel", "PASS"),
    ("flat plain", "riskLabel1", "normal"),
    ("flat plain", "riskDescription", "正常"),
    ("flat", "riskSource", 1001),
    ("flat", "riskDetail.audioText", TEXT),
    ("flat", "riskDetail.audioUrl", "http://clips/7.mp3"),
    ("flat", "riskDetail.preAudioUrl", "http://clips/7_pre.mp3"),
    ("flat plain", "riskDetail.preAudioUrl", ABSENT),
    ("flat", "riskDetail.matchedLists", BRANDS),
    ("flat", "riskDetail.riskSegments", SEGMENTS),
    ("flat", "riskDetail.beginProcessTime", 1010100),
    ("flat", "riskDetail.room", "r1"),
    ("flat", "businessLabels", TAGS),
    ("flat", "allLabels.2.riskLabel1", "dirty"),
    ("flat", "vadCode", 1),
    ("flat plain", "vadCode", 0),
    ("flat", "passThrough", PASS_THROUGH),
    ("flat plain", "passThrough", ABSENT),
    ("flat", "requestParams.tokenId", "user-1"),
    ("flat", "auxInfo.streamTime", 80),
    ("flat", "audioDetail", ABSENT),
    ("flat end", "btid", "bt-1"),
    ("flat end", "statCode", 1),
    ("flat end", "auxInfo", {"errorCode": 3004, "streamTime": 42}),
    ("flat event", "btid", "bt-1"),
    ("flat event", "btId", ABSENT),
    ("flat lost", "", {"requestId": f"{ID}_7", "code": 1903, "message": "服务失败: 模型异常，该片段未审核"}),
]


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Everything that is sent, as it arrived at a consumer."""
    return asyncio.run(_capture(tmp_path_factory.mktemp("ledger")))


async def _capture(folder: Path) -> dict[str, dict[str, Any]]:
    async with Consumer() as consumer, house(folder) as sender:
        for number, (_, write) in enumerate(SENT.values()):
            body = json.dumps(write(), ensure_ascii=False).encode()
            await sender.outbox.send(Delivery(ID, f"{number:08d}", consumer.url, body))
        await consumer.wait_for(lambda: len(consumer.taken) == len(SENT), 30)
        return dict(zip(SENT, consumer.taken, strict=True))


@pytest.mark.parametrize(
    ("name", "path", "expected"), FIELDS, ids=[f"{name}-{path}" for name, path, _ in FIELDS]
)
def test_a_field(captured: dict[str, dict[str, Any]], name: str, path: str, expected: Any) -> None:
    found: Any = captured[name]
    for part in path.split(".") if path else []:
        found = found[int(part)] if isinstance(found, list) else found.get(part, ABSENT)
    assert found == expected


@pytest.mark.parametrize("name", SENT)
def test_what_arrives_is_what_is_published(captured: dict[str, dict[str, Any]], name: str) -> None:
    SENT[name][0].model_validate(captured[name])


@pytest.mark.parametrize(("name", "place"), [("window", INFO), ("flat", "riskDetail")])
def test_times_are_written_as_documented(captured: dict[str, dict[str, Any]], name: str, place: str) -> None:
    found: Any = captured[name]
    for part in place.split("."):
        found = found[part]
    ended = found.get("audioEndTime", found.get("audioEndtime"))
    assert datetime.fromisoformat(ended) - datetime.fromisoformat(found["audioStartTime"]) == timedelta(
        seconds=10
    )
    assert ("audioEndtime" in found) is (name == "flat")


def test_every_published_field_is_in_the_table() -> None:
    """A field that is added to a message needs a line here."""
    told = {part for _, path, _ in FIELDS for part in path.split(".")} | {
        "audioStartTime",
        "audioEndTime",
        "audioEndtime",
    }
    for _, _, expected in FIELDS:
        told |= set(_names(expected))
    models = {model for model, _ in SENT.values()}
    while models:
        model = models.pop()
        assert set(model.model_fields) <= told, model
        for field in model.model_fields.values():
            models |= {each for each in _inside(field.annotation) if issubclass(each, Message)}


def _names(value: Any) -> Iterator[str]:
    """The names of the fields that an expected object has, at any depth."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _names(each)


def _inside(annotation: Any) -> set[type]:
    if isinstance(annotation, type):
        return {annotation}
    return {each for part in getattr(annotation, "__args__", ()) for each in _inside(part)}
