"""Where a request's stream is pulled from, when two are the same stream, and how often it is tried."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from config.accounts import PullTemplates
from config.errors import AudiowardenError
from daemon.contracts.audiostream.schema import AgoraParam, Data, TrtcParam, ZegoParam
from pipeline.retry import PULL_BACKOFF, Backoff
from pipeline.rooms.channel import Channel, Wanted

AGORA_BACKOFF = Backoff(first_s=0.0, step_s=0.0, max_s=0.0, attempts=2)
ZEGO_BACKOFF = Backoff(first_s=30.0, step_s=0.0, max_s=30.0, attempts=10)
"""The contract's: AGORA twice at once, ZEGO ten times, 30 s apart; everything else as an address."""
WANTED = {"AUTO": Wanted.ALL, "UNTRUSTED": Wanted.LISTED, "TRUSTED": Wanted.OTHERS}
"""`subscribeMode`: everybody, only the users of one list, or everybody but those of the other."""
SEPARATE_STREAMS = 2
"""`demoSences` of a TRTC room of which one user's stream is wanted, not the mix."""


class NotConfiguredError(AudiowardenError):
    """The account has no address to pull streams of this kind from."""

    def __init__(self, stream_type: str) -> None:
        super().__init__(f"accounts[].pull_templates.{stream_type.lower()} is not set")
        self.stream_type = stream_type


@dataclass(frozen=True, slots=True)
class Pull:
    """How a stream is pulled."""

    url: str
    identity: str
    """The same for the same stream; a digest, since an address or a room may be a secret."""
    backoff: Backoff
    user: str | None = None
    """Whose stream it is, where a room has one for each user and no mix was asked for."""
    channel: Channel | None = None
    """Joined by its vendor's client in place of an address."""


def pull_of(data: Data, templates: PullTemplates, *, agora_sdk: bool = False) -> Pull:
    """Return how the stream is pulled. With `agora_sdk`, AGORA channels are joined, whatever the template.

    A room's stream is pulled from the account's template, whose places are filled with the request's fields:
    those of the kind's parameters, `room` (whichever names it) and `tokenId`. Raises NotConfiguredError.
    """
    if data.trtcParam is not None and data.streamType == "TRTC":
        return _trtc(data, data.trtcParam, templates.trtc)
    if data.zegoParam is not None and data.streamType == "ZEGO":
        return _zego(data, data.zegoParam, templates.zego)
    if data.agoraParam is not None and data.streamType == "AGORA":
        return _joined(data.agoraParam) if agora_sdk else _agora(data, data.agoraParam, templates.agora)
    if data.streamType != "NORMAL" or data.url is None:
        raise NotConfiguredError(data.streamType)
    return Pull(data.url, f"url-{hashlib.sha256(data.url.encode()).hexdigest()}", PULL_BACKOFF)


def _trtc(data: Data, asked: TrtcParam, template: str) -> Pull:
    room = str(asked.roomId) if asked.roomId is not None else asked.strRoomId or ""
    fields = {
        "sdkAppId": str(asked.sdkAppId),
        "userId": asked.userId,
        "userSig": asked.userSig,
        "room": room,
        "roomIsNumber": str(int(asked.roomId is not None)),
        "tokenId": data.tokenId,
    }
    separate = asked.demoSences == SEPARATE_STREAMS
    return Pull(
        _filled(template, fields, "TRTC"),
        _identity("trtc", str(asked.sdkAppId), asked.userId, room),
        PULL_BACKOFF,
        data.tokenId if separate else None,
    )


def _zego(data: Data, asked: ZegoParam, template: str) -> Pull:
    stream = asked.streamId or asked.roomId or ""
    fields = {
        "streamId": asked.streamId or "",
        "roomId": asked.roomId or "",
        "stream": stream,
        "testEnv": str(int(asked.testEnv)),
        "tokenId": asked.tokenId or data.tokenId,
    }
    return Pull(
        _filled(template, fields, "ZEGO"),
        _identity("zego", stream),
        ZEGO_BACKOFF,
        None if asked.isMixingEnabled else data.tokenId,
    )


def _joined(asked: AgoraParam) -> Pull:
    wanted, listed = WANTED[asked.subscribeMode or "AUTO"], None
    if wanted is not Wanted.ALL:
        listed = asked.untrustedUserIdList if wanted is Wanted.LISTED else asked.trustedUserIdList
    channel = Channel(
        app_id=asked.appId,
        name=asked.channel,
        token=asked.token or "",
        uid=asked.uid or 0,
        mixed=asked.isMixingEnabled,
        broadcast=asked.channelProfile == 1,
        wanted=wanted,
        listed=tuple(map(str, listed or ())),
    )
    return Pull("", _identity("agora", asked.appId, asked.channel), AGORA_BACKOFF, channel=channel)


def _agora(data: Data, asked: AgoraParam, template: str) -> Pull:
    fields = {
        "appId": asked.appId,
        "channel": asked.channel,
        "token": asked.token or "",
        "uid": "" if asked.uid is None else str(asked.uid),
        "tokenId": data.tokenId,
    }
    return Pull(
        _filled(template, fields, "AGORA"),
        _identity("agora", asked.appId, asked.channel),
        AGORA_BACKOFF,
        None if asked.isMixingEnabled else data.tokenId,
    )


def _filled(template: str, fields: Mapping[str, str], stream_type: str) -> str:
    """Put the fields into the template, each as one part of a path or of a query."""
    if not template:
        raise NotConfiguredError(stream_type)
    return template.format_map({name: quote(value, safe="") for name, value in fields.items()})


def _identity(kind: str, *parts: str) -> str:
    """Join parts so that no two different lists of them give the same digest."""
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return f"{kind}-{hashlib.sha256(joined.encode()).hexdigest()}"
