"""Where a request's stream is pulled from, when two are the same stream, and how often it is tried."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from config.accounts import AccountSettings, ZegoSettings
from config.errors import AudiowardenError
from daemon.contracts.audiostream.schema import AgoraParam, Data, TrtcParam, ZegoParam
from pipeline.retry import PULL_BACKOFF, Backoff
from pipeline.rooms.channel import Channel, Wanted
from pipeline.rooms.roster import ListedRoster, PulledRoom, Roster, filled
from pipeline.rooms.zego import ZegoRoster

AGORA_BACKOFF = Backoff(first_s=0.0, step_s=0.0, max_s=0.0, attempts=2)
ZEGO_BACKOFF = Backoff(first_s=30.0, step_s=0.0, max_s=30.0, attempts=10)
"""The contract's: AGORA twice at once, ZEGO ten times, 30 s apart; everything else as an address."""
WANTED = {"AUTO": Wanted.ALL, "UNTRUSTED": Wanted.LISTED, "TRUSTED": Wanted.OTHERS}
"""`subscribeMode`: everybody, only the users of one list, or everybody but those of the other."""
SEPARATE_STREAMS = 2
"""`demoSences` of a TRTC room of which one user's stream is wanted, not the mix."""


class NotConfiguredError(AudiowardenError):
    """The account has no address to pull streams of this kind from, or nobody says who is in its rooms."""

    def __init__(self, stream_type: str, *, roster: bool = False) -> None:
        kind = stream_type.lower()
        missing = f"accounts[].{kind} has no roster"
        super().__init__(missing if roster else f"accounts[].pull_templates.{kind} is not set")
        self.stream_type = stream_type
        self.roster = roster
        """Whether it is a roster that is missing."""


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
    room: PulledRoom | None = None
    """Whose users are pulled one by one in place of an address."""


def pull_of(
    data: Data, account: AccountSettings, *, agora_sdk: bool = False, whole_room: bool | None = None
) -> Pull:
    """Return how the stream is pulled. With `agora_sdk`, AGORA channels are joined, whatever the template.

    `whole_room` says of a TRTC or ZEGO start whether it is one for all users, where it was taken before.

    A room's stream is pulled from the account's template, whose places are filled with the request's fields:
    those of the kind's parameters, `room` (whichever names it) and `tokenId`. Raises NotConfiguredError.
    """
    templates = account.pull_templates
    if data.trtcParam is not None and data.streamType == "TRTC":
        return _trtc(data, data.trtcParam, templates.trtc, account.trtc.roster_url, whole_room)
    if data.zegoParam is not None and data.streamType == "ZEGO":
        return _zego(data, data.zegoParam, templates.zego, account.zego, whole_room)
    if data.agoraParam is not None and data.streamType == "AGORA":
        return _joined(data.agoraParam) if agora_sdk else _agora(data, data.agoraParam, templates.agora)
    if data.streamType != "NORMAL" or data.url is None:
        raise NotConfiguredError(data.streamType)
    return Pull(data.url, f"url-{hashlib.sha256(data.url.encode()).hexdigest()}", PULL_BACKOFF)


def _trtc(data: Data, asked: TrtcParam, template: str, roster_url: str, whole_room: bool | None) -> Pull:
    room = str(asked.roomId) if asked.roomId is not None else asked.strRoomId or ""
    fields = {
        "sdkAppId": str(asked.sdkAppId),
        "userId": asked.userId,
        "userSig": asked.userSig,
        "room": room,
        "roomIsNumber": str(int(asked.roomId is not None)),
        "tokenId": data.tokenId,
    }
    identity = _identity("trtc", str(asked.sdkAppId), asked.userId, room)
    url = _filled(template, fields, "TRTC")
    separate = asked.demoSences == SEPARATE_STREAMS
    if whole_room is None:
        whole_room = separate and bool(roster_url)
    if not whole_room:
        return Pull(url, identity, PULL_BACKOFF, data.tokenId if separate else None)
    if not roster_url:
        raise NotConfiguredError("TRTC", roster=True)
    roster = ListedRoster(filled(roster_url, fields))
    return Pull("", identity, PULL_BACKOFF, room=_room(roster, template, fields, own_user=asked.userId))


def _zego(
    data: Data, asked: ZegoParam, template: str, settings: ZegoSettings, whole_room: bool | None
) -> Pull:
    stream = asked.streamId or asked.roomId or ""
    fields = {
        "streamId": asked.streamId or "",
        "roomId": asked.roomId or "",
        "stream": stream,
        "testEnv": str(int(asked.testEnv)),
        "tokenId": asked.tokenId or data.tokenId,
    }
    identity = _identity("zego", stream)
    url = _filled(template, fields, "ZEGO")
    if whole_room is None:
        whole_room = not asked.isMixingEnabled and asked.streamId is None
    if not whole_room:
        return Pull(url, identity, ZEGO_BACKOFF, None if asked.isMixingEnabled else data.tokenId)
    roster = _zego_roster(asked, settings, fields)
    return Pull("", identity, ZEGO_BACKOFF, room=_room(roster, template, fields))


def _zego_roster(asked: ZegoParam, settings: ZegoSettings, fields: Mapping[str, str]) -> Roster:
    """Say who tells of a whole room: its id alone does not say whose streams are in it."""
    if settings.roster_url:
        return ListedRoster(filled(settings.roster_url, fields))
    if settings.app_id is None or settings.server_secret is None:
        raise NotConfiguredError("ZEGO", roster=True)
    secret = settings.server_secret.get_secret_value()
    return ZegoRoster(settings.app_id, secret, settings.api_url, asked.roomId or "", asked.testEnv)


def _room(roster: Roster, template: str, fields: Mapping[str, str], own_user: str = "") -> PulledRoom:
    return PulledRoom(roster, template, tuple(fields.items()), own_user)


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
    """Put the fields into the template of this kind."""
    if not template:
        raise NotConfiguredError(stream_type)
    return filled(template, fields)


def _identity(kind: str, *parts: str) -> str:
    """Join parts so that no two different lists of them give the same digest."""
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return f"{kind}-{hashlib.sha256(joined.encode()).hexdigest()}"
