"""One of everything that the contract calls back, and the model of `/openapi.json` that it must fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from config.taxonomy import Label, RiskType, load_taxonomy
from daemon.contracts.audiostream.contract import AudioStreamCall, AudioStreamContract
from daemon.contracts.audiostream.messages import (
    Callback,
    EventCallback,
    FailureCallback,
    FlatCallback,
    FlatNotice,
    Message,
)
from models.results import ListMatch, SoundFinding, Span
from pipeline.report import (
    EventType,
    Evidence,
    Failure,
    Finding,
    Gap,
    RiskLevel,
    StreamEnd,
    StreamEvent,
    WindowReport,
)
from pipeline.source import SourceFault
from tests.daemon.contracts.requests import request
from tests.support.accounts import account

ID = "d" * 32
TEXT = "早上好 加我微信 傻子"
PASS_THROUGH = {"trace": ["a", 1]}
ROOM = {"room": "r1", "extra": {"passThrough": PASS_THROUGH}, "returnPreAudio": 1, "returnPreText": 1}
TRTC: dict[str, Any] = {
    "streamType": "TRTC",
    "url": ...,
    "trtcParam": {"sdkAppId": 1, "demoSences": 2, "userId": "rec", "userSig": "sig", "roomId": 9},
}
AGORA: dict[str, Any] = {
    "streamType": "AGORA",
    "url": ...,
    "agoraParam": {"appId": "a", "channel": "c", "isMixingEnabled": False},
}
TEMPLATES = {
    "trtc": "rtmp://pull.test/{sdkAppId}/{room}",
    "agora": "rtmp://pull.test/{appId}/{channel}",
}
FINDINGS = (
    Finding(Label(RiskType.AD, "contact", "wechat"), RiskLevel.REJECT, 0.95, Evidence.TEXT, (Span(4, 8),)),
    Finding(
        Label(RiskType.BANEDAUDIO, "recording", "banned"),
        RiskLevel.REJECT,
        0.9,
        Evidence.AUDIO,
        name="a song",
    ),
    Finding(
        Label(RiskType.ABUSE, "insult", "personal"), RiskLevel.REVIEW, 0.71239, Evidence.TEXT, (Span(9, 11),)
    ),
)
HEARD = (
    SoundFinding(Label(RiskType.GENDER, "gender", "female"), 0.92, "test"),
    SoundFinding(Label(RiskType.TIMBRE, "female", "girl"), 0.75, "test"),
    SoundFinding(Label(RiskType.SING, "singing", "unaccompanied"), 0.6, "test"),
    SoundFinding(Label(RiskType.LANGUAGE, "spoken", "mandarin"), 0.99, "test"),
)


def window(**changes: Any) -> WindowReport:
    """A window in which everything was found."""
    fields: dict[str, Any] = {
        "index": 7,
        "started_at": 1000.0,
        "ended_at": 1010.0,
        "processing_began_at": 1010.1,
        "processing_ended_at": 1010.5,
        "level": RiskLevel.REJECT,
        "findings": FINDINGS,
        "attributes": HEARD,
        "list_matches": (),
        "text": TEXT,
        "clip_url": "http://clips/7.mp3",
        "previous_clip_url": "http://clips/7_pre.mp3",
    }
    return WindowReport(**{**fields, **changes})


def call(language: str = "zh", shape: str = "nested", **data: Any) -> AudioStreamCall:
    settings = account(callback_shape=shape, stream_events=True, pull_templates=TEMPLATES)
    body = request(
        type="ADVERT_DIRTY_BANEDAUDIO", businessType="GENDER_TIMBRE_SING_LANGUAGE", acceptLang=language,
        data={**ROOM, **data},
    )  # fmt: skip
    return AudioStreamContract(load_taxonomy(), [settings]).accept(ID, "acme", body)


EVENT = StreamEvent(EventType.GAP, 1050.25, gap=Gap(1014.0, 1050.0, range(2, 5)))
AWAY = StreamEvent(EventType.RECONNECTING, 1014.5, SourceFault.NO_SUCH_STREAM)
GONE = StreamEnd(SourceFault.NO_AUDIO, 41.6)
LISTED = window(list_matches=(ListMatch("brands", "加我", (Span(4, 6),)),))
SENT: dict[str, tuple[type[Message], Callable[[], dict[str, Any] | None]]] = {
    "window": (Callback, lambda: call().window(window())),
    "english": (Callback, lambda: call("en").window(window())),
    "plain": (
        Callback,
        lambda: call(room=..., extra=..., returnPreAudio=0).window(
            window(level=RiskLevel.PASS, findings=(), silent=True)
        ),
    ),
    "listed": (Callback, lambda: call().window(LISTED)),
    "trtc": (Callback, lambda: call(**TRTC).window(window())),
    "agora": (Callback, lambda: call(**AGORA).window(window())),
    "one of a room": (Callback, lambda: call(**AGORA).window(window(user="4294967295", slot=3))),
    "end": (Callback, lambda: call(returnFinishInfo=1).end(GONE, 8)),
    "finished": (Callback, lambda: call(returnFinishInfo=1).end(StreamEnd(None, 41.6), 8)),
    "lost": (FailureCallback, lambda: call().window(window(failure=Failure.OVERLOAD))),
    "surplus": (
        FailureCallback,
        lambda: call("en", **AGORA).window(window(failure=Failure.SURPLUS, user="33")),
    ),
    "unheard": (
        FailureCallback,
        lambda: call("en", **TRTC).window(window(failure=Failure.UNHEARD, user="33")),
    ),
    "flat unheard": (
        FailureCallback,
        lambda: call(shape="flat", **TRTC).window(window(failure=Failure.UNHEARD, user="33")),
    ),
    "given up": (FailureCallback, lambda: call("en").end(GONE, 8)),
    "crashed": (
        FailureCallback,
        lambda: call(returnFinishInfo=1).end(StreamEnd(None, 41.6, crashed=True), 8),
    ),
    "event": (EventCallback, lambda: call().event(EVENT, 3)),
    "away": (EventCallback, lambda: call().event(AWAY, 0)),
    "over": (
        EventCallback,
        lambda: call().event(StreamEvent(EventType.ENDED, 1060.0, GONE.fault, end=GONE), 4),
    ),
    "flat": (FlatCallback, lambda: call(shape="flat").window(LISTED)),
    "flat plain": (
        FlatCallback,
        lambda: call(shape="flat", room=..., extra=..., returnPreAudio=0).window(
            window(level=RiskLevel.PASS, findings=(), silent=True)
        ),
    ),
    "flat end": (FlatNotice, lambda: call(shape="flat", returnFinishInfo=1).end(GONE, 8)),
    "flat event": (EventCallback, lambda: call(shape="flat").event(EVENT, 3)),
    "flat lost": (FailureCallback, lambda: call(shape="flat").window(window(failure=Failure.MODEL))),
}
