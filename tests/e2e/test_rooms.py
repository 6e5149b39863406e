"""Rooms of real-time clouds, moderated end to end: by the account's addresses, from a real RTMP server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from aiohttp import web

from tests.support.consumer import Consumer, Platform
from tests.support.daemon_process import ACCESS_KEY, DaemonProcess, configuration
from tests.support.media_server import HttpServer, flv
from tests.support.rtmp_rooms import RtmpRooms
from tests.support.zego_api import ZegoApi

TEMPLATES = """
stream_events = true
[accounts.pull_templates]
trtc = "{url}/pull/{{room}}?sdkappid={{sdkAppId}}&userid={{userId}}&usersig={{userSig}}&user={{tokenId}}"
zego = "{url}/live/{{stream}}"
agora = "{url}/{{appId}}/{{channel}}?token={{token}}&uid={{uid}}"
"""
ROSTERS = """
[[accounts]]
name = "rooms"
access_key = "key-of-rooms"
stream_events = true
[accounts.pull_templates]
trtc = "{url}/pull/{{room}}?user={{tokenId}}"
zego = "{url}/live/{{stream}}"
[accounts.trtc]
roster_url = "{roster}/{{sdkAppId}}/{{room}}"
[accounts.zego]
app_id = 77
server_secret = "secret-of-zego"
api_url = "{roster}/zego"
"""
PATIENT = {"AUDIOWARDEN__NETWORK__READ_TIMEOUT_S": "300"}
"""The relay falls silent at once: on a slow machine its streams would be opened again, and played again."""
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


USERS = [*(f"7?user={user}" for user in ("ann", "bob", "cleo")), "s-ann", "s-bob"]


class Rosters:
    """Who is in which room: a platform's own list, and the vendor's."""

    def __init__(self, server: HttpServer) -> None:
        self.listed: list[str] | None = []
        """None: it fails."""
        self.zego = ZegoApi(77, "secret-of-zego")
        server.handle("/140/7", self._answer)
        server.handle("/zego", self.zego.answer)
        self.url = server.url("").rstrip("/")

    async def _answer(self, _: web.Request) -> web.StreamResponse:
        return web.Response(status=503) if self.listed is None else web.json_response(self.listed)


@pytest_asyncio.fixture(name="relay")
async def _relay(spoken: Path) -> AsyncIterator[RtmpRooms]:
    content = await asyncio.to_thread(flv, spoken)
    async with RtmpRooms(content, *(name for _, name, _ in ROOMS.values()), *USERS) as relay:
        yield relay


@pytest_asyncio.fixture(name="rosters")
async def _rosters() -> AsyncIterator[Rosters]:
    with HttpServer() as server:
        yield Rosters(server)


@pytest_asyncio.fixture(name="daemon")
async def _daemon(tmp_path: Path, relay: RtmpRooms, rosters: Rosters) -> AsyncIterator[DaemonProcess]:
    extra = TEMPLATES.format(url=relay.url) + ROSTERS.format(url=relay.url, roster=rosters.url)
    config = configuration(tmp_path, extra=extra)
    async with DaemonProcess(config, environ={**os.environ, **PATIENT}) as daemon:
        yield daemon


@pytest_asyncio.fixture(name="rooms")
async def _rooms(daemon: DaemonProcess, consumer: Consumer) -> AsyncIterator[Platform]:
    async with Platform(daemon.url, ACCESS_KEY, consumer.url) as platform:
        yield platform


@pytest_asyncio.fixture(name="whole_rooms")
async def _whole_rooms(daemon: DaemonProcess, consumer: Consumer) -> AsyncIterator[Platform]:
    async with Platform(daemon.url, "key-of-rooms", consumer.url) as platform:
        yield platform


def of(consumer: Consumer, answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a stream's callbacks."""
    return [body for body in consumer.taken if body["requestId"].startswith(answer["requestId"])]


def states(bodies: list[dict[str, Any]]) -> list[str]:
    """Return what was told of a stream, without its stalls: silent ones have some on a slow machine."""
    told = [body["streamEvent"]["type"] for body in bodies if body.get("statCode") == 2]
    return [each for each in told if each not in ("stalled", "resumed")]


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


