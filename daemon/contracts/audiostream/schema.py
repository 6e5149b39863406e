"""The contract's requests: what each field takes, and the defaults it has when absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from daemon.contracts.audiostream import names
from pipeline.rooms.channel import MAX_LISTED_USERS

Text = Annotated[str, StringConstraints(min_length=1)]
Given = Annotated[Text | None, BeforeValidator(lambda value: None if value == "" else value)]
"""Clients written in Go send every field of a structure, empty where nothing was set."""
UserName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
MAX_UID = 2**32 - 1
MAX_UID_DIGITS = 10


def _uid(value: object) -> int:
    """Take a uint32, as a number or in digits."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= MAX_UID_DIGITS:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_UID:
        raise PydanticCustomError("uid", "must be uint32 numbers")
    return value


Uid = Annotated[
    int,
    PlainValidator(_uid),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^[0-9]{1,10}$"}]}),
]
UserIds = Annotated[list[Uid], Field(fail_fast=True, max_length=MAX_LISTED_USERS)]
"""Only the first fault is told: a megabyte of them would take a second to describe."""
Flag = Literal[0, 1]


class Part(BaseModel):
    """A JSON object of the contract. Unknown fields are ignored: the vendor's clients send more."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class ZegoParam(Part):
    """What a ZEGO stream needs; streamId wins over roomId."""

    tokenId: str | None = None
    streamId: Given = None
    roomId: Given = None
    testEnv: bool = False
    isMixingEnabled: bool = True

    @model_validator(mode="after")
    def _one_identity(self) -> ZegoParam:
        if self.streamId is None and self.roomId is None:
            raise PydanticCustomError("one_of", "one of {fields} is required", {"fields": "streamId, roomId"})
        return self


class AgoraParam(Part):
    """What an AGORA channel needs. The vendor's own limits are lower: 32, 64 and some hundred characters."""

    appId: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    channel: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    token: Annotated[str, StringConstraints(max_length=4096)] | None = None
    uid: Annotated[int, Field(ge=0, le=MAX_UID)] | None = None
    isMixingEnabled: bool = True
    channelProfile: Flag = 0
    subscribeMode: Literal["AUTO", "TRUSTED", "UNTRUSTED"] | None = None
    trustedUserIdList: UserIds | None = None
    untrustedUserIdList: UserIds | None = None

    @model_validator(mode="after")
    def _somebody_to_hear(self) -> AgoraParam:
        if self.subscribeMode == "UNTRUSTED" and not self.isMixingEnabled and not self.untrustedUserIdList:
            raise PydanticCustomError(
                "needed_for_mode",
                "is required for subscribeMode {mode}",
                {"field": "untrustedUserIdList", "mode": self.subscribeMode},
            )
        return self


class TrtcParam(Part):
    """What a TRTC room needs; roomId wins over strRoomId."""

    sdkAppId: Annotated[int, Field(ge=1)]
    demoSences: Literal[2, 4]
    userId: UserName
    userSig: Text
    roomId: Annotated[int, Field(ge=1, le=4294967294)] | None = None
    strRoomId: Annotated[Given, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = None

    @model_validator(mode="after")
    def _one_room(self) -> TrtcParam:
        if self.roomId is None and self.strRoomId is None:
            raise PydanticCustomError(
                "one_of", "one of {fields} is required", {"fields": "roomId, strRoomId"}
            )
        return self


class Extra(Part):
    """Auxiliary parameters."""

    passThrough: dict[str, Any] | None = None


class Data(Part):
    """What to moderate, and how to report it."""

    tokenId: Text
    btId: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    streamType: Literal["NORMAL", "ZEGO", "AGORA", "TRTC", "VOLC", "ALI"]
    url: Given = None
    lang: Literal[
        "zh", "en", "ar", "hi", "es", "fr", "ru", "pt", "id", "de", "ja", "tr", "vi", "it", "th", "tl", "ko",
        "ms", "auto",
    ] = "zh"  # fmt: skip
    zegoParam: ZegoParam | None = None
    agoraParam: AgoraParam | None = None
    trtcParam: TrtcParam | None = None
    initDomain: int | None = None
    room: str | None = None
    role: Literal["ADMIN", "HOST", "SYSTEM", "USER"] = "USER"
    liveTitle: str | None = None
    anchorName: str | None = None
    returnAllText: Flag = 0
    returnPreText: Flag = 0
    returnPreAudio: Flag = 0
    returnFinishInfo: Flag = 0
    audioDetectStep: Annotated[int, Field(ge=1, le=36)] | None = None
    extra: Extra | None = None

    @model_validator(mode="after")
    def _parameters_of_its_type(self) -> Data:
        needed = {"NORMAL": "url", "ZEGO": "zegoParam", "AGORA": "agoraParam", "TRTC": "trtcParam"}
        field = needed.get(self.streamType)
        if field is not None and getattr(self, field) is None:
            raise PydanticCustomError(
                "needed_for",
                "is required for streamType {stream_type}",
                {"field": field, "stream_type": self.streamType},
            )
        return self


class StartRequest(Part):
    """`POST /audiostream/v4`."""

    accessKey: Text
    appId: Text
    eventId: Text
    type: str = ""
    businessType: str = ""
    callback: Text
    acceptLang: Literal["zh", "en"] = "zh"
    data: Data

    @model_validator(mode="before")
    @classmethod
    def _top_level_stream_fields(cls, body: Any) -> Any:
        """Take streamType and btId from the top level when data has none; a url alone means NORMAL."""
        if not isinstance(body, dict) or not isinstance(body.get("data"), dict):
            return body
        data = dict(body["data"])
        for field in ("streamType", "btId"):
            if field not in data and field in body:
                data[field] = body[field]
        if "streamType" not in data and "url" in data:
            data["streamType"] = "NORMAL"
        return {**body, "data": data}

    @field_validator("type")
    @classmethod
    def _known_types(cls, value: str) -> str:
        return _known(value, {**names.TYPE_NAMES, **names.TYPE_SETS})

    @field_validator("businessType")
    @classmethod
    def _known_business_types(cls, value: str) -> str:
        return _known(value, names.BUSINESS_NAMES)

    @model_validator(mode="after")
    def _something_to_look_for(self) -> StartRequest:
        if not self.type and not self.businessType:
            raise PydanticCustomError(
                "one_of", "one of {fields} is required", {"fields": "type, businessType"}
            )
        return self


class FinishRequest(Part):
    """`POST /finish_audiostream/v4`."""

    accessKey: Text
    requestId: Text
    acceptLang: Literal["zh", "en"] = "zh"


class QueryRequest(Part):
    """`POST /query_audiostream/v4`: the callbacks of a stream once more, from an index on."""

    accessKey: Text
    requestId: Text
    startIndex: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    limit: Annotated[int, Field(ge=1, le=100)] = 100
    acceptLang: Literal["zh", "en"] = "zh"


def _known(value: str, known: Mapping[str, object]) -> str:
    unknown = names.first_unknown(names.split(value), known)
    if unknown is not None:
        raise PydanticCustomError(
            "unknown_type",
            "unknown type {token}; known: {known}",
            {"token": repr(unknown[:64]), "known": " ".join(sorted(known))},
        )
    return value
