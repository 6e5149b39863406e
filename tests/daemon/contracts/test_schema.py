"""What the contract's fields take, and how a wrong one is named."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from config.taxonomy import RiskType, load_taxonomy
from daemon.contracts.audiostream import replies
from daemon.contracts.audiostream.contract import AudioStreamCall, AudioStreamContract
from daemon.contracts.audiostream.schema import StartRequest
from tests.daemon.contracts.requests import request
from tests.support.accounts import account


def accept(body: dict[str, Any]) -> AudioStreamCall:
    return AudioStreamContract(load_taxonomy(), [account()]).accept("a" * 32, "acme", body)


def agora(**params: Any) -> dict[str, Any]:
    """A request for an AGORA channel."""
    return request(data={"streamType": "AGORA", "agoraParam": {"appId": "a", "channel": "c", **params}})


def refusal(body: dict[str, Any], language: str = "en") -> str:
    with pytest.raises(ValidationError) as caught:
        accept(body)
    return replies.refuse(caught.value, language).message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (request(appId=...), "appId is required"),
        (request(appId=5), "appId must be a string"),
        (request(eventId=""), "eventId must not be empty"),
        (request(callback=...), "callback is required"),
        (request(type=...), "one of type, businessType is required"),
        (request(type="PORN_FOO"), "type unknown type 'FOO'"),
        (request(type="PORN_"), "type unknown type ''"),
        (request(businessType="PORN"), "businessType unknown type 'PORN'"),
        (request(acceptLang="fr"), "acceptLang must be one of 'zh' or 'en'"),
        (request(data={"tokenId": ...}), "data.tokenId is required"),
        (request(data={"tokenId": None}), "data.tokenId must be a string"),
        (request(data={"btId": ...}), "data.btId is required"),
        (request(data={"btId": "b" * 129}), "data.btId takes at most 128 characters"),
        (request(data={"streamType": "RTSP"}), "data.streamType must be one of 'NORMAL'"),
        (request(data={"url": ..., "streamType": ...}), "data.streamType is required"),
        (request(data={"streamType": "NORMAL", "url": ...}), "data.url is required for streamType NORMAL"),
        (request(data={"url": 7}), "data.url must be a string"),
        (request(data={"lang": "xx"}), "data.lang must be one of 'zh'"),
        (request(data={"role": "GOD"}), "data.role must be one of 'ADMIN'"),
        (request(data={"returnAllText": 2}), "data.returnAllText must be one of 0 or 1"),
        (request(data={"returnPreText": "1"}), "data.returnPreText must be one of 0 or 1"),
        (request(data={"audioDetectStep": 0}), "data.audioDetectStep must be at least 1"),
        (request(data={"audioDetectStep": 37}), "data.audioDetectStep must be at most 36"),
        (request(data={"audioDetectStep": 1.5}), "data.audioDetectStep must be an integer"),
        (request(data={"extra": {"passThrough": "x"}}), "data.extra.passThrough must be a JSON object"),
        (request(data={"extra": []}), "data.extra must be a JSON object"),
        (request(data={"streamType": "ZEGO"}), "data.zegoParam is required for streamType ZEGO"),
        (request(data={"streamType": "ZEGO", "zegoParam": {}}), "one of streamId, roomId is required"),
        (
            request(data={"streamType": "AGORA", "agoraParam": {"channel": "c"}}),
            "data.agoraParam.appId is required",
        ),
        (
            request(data={"streamType": "AGORA", "agoraParam": {"appId": "a", "channel": "c", "uid": 2**32}}),
            "data.agoraParam.uid must be at most 4294967295",
        ),
        (
            agora(isMixingEnabled=False, subscribeMode="UNTRUSTED"),
            "data.agoraParam.untrustedUserIdList is required for subscribeMode UNTRUSTED",
        ),
        (agora(token="t" * 4097), "data.agoraParam.token takes at most 4096 characters"),
        (agora(subscribeMode="SOME"), "data.agoraParam.subscribeMode must be one of 'AUTO'"),
        (agora(trustedUserIdList=["12a"]), "data.agoraParam.trustedUserIdList must be uint32 numbers"),
        (agora(trustedUserIdList=["4294967296"]), "data.agoraParam.trustedUserIdList must be uint32"),
        (agora(trustedUserIdList=[True]), "data.agoraParam.trustedUserIdList must be uint32 numbers"),
        (agora(trustedUserIdList=[1] * 1001), "data.agoraParam.trustedUserIdList takes at most 1000 items"),
        (
            request(
                data={
                    "streamType": "TRTC",
                    "trtcParam": {"sdkAppId": 1, "demoSences": 3, "userId": "u", "userSig": "s", "roomId": 1},
                }
            ),
            "data.trtcParam.demoSences must be one of 2 or 4",
        ),
        (
            request(
                data={
                    "streamType": "TRTC",
                    "trtcParam": {
                        "sdkAppId": 1,
                        "demoSences": 2,
                        "userId": "u u",
                        "userSig": "s",
                        "roomId": 1,
                    },
                }
            ),
            "data.trtcParam.userId must match",
        ),
        (
            request(
                data={
                    "streamType": "TRTC",
                    "trtcParam": {"sdkAppId": 1, "demoSences": 2, "userId": "u", "userSig": "s"},
                }
            ),
            "one of roomId, strRoomId is required",
        ),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, Any], said: str) -> None:
    message = refusal(body)
    assert message.startswith("Bad parameter: ")
    assert said in message


def test_data_must_be_an_object() -> None:
    values: tuple[Any, ...] = (..., None, [], "x")
    for data in values:
        body = request()
        if data is ...:
            del body["data"]
        else:
            body["data"] = data
        assert "data" in refusal(body)


def test_messages_follow_accept_lang() -> None:
    assert refusal(request(data={"btId": ...}), "zh") == "参数不合法: data.btId 必填"


def test_the_vendors_default_types_are_taken() -> None:
    call = accept(request(type="DEFAULT"))
    assert call.spec.risks == {RiskType.POLITICS, RiskType.PORN, RiskType.AD, RiskType.MOAN}
    assert "unknown type 'DEFAULT'" in refusal(request(businessType="DEFAULT"))


def test_empty_fields_count_as_absent() -> None:
    """As a structure in Go is written out: every field is there."""
    zego = {"tokenId": "t", "streamId": "", "roomId": "r", "testEnv": False}
    body = request(data={"streamType": "ZEGO", "url": "", "zegoParam": zego})
    data = StartRequest.model_validate(body).data
    assert data.zegoParam is not None
    assert (data.url, data.zegoParam.streamId, data.zegoParam.roomId) == (None, None, "r")
    assert "data.url" in refusal(request(data={"url": ""}))


def test_the_vendors_demo_request_is_taken() -> None:
    call = accept(
        {
            "accessKey": "k",
            "appId": "default",
            "eventId": "audio",
            "type": "POLITY_EROTIC_MOAN",
            "btId": "top",
            "callback": "http://consumer.test/",
            "data": {"url": "rtmp://live.test/a/b", "tokenId": "t", "btId": "inner"},
        }
    )
    assert call.spec.risks == {RiskType.POLITICS, RiskType.PORN, RiskType.MOAN}
    assert call.spec.language == "zh"
    assert call.request.data.btId == "inner"
    assert call.request.data.streamType == "NORMAL"


def test_stream_fields_are_taken_from_the_top_level() -> None:
    call = accept(request(streamType="NORMAL", btId="top", data={"streamType": ..., "btId": ...}))
    assert (call.request.data.streamType, call.request.data.btId) == ("NORMAL", "top")


def test_the_documented_example_is_taken_and_gender_is_added() -> None:
    body = request(type="PORN_AD_POLITICAL_TIMBRE_ABUSE_SING_LANGUAGE")
    assert RiskType.GENDER in accept(body).spec.risks


def test_both_names_of_a_type_are_taken() -> None:
    for older, newer in [("POLITICS", "POLITY"), ("PORN", "EROTIC"), ("AD", "ADVERT"), ("ABUSE", "DIRTY")]:
        assert accept(request(type=older)).spec.risks == accept(request(type=newer)).spec.risks


def test_unknown_fields_are_ignored() -> None:
    assert accept(request(colour="red", data={"shape": {"round": True}})).spec.url


def test_options_reach_the_stream() -> None:
    spec = accept(
        request(
            eventId="live",
            data={
                "lang": "auto",
                "role": "HOST",
                "returnAllText": 1,
                "returnPreText": 1,
                "returnPreAudio": 1,
                "audioDetectStep": 2,
            },
        )
    ).spec
    assert (spec.policy, spec.role, spec.language) == ("live", "HOST", None)
    assert (spec.report_all, spec.previous_text, spec.previous_clip, spec.moderate_every) == (
        True,
        True,
        True,
        3,
    )


def test_a_stored_call_holds_no_access_key_and_can_be_restored() -> None:
    contract = AudioStreamContract(load_taxonomy(), [account()])
    call = contract.accept("b" * 32, "acme", request(data={"room": "r"}))
    document = call.document()
    assert "key-of-acme" not in repr(document)
    restored = contract.restore(document)
    assert restored.spec == call.spec
    assert restored.identity == call.identity
    assert "live.test" not in restored.identity
