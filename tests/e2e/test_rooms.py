"""Rooms of real-time clouds, moderated end to end: by the account's addresses, from a real RTMP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from tests.support.consumer import Consumer, Platform
from tests.support.daemon_process import ACCESS_KEY, DaemonProcess, configuration
from tests.support.media_server import flv
from tests.support.rtmp_rooms import RtmpRooms

TEMPLATES = """
stream_events = true
[accounts.pull_templates]
trtc = "{url}/pull/{{room}}?sdkappid={{sdkAppId}}&userid={{userId}}&usersig={{userSig}}&user={{tokenId}}"
zego = "{url}/live/{{stream}}"
agora = "{url}/{{appId}}/{{channel}}?token={{token}}&uid={{uid}}"
"""
TRTC = {"sdkAppId": 140, "demoSences": 2, "userId": "bot_1", "userSig": "a/b+c=", "roomId": 7}
ROOMS: dict[str, tuple[dict[str, Any], str, dict[str, str]]] = {
    "TRTC": (
        {"trtcParam": TRTC},
        "7?sdkappid=140&userid=bot_1&usersig=a%2Fb%2Bc%3D&user=user-1",
        {"strUserId": "user-1"},
    ),
    "ZEGO": ({"zegoParam": {"streamId": "s-1", "isMixingEnabled": False}}, "s-1", {"strUserId": "user-1"}),
    "AGORA": (
        {"agoraParam": {"appId": "app", "channel": "talk", "token": "t=1", "uid": 5}},
        "talk?token=t%3D1&uid=5",
        {},
    ),
}


@pytest_asyncio.fixture(name="relay")
async def _relay(spoken: Path) -> AsyncIterator[RtmpRooms]:
    content = await asyncio.to_thread(flv, spoken)
    async with RtmpRooms(content, *(name for _, name, _ in ROOMS.values())) as relay:
        yield relay


@pytest_asyncio.fixture(name="rooms")
async def _rooms(tmp_path: Path, relay: RtmpRooms, consumer: Consumer) -> AsyncIterator[Platform]:
    config = configuration(tmp_path, extra=TEMPLATES.format(url=relay.url))
    async with (
        DaemonProcess(config) as daemon,
        Platform(daemon.url, ACCESS_KEY, consumer.url) as platform,
    ):
        yield platform


def of(consumer: Consumer, answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a stream's callbacks."""
    return [body for body in consumer.taken if body["requestId"].startswith(answer["requestId"])]


def states(bodies: list[dict[str, Any]]) -> list[str]:
    return [body["streamEvent"]["type"] for body in bodies if body.get("statCode") == 2]


async def test_rooms_are_pulled_from_the_accounts_addresses(
    rooms: Platform, consumer: Consumer, relay: RtmpRooms
) -> None:
    answers = {}
    for kind, (params, _, _) in ROOMS.items():
        answers[kind] = await rooms.start("", data={"streamType": kind, "url": None, "btId": kind, **params})
        assert answers[kind]["code"] == 1100
        again = await rooms.start("", data={"streamType": kind, "url": None, "btId": kind, **params})
        assert again["detail"] == {"errorCode": 1001, "dupRequestId": answers[kind]["requestId"]}
    await consumer.wait_for(
        lambda: (
            sum(body.get("statCode") == 0 and body["requestId"][-2:] == "_1" for body in consumer.taken)
            == len(ROOMS)
        ),
        60,
        "two windows of each room",
    )
    assert sorted(relay.asked) == sorted(name for _, name, _ in ROOMS.values())
    for answer in answers.values():
        assert (await rooms.finish(answer["requestId"]))["code"] == 1100
    await consumer.wait_for(
        lambda: sum(body.get("statCode") == 1 for body in consumer.taken) == len(ROOMS), 30, "the notices"
    )
    for kind, (_, _, user) in ROOMS.items():
        bodies = of(consumer, answers[kind])
        windows = [body for body in bodies if body.get("statCode") == 0]
        assert [body["requestId"].rpartition("_")[2] for body in windows] == ["0", "1", "2"]
        harmless, advertisement, insult = (body["audioDetail"] for body in windows)
        assert (harmless["riskLevel"], harmless["riskLabel1"]) == ("PASS", "normal")
        assert "chicken" in harmless["audioText"].lower()
        assert advertisement["riskLabel1"] == "ad"
        assert (insult["riskLevel"], insult["riskLabel1"]) == ("REJECT", "abuse")
        for detail in (harmless, advertisement, insult):
            users = {key: value for key, value in detail["auxInfo"].items() if key.endswith("serId")}
            assert users == user
        assert {body["btId"] for body in bodies} == {kind}
        (notice,) = (body for body in bodies if body.get("statCode") == 1)
        assert notice["auxInfo"]["streamTime"] in (29, 30)
        assert states(bodies) == ["started", "ended"]


async def test_a_room_that_the_relay_does_not_have_is_tried_as_the_contract_says(
    rooms: Platform, consumer: Consumer, relay: RtmpRooms
) -> None:
    params = {"appId": "app", "channel": "nobody", "token": "t"}
    answer = await rooms.start("", data={"streamType": "AGORA", "url": None, "agoraParam": params})
    assert answer["code"] == 1100
    await consumer.wait_for(
        lambda: any(body.get("statCode") == 1 for body in consumer.taken), 30, "the finish notice"
    )
    bodies = of(consumer, answer)
    assert relay.asked == ["nobody?token=t&uid="] * 3, "twice again, at once"
    assert states(bodies) == ["reconnecting", "reconnecting", "ended"]
    (notice,) = (body for body in bodies if body.get("statCode") == 1)
    assert notice["auxInfo"]["errorCode"] in (3001, 3003)