def heard(consumer: Consumer) -> dict[str, list[dict[str, Any]]]:
    """Return the windows of every user, in order."""
    users: dict[str, list[dict[str, Any]]] = {}
    for body in consumer.taken:
        if body.get("statCode") == 0:
            users.setdefault(body["audioDetail"]["auxInfo"]["strUserId"], []).append(body["audioDetail"])
    return users


async def test_one_start_moderates_every_user_of_a_room(
    whole_rooms: Platform, consumer: Consumer, relay: RtmpRooms, rosters: Rosters, daemon: DaemonProcess
) -> None:
    rosters.listed = ["ann", "bob", "bot_1"]
    answer = await whole_rooms.start("", data={"streamType": "TRTC", "url": None, "trtcParam": TRTC})
    assert answer["code"] == 1100
    await consumer.wait_for(
        lambda: all(len(heard(consumer).get(user, [])) >= 2 for user in ("ann", "bob")), 60, "both users"
    )
    assert sorted(set(relay.asked)) == USERS[:2], "who pulls is in the room, and is not pulled"
    rosters.listed = ["bob", "cleo"]
    await consumer.wait_for(
        lambda: len(heard(consumer).get("cleo", [])) >= 2 and len(heard(consumer)["ann"]) >= 3,
        60,
        "one who came, and what was left of one who went",
    )
    rosters.listed = None
    await asyncio.to_thread(daemon.wait_for_event, "roster_failed", 30)
    assert (await whole_rooms.finish(answer["requestId"]))["code"] == 1100
    await consumer.wait_for(
        lambda: any(body.get("statCode") == 1 for body in consumer.taken), 30, "the finish notice"
    )
    assert heard(consumer).keys() == {"ann", "bob", "cleo"}
    for details in heard(consumer).values():
        first, second, third = details[:3]
        assert (first["riskLabel1"], second["riskLabel1"], third["riskLabel1"]) == ("normal", "ad", "abuse")
    ids = [body["requestId"] for body in consumer.taken if body.get("statCode") == 0]
    assert ids == [f"{answer['requestId']}_{number}" for number in range(len(ids))]
    assert states(of(consumer, answer)) == ["started", "ended"]
    (notice,) = (body for body in consumer.taken if body.get("statCode") == 1)
    assert "errorCode" not in notice["auxInfo"]


async def test_zego_tells_itself_who_is_in_a_room(
    whole_rooms: Platform, rooms: Platform, consumer: Consumer, rosters: Rosters, daemon: DaemonProcess
) -> None:
    rosters.zego.rooms["r-1"] = [("ann", "s-ann"), ("bob", "s-bob")]
    params = {"roomId": "r-1", "isMixingEnabled": False}
    room = {"streamType": "ZEGO", "url": None, "zegoParam": params}
    refused = await rooms.start("", data=room)
    assert refused["code"] == 1902
    assert "accounts.zego.app_id and server_secret" in refused["message"]
    answer = await whole_rooms.start("", data=room)
    again = await whole_rooms.start("", data=room)
    assert again["detail"] == {"errorCode": 1001, "dupRequestId": answer["requestId"]}
    await consumer.wait_for(
        lambda: all(len(heard(consumer).get(user, [])) >= 2 for user in ("ann", "bob")), 60, "both users"
    )
    assert (await whole_rooms.finish(answer["requestId"]))["code"] == 1100
    await consumer.wait_for(
        lambda: any(body.get("statCode") == 1 for body in consumer.taken), 30, "the finish notice"
    )
    assert {user: len(details) >= 3 for user, details in heard(consumer).items()} == {
        "ann": True,
        "bob": True,
    }
    assert rosters.zego.asked[0]["RoomId"] == "r-1"
    assert "secret-of-zego" not in daemon.log_path.read_text(encoding="utf-8")
    assert rosters.zego.asked[0]["Signature"] not in daemon.log_path.read_text(encoding="utf-8")
