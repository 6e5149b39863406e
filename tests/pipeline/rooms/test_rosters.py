"""Who is in a room: the platform's list and ZEGO's, read with suspicion; whose address is whose."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from pipeline.rooms.roster import MAX_MEMBERS, Ask, ListedRoster, Member, PulledRoom, Roll, Roster
from pipeline.rooms.zego import ZegoRoster
from pipeline.source import SourceError, SourceFault
from tests.support.zego_api import ZegoApi

LISTED = ListedRoster("https://platform.test/rooms/7")


def answering(answer: object) -> Ask:
    async def ask(_: str) -> object:
        return answer

    return ask


async def test_a_list_names_users_and_their_streams_as_it_likes() -> None:
    listed = [
        "ann",
        4294967295,
        {"userId": "bob", "streamId": "bob-screen"},
        {"userId": "bob", "streamId": "bob-camera", "url": "rtmp://cdn.test/bob?sign=1"},
        {"userId": "cleo", "name": "Cleo", "streamId": "", "url": None},
        "ann",
    ]
    members = (
        Member("ann", "ann"),
        Member("4294967295", "4294967295"),
        Member("bob", "bob-screen"),
        Member("bob", "bob-camera", "rtmp://cdn.test/bob?sign=1"),
        Member("cleo", "cleo"),
    )
    assert await LISTED.call(answering(listed)) == Roll(members)
    assert await LISTED.call(answering([])) == Roll()


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {"users": ["ann"]},
        "ann",
        [""],
        [None],
        [True],
        [1.5],
        [["ann"]],
        [{}],
        [{"userId": "a\nb"}],
        ["a" * 256],
        [{"userId": "ann", "url": 5.0}],
        [{"userId": "ann", "url": "rtmp://" + "a" * 2048}],
        [str(number) for number in range(MAX_MEMBERS + 1)],
    ],
)
async def test_another_answer_is_no_list(answer: object) -> None:
    with pytest.raises(SourceError, match="the roster's answer") as caught:
        await LISTED.call(answering(answer))
    assert (caught.value.fault, caught.value.retryable) == (SourceFault.INVALID_DATA, True)


@pytest.mark.parametrize(
    "odd",
    [
        "",
        None,
        True,
        1.5,
        "a\nb",
        "\U0001f468\u200d\U0001f469",
        "\ud800",
        "a" * 256,
        {"userId": "bob", "url": 5.0},
    ],
)
async def test_who_has_an_odd_id_does_not_hide_the_others(odd: object) -> None:
    assert await LISTED.call(answering(["ann", odd])) == Roll((Member("ann", "ann"),), unusable=1)


def zego(secret: str = "s3cret", **changes: Any) -> ZegoRoster:
    fields = {"app_id": 77, "server_secret": secret, "api_url": "https://api.test/", "room_id": "r&1"}
    return ZegoRoster(**{**fields, **changes})


async def test_zego_answers_who_signs_as_its_documents_say() -> None:
    api = ZegoApi(77, "s3cret")
    asked = []

    async def ask(url: str) -> object:
        assert urlsplit(url).netloc == "api.test"
        query = dict(parse_qsl(urlsplit(url).query))
        asked.append(query)
        return api.reply(query)

    assert await zego().call(ask) == Roll(), "a room without users is taken down"
    api.rooms["r&1"] = [("ann", "s-1"), ("ann", "s-2"), ("bob", "s-3")]
    members = (Member("ann", "s-1"), Member("ann", "s-2"), Member("bob", "s-3"))
    assert await zego(test=True).call(ask) == Roll(members)
    assert [query["IsTest"] for query in asked] == ["false", "true"]
    assert asked[0]["SignatureNonce"] != asked[1]["SignatureNonce"]
    with pytest.raises(SourceError) as caught:
        await zego("wrong").call(ask)
    assert (caught.value.fault, caught.value.retryable) == (SourceFault.NOT_AUTHORISED, False)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"Code": 7, "Message": "too often"}, SourceFault.CANNOT_OPEN),
        ({"Code": 154}, SourceFault.CANNOT_OPEN),
        ({"Code": "0"}, SourceFault.INVALID_DATA),
        ({"Code": False, "Data": {"StreamList": []}}, SourceFault.INVALID_DATA),
        ({"Code": 0}, SourceFault.INVALID_DATA),
        ({"Code": 0, "Data": {"StreamList": {"UserId": "ann"}}}, SourceFault.INVALID_DATA),
        ({"Code": 0, "Data": {"StreamList": [{"StreamId": "s-1"}]}}, SourceFault.INVALID_DATA),
        ([], SourceFault.INVALID_DATA),
    ],
)
async def test_what_zego_answers_otherwise_is_a_failure_that_passes(
    answer: object, fault: SourceFault
) -> None:
    with pytest.raises(SourceError) as caught:
        await zego().call(answering(answer))
    assert (caught.value.fault, caught.value.retryable) == (fault, True)


async def test_a_room_of_zego_that_nobody_sends_in_is_empty() -> None:
    assert await zego().call(answering({"Code": 0, "Data": {"StreamList": None}})) == Roll()


def pulled(roster: Roster, template: str) -> PulledRoom:
    return PulledRoom(roster, template, (("room", "7"), ("tokenId", "of the request")), own_user="bot")


def test_every_user_has_an_address_of_his_own() -> None:
    room = pulled(LISTED, "rtmp://x/{room}/{stream}?user={tokenId}")
    assert room.address_of(Member("a/b", "s 1")) == "rtmp://x/7/s%201?user=a%2Fb"
    assert room.address_of(Member("ann", "ann", "rtmp://cdn.test/ann")) == "rtmp://cdn.test/ann"
    members = [Member("ann", "ann"), Member("bot", "bot")]
    assert list(room.others(members)) == members[:1]


def test_nothing_secret_is_shown() -> None:
    shown = repr(pulled(zego(), "rtmp://x/{stream}?auth=hidden")) + repr(LISTED)
    assert not any(secret in shown for secret in ("s3cret", "hidden", "platform.test", "of the request"))
