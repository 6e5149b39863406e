"""Streams of real-time clouds: addresses from templates, identities, retries."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from config.accounts import PullTemplates
from config.taxonomy import load_taxonomy
from daemon.contracts.audiostream.contract import AudioStreamCall, AudioStreamContract
from daemon.contracts.audiostream.pulls import NotConfiguredError
from pipeline.rooms.channel import Channel
from pipeline.rooms.roster import ListedRoster, Member
from pipeline.rooms.zego import ZegoRoster
from tests.daemon.contracts.requests import request
from tests.support.accounts import account

TEMPLATES = {
    "trtc": "rtmp://rtmp.test/pull/{room}?sdkappid={sdkAppId}&userid={userId}&usersig={userSig}"
    "&use_number_room_id={roomIsNumber}&remoteuserid={tokenId}",
    "zego": "https://cdn.test/live/{stream}.flv",
    "agora": "rtmp://relay.test/{appId}/{channel}?token={token}&uid={uid}",
}
TRTC = {"sdkAppId": 140, "demoSences": 4, "userId": "bot_1", "userSig": "a/b+c=", "roomId": 7}
AGORA = {"appId": "app", "channel": "sing & talk", "token": "t", "uid": 5}
ZEGO = {"streamId": "s-1", "roomId": "r-1"}


def call(
    stream_type: str,
    params: dict[str, Any],
    templates: dict[str, str] | None = None,
    *,
    agora_sdk: bool = False,
    **settings: Any,
) -> AudioStreamCall:
    contract = AudioStreamContract(
        load_taxonomy(),
        [account(pull_templates=TEMPLATES if templates is None else templates, **settings)],
        agora_sdk=agora_sdk,
    )
    field = f"{stream_type.lower()}Param"
    body = request(data={"streamType": stream_type, "url": ..., field: params})
    return contract.accept("a" * 32, "acme", body)


def test_the_request_fills_the_places_of_the_template() -> None:
    assert call("TRTC", TRTC).spec.url == (
        "rtmp://rtmp.test/pull/7?sdkappid=140&userid=bot_1&usersig=a%2Fb%2Bc%3D"
        "&use_number_room_id=1&remoteuserid=user-1"
    )
    assert call("ZEGO", ZEGO).spec.url == "https://cdn.test/live/s-1.flv"
    assert call("AGORA", AGORA).spec.url == "rtmp://relay.test/app/sing%20%26%20talk?token=t&uid=5"


def test_a_room_by_name_is_no_number() -> None:
    named = {**TRTC, "strRoomId": "lobby"}
    assert "/pull/7?" in call("TRTC", named).spec.url, "roomId wins"
    del named["roomId"]
    assert "/pull/lobby?" in call("TRTC", named).spec.url
    assert "use_number_room_id=0" in call("TRTC", named).spec.url


def test_fields_cannot_leave_their_place() -> None:
    url = call("ZEGO", {"streamId": "../../admin?x=1#@evil.test/"}).spec.url
    assert url == "https://cdn.test/live/..%2F..%2Fadmin%3Fx%3D1%23%40evil.test%2F.flv"


@pytest.mark.parametrize(
    ("stream_type", "params", "change"),
    [
        ("TRTC", TRTC, {"roomId": 8}),
        ("TRTC", TRTC, {"sdkAppId": 141}),
        ("TRTC", TRTC, {"userId": "bot_2"}),
        ("ZEGO", ZEGO, {"streamId": "s-2"}),
        ("AGORA", AGORA, {"channel": "other"}),
        ("AGORA", AGORA, {"appId": "other"}),
    ],
)
def test_what_makes_another_stream(stream_type: str, params: dict[str, Any], change: dict[str, Any]) -> None:
    one, same, other = (call(stream_type, {**params, **each}) for each in ({}, {}, change))
    assert one.identity == same.identity
    assert one.identity != other.identity


@pytest.mark.parametrize(
    ("stream_type", "params", "change"),
    [
        ("TRTC", TRTC, {"userSig": "new"}),
        ("ZEGO", ZEGO, {"roomId": "r-2"}),
        ("AGORA", AGORA, {"token": "new", "uid": 6}),
    ],
)
def test_what_makes_no_other_stream(stream_type: str, params: dict[str, Any], change: dict[str, Any]) -> None:
    assert call(stream_type, params).identity == call(stream_type, {**params, **change}).identity


def test_retries_are_those_of_the_kind() -> None:
    def pauses(made: AudioStreamCall) -> list[float | None]:
        return [made.spec.backoff.delay_s(failures) for failures in (1, 2, 3, 10, 11)]

    assert pauses(call("AGORA", AGORA)) == [0.0, 0.0, None, None, None]
    assert pauses(call("ZEGO", ZEGO)) == [30.0, 30.0, 30.0, 30.0, None]
    assert pauses(call("TRTC", TRTC)) == [5.0, 10.0, 15.0, 50.0, 55.0]


def test_of_separate_streams_the_user_is_named() -> None:
    assert call("TRTC", TRTC).spec.user is None
    assert call("TRTC", {**TRTC, "demoSences": 2}).spec.user == "user-1"
    assert call("AGORA", {**AGORA, "isMixingEnabled": False}).spec.user == "user-1"


@pytest.mark.parametrize(("stream_type", "params"), [("TRTC", TRTC), ("ZEGO", ZEGO), ("AGORA", AGORA)])
def test_without_a_template_it_says_what_to_set(stream_type: str, params: dict[str, Any]) -> None:
    with pytest.raises(NotConfiguredError, match=rf"pull_templates\.{stream_type.lower()}"):
        call(stream_type, params, {})


def test_with_the_sdk_a_channel_is_joined_whatever_the_template() -> None:
    joined = call("AGORA", AGORA, agora_sdk=True)
    assert joined.spec.channel == Channel("app", "sing & talk", "t", 5, mixed=True, broadcast=False)
    assert (joined.spec.url, joined.spec.user, joined.spec.separate) == ("", None, False)
    assert joined.identity == call("AGORA", AGORA).identity
    assert joined.spec.backoff == call("AGORA", AGORA).spec.backoff
    assert call("AGORA", AGORA, {}, agora_sdk=True).spec == joined.spec
    assert "token" not in repr(joined.spec.channel)
    assert call("ZEGO", ZEGO, agora_sdk=True).spec.channel is None


@pytest.mark.parametrize(
    ("asked", "heard"),
    [
        ({}, {"1", "22", "333"}),
        ({"subscribeMode": "AUTO", "trustedUserIdList": ["22"]}, {"1", "22", "333"}),
        ({"subscribeMode": "TRUSTED", "trustedUserIdList": ["22", 333]}, {"1"}),
        ({"subscribeMode": "TRUSTED"}, {"1", "22", "333"}),
        ({"subscribeMode": "UNTRUSTED", "untrustedUserIdList": [22, "0333"]}, {"22", "333"}),
    ],
)
def test_who_is_listened_to(asked: dict[str, Any], heard: set[str]) -> None:
    separate = call("AGORA", {**AGORA, "isMixingEnabled": False, **asked}, agora_sdk=True).spec
    assert separate.separate
    assert separate.channel is not None
    assert {user for user in ("1", "22", "333") if separate.channel.wants(user)} == heard
    assert Channel.of(separate.channel.document()) == separate.channel


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("rtmp://x/{room}/{secret}", r"place \{secret\}"),
        ("rtmp://x/{room", "no template"),
        ("file:///etc/{room}", "must be an rtmp"),
        ("{room}", "must be an rtmp"),
        ("rtmp://x/{room!r}", "without a format"),
        ("rtmp://x/{room.__class__}", "place"),
        ("rtmp://x/{}", "place"),
    ],
)
def test_a_template_is_checked_when_it_is_configured(template: str, fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        PullTemplates(trtc=template)


ROSTER = "https://platform.test/{sdkAppId}/{room}?bot={userId}"
ONE_BY_ONE = {**TRTC, "demoSences": 2}
WHOLE_ROOM = {"roomId": "r-1", "isMixingEnabled": False}
KEYS = {"app_id": 77, "server_secret": "s3cret"}


def test_with_a_roster_one_start_is_a_whole_trtc_room() -> None:
    made = call("TRTC", ONE_BY_ONE, trtc={"roster_url": ROSTER})
    room = made.spec.room
    assert room is not None
    assert (made.spec.url, made.spec.user, made.spec.separate) == ("", None, True)
    assert room.roster == ListedRoster("https://platform.test/140/7?bot=bot_1")
    assert room.own_user == "bot_1"
    assert room.address_of(Member("u 1", "u 1")) == (
        "rtmp://rtmp.test/pull/7?sdkappid=140&userid=bot_1&usersig=a%2Fb%2Bc%3D"
        "&use_number_room_id=1&remoteuserid=u%201"
    )
    assert made.identity == call("TRTC", ONE_BY_ONE).identity
    mixed = call("TRTC", TRTC, trtc={"roster_url": ROSTER}).spec
    assert (mixed.room, mixed.url) == (None, call("TRTC", TRTC).spec.url)
    assert mixed.user is None


def test_a_whole_zego_room_is_asked_of_the_vendor_or_the_platform() -> None:
    room = call("ZEGO", {**WHOLE_ROOM, "testEnv": True}, zego=KEYS).spec.room
    assert room is not None
    assert room.roster == ZegoRoster(77, "s3cret", "https://rtc-api.zego.im/", "r-1", test=True)
    assert room.address_of(Member("ann", "s/1")) == "https://cdn.test/live/s%2F1.flv"
    listed = call("ZEGO", WHOLE_ROOM, zego={"roster_url": "https://platform.test/{roomId}/{testEnv}"})
    assert listed.spec.room is not None
    assert listed.spec.room.roster == ListedRoster("https://platform.test/r-1/0")
    assert listed.identity == call("ZEGO", {"roomId": "r-1"}).identity


@pytest.mark.parametrize("params", [{"roomId": "r-1"}, {**ZEGO, "isMixingEnabled": False}])
def test_a_mix_and_a_single_stream_of_zego_need_no_roster(params: dict[str, Any]) -> None:
    with_keys, without = (call("ZEGO", params, zego=keys).spec for keys in (KEYS, {}))
    assert with_keys == without
    assert with_keys.room is None
    assert with_keys.user == (None if "streamId" not in params else "user-1")


def test_a_roster_that_comes_or_goes_changes_no_stream_that_was_taken() -> None:
    def contract(**settings: Any) -> AudioStreamContract:
        return AudioStreamContract(load_taxonomy(), [account(pull_templates=TEMPLATES, **settings)])

    trtc: dict[str, Any] = {"trtc": {"roster_url": ROSTER}}
    zego: dict[str, Any] = {"zego": KEYS}
    for one, whole, settings in (
        (call("TRTC", ONE_BY_ONE), call("TRTC", ONE_BY_ONE, **trtc), trtc),
        (call("ZEGO", {**WHOLE_ROOM, "streamId": "s"}), call("ZEGO", WHOLE_ROOM, **zego), zego),
    ):
        assert contract(**settings).restore(one.document()).spec == one.spec
        assert contract(**settings).restore(whole.document()).spec == whole.spec
        with pytest.raises(NotConfiguredError, match="has no roster"):
            contract().restore(whole.document())


def test_a_zego_room_that_an_earlier_version_took_is_pulled_as_it_was() -> None:
    made = call("ZEGO", WHOLE_ROOM, zego=KEYS)
    document = {**made.document(), "manner": {"shape": "nested", "events": False}}
    settings = account(pull_templates=TEMPLATES, zego=KEYS)
    restored = AudioStreamContract(load_taxonomy(), [settings]).restore(document)
    assert (restored.spec.url, restored.spec.room) == ("https://cdn.test/live/r-1.flv", None)


def test_a_whole_zego_room_without_a_roster_says_what_to_set() -> None:
    with pytest.raises(NotConfiguredError, match=r"accounts\[\]\.zego has no roster") as caught:
        call("ZEGO", WHOLE_ROOM)
    assert caught.value.roster
    with pytest.raises(NotConfiguredError, match="pull_templates"):
        call("ZEGO", WHOLE_ROOM, {})


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"trtc": {"roster_url": "https://x/{userSig}"}}, r"place \{userSig\}"),
        ({"trtc": {"roster_url": "rtmp://x/{room}"}}, "must be an http"),
        ({"trtc": {"roster_url": "https://x/{room}"}}, r"pull_templates.trtc needs \{tokenId\}"),
        ({"zego": KEYS}, r"pull_templates.zego needs \{stream\} or \{streamId\} or \{tokenId\}"),
        ({"zego": {"app_id": 77}}, "both app_id and server_secret"),
        ({"zego": {"server_secret": "s3cret"}}, "both app_id and server_secret"),
        ({"zego": {**KEYS, "server_secret": ""}}, "both app_id and server_secret"),
        ({"zego": {**KEYS, "roster_url": "https://x/{roomId}"}}, "not both"),
        ({"zego": {**KEYS, "api_url": "ftp://x/"}}, "api_url must be"),
        ({"zego": {**KEYS, "app_id": 2**32}}, "4294967295"),
    ],
)
def test_a_roster_is_checked_when_it_is_configured(settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault) as caught:
        account(pull_templates={"trtc": "rtmp://x/{room}", "zego": "rtmp://x/{roomId}"}, **settings)
    assert "s3cret" not in str(caught.value.errors(include_input=False))
