"""What the daemon answers and calls back with, field by field: the source of the published description.

`payload.py` writes these messages; the tests hold what it writes against these models.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Percent = Annotated[int, Field(ge=0, le=100)]
Probability = Annotated[float, Field(ge=0, le=1)]
Level = Literal["PASS", "REVIEW", "REJECT"]
Source = Literal[1000, 1001, 1003]
Flag = Literal[0, 1]


class Message(BaseModel):
    """An object that the daemon writes; it has no fields but these."""

    model_config = ConfigDict(extra="forbid", strict=True)


class DuplicateDetail(Message):
    """The stream is being moderated already."""

    errorCode: Literal[1001]
    dupRequestId: Annotated[str, Field(description="The running stream's requestId: finish it with that.")]


class Answer(Message):
    """The answer to a start or a finish. The HTTP status is 200; `code` says what came of it."""

    requestId: str
    code: Annotated[
        Literal[1100, 1901, 1902, 1903, 9101],
        Field(
            description="1100 success; 1901 quota or capacity; 1902 bad parameter; 1903 service failed; "
            "9101 not permitted."
        ),
    ]
    message: str
    detail: DuplicateDetail | None = None


class QueryAnswer(Answer):
    """The answer to a query; `windows` only with code 1100."""

    statCode: Annotated[
        Flag | None, Field(description="1: everything of the stream has been written; 0: more may come.")
    ] = None
    windows: Annotated[list[dict[str, Any]] | None, Field(description="The callbacks as they were sent.")] = (
        None
    )
    nextIndex: Annotated[int | None, Field(description="The next startIndex, when there is more.")] = None


class MatchedWord(Message):
    """A word of a customer's list."""

    word: str
    position: Annotated[list[int], Field(description="Index in audioText of every character of every hit.")]


class MatchedList(Message):
    """A customer's list that was hit."""

    name: str
    words: list[MatchedWord]


class RiskSegment(Message):
    """A place in the text that shows the risk."""

    segment: str
    position: list[int]


class AudioMatch(Message):
    """An enrolled voice or song that was recognised. Our own addition."""

    name: str
    riskLabel3: str
    probability: Probability


class RiskDetail(Message):
    """The evidence."""

    audioText: str
    riskSource: Source
    matchedLists: list[MatchedList] | None = None
    riskSegments: list[RiskSegment] | None = None
    audioMatches: list[AudioMatch] | None = None


class WindowInfo(Message):
    """When a window was spoken and judged."""

    beginProcessTime: Annotated[int, Field(description="Milliseconds since the epoch.")]
    finishProcessTime: Annotated[int, Field(description="Milliseconds since the epoch.")]
    audioStartTime: Annotated[str, Field(description="`YYYY-MM-DD HH:MM:SS`, local time of the daemon.")]
    audioEndTime: str
    userId: Annotated[
        int | str | None,
        Field(description="AGORA, one user's audio: a number in the channel; from an address: tokenId."),
    ] = None
    strUserId: Annotated[str | None, Field(description="TRTC and ZEGO, one user's stream.")] = None
    room: str | None = None
    passThrough: dict[str, Any] | None = None


class BusinessLabel(Message):
    """Something that was heard and is no risk by itself."""

    businessLabel1: str
    businessLabel2: str
    businessLabel3: str
    businessDescription: str
    probability: Percent
    confidenceLevel: Literal[0, 1, 2]


class RiskLabel(Message):
    """A label that applies to the window."""

    riskLabel1: str
    riskLabel2: str
    riskLabel3: str
    riskDescription: str
    riskLevel: Level
    probability: Probability


class NamedTag(Message):
    """A value by its Chinese name."""

    label: str
    probability: Percent


class LanguageTag(Message):
    """A spoken language."""

    label: Annotated[
        Literal[-1, 0, 1, 2, 3, 4, 5, 6],
        Field(
            description="0 Mandarin, 1 English, 2 Cantonese, 3 Tibetan, 4 Uyghur, 5 Mongolian, 6 Korean, "
            "-1 another one."
        ),
    ]
    probability: Percent


class AudioTags(Message):
    """What was asked for and could be told."""

    gender: NamedTag | None = None
    timbre: list[NamedTag] | None = None
    song: Flag | None = None
    language: list[LanguageTag] | None = None


class AudioDetail(Message):
    """The verdict on a window."""

    audioUrl: str
    riskLevel: Level
    riskLabel1: str
    riskLabel2: str
    riskLabel3: str
    riskDescription: str
    riskSource: Source
    audioText: str
    riskDetail: RiskDetail
    auxInfo: WindowInfo
    businessLabels: list[BusinessLabel]
    allLabels: list[RiskLabel]
    audioTags: AudioTags
    vadCode: Annotated[Flag, Field(description="0: nobody speaks and no music plays.")]
    preAudioUrl: str | None = None


class StreamInfo(Message):
    """How far the stream has come, and why it ended."""

    streamTime: Annotated[int, Field(ge=0, description="Seconds.")]
    errorCode: Annotated[
        Literal[3001, 3002, 3003, 3004, 3005] | None,
        Field(
            description="3001 cannot open, 3002 invalid data, 3003 no such stream, 3004 no audio, "
            "3005 token invalid or expired."
        ),
    ] = None


class Callback(Message):
    """A window's verdict (statCode 0), or the end of the stream (statCode 1, without audioDetail)."""

    requestId: Annotated[str, Field(description="`<the start's requestId>_<window>`.")]
    btId: str
    code: Literal[1100]
    message: str
    statCode: Flag
    requestParams: Annotated[dict[str, Any], Field(description="The request's data.")]
    passThrough: dict[str, Any] | None = None
    audioDetail: AudioDetail | None = None
    auxInfo: StreamInfo


class FlatEvidence(RiskDetail):
    """The evidence in the older shape, with the clips, and when the window was spoken and judged."""

    audioUrl: str
    preAudioUrl: str | None = None
    audioStartTime: Annotated[str, Field(description="`YYYY-MM-DD HH:MM:SS`, local time of the daemon.")]
    audioEndtime: str
    beginProcessTime: Annotated[int, Field(description="Milliseconds since the epoch.")]
    finishProcessTime: Annotated[int, Field(description="Milliseconds since the epoch.")]
    userId: int | str | None = None
    strUserId: str | None = None
    room: str | None = None


class FlatNotice(Message):
    """The end of the stream in the older shape (`accounts[].callback_shape = "flat"`)."""

    requestId: str
    btid: str
    code: Literal[1100]
    message: str
    statCode: Flag
    requestParams: Annotated[dict[str, Any], Field(description="The request's data.")]
    passThrough: dict[str, Any] | None = None
    auxInfo: StreamInfo


class FlatCallback(FlatNotice):
    """A window's verdict in the older shape (`accounts[].callback_shape = "flat"`)."""

    riskLevel: Level
    riskLabel1: str
    riskLabel2: str
    riskLabel3: str
    riskDescription: str
    riskSource: Source
    riskDetail: FlatEvidence
    businessLabels: Annotated[AudioTags, Field(description="What the nested shape calls audioTags.")]
    allLabels: list[RiskLabel]
    vadCode: Flag


class UserInfo(Message):
    """Whose window it was, where a room's users are told apart; as in WindowInfo."""

    userId: int | str | None = None
    strUserId: str | None = None


class FailureDetail(Message):
    """Of a window of one user of a room."""

    auxInfo: UserInfo


class FailureCallback(Message):
    """1903: a window that could not be moderated, or a stream that an error of ours ended; 1904: a stream
    that could not be pulled any more and of which no finish notice was asked for.
    """

    requestId: str
    code: Literal[1903, 1904]
    message: str
    audioDetail: Annotated[FailureDetail | None, Field(description="The user of a room's window.")] = None
    riskDetail: Annotated[UserInfo | None, Field(description="The same in the flat shape.")] = None


class HappenedEvent(Message):
    """What happened to the stream."""

    type: Literal["started", "stalled", "reconnecting", "resumed", "gap", "ended"]
    time: Annotated[int, Field(description="Milliseconds since the epoch.")]
    errorCode: Annotated[
        Literal[1903, 3001, 3002, 3003, 3004, 3005] | None,
        Field(description="Of `reconnecting` and `ended`: as in the finish notice; 1903: our own fault."),
    ] = None
    gapStart: Annotated[int | None, Field(description="Milliseconds since the epoch.")] = None
    gapEnd: Annotated[int | None, Field(description="Milliseconds since the epoch.")] = None
    firstWindow: Annotated[int | None, Field(description="The first window that a gap swallowed.")] = None
    lastWindow: Annotated[int | None, Field(description="The last window that a gap swallowed.")] = None
    streamTime: Annotated[int | None, Field(ge=0, description="Of `ended`: seconds.")] = None


class EventCallback(Message):
    """Something happened to the stream (`accounts[].stream_events`). Our own addition."""

    requestId: Annotated[str, Field(description="`<the start's requestId>_event_<n>`.")]
    btId: Annotated[str | None, Field(description="`btid` in the flat shape.")] = None
    btid: str | None = None
    code: Literal[1100]
    message: str
    statCode: Literal[2]
    streamEvent: HappenedEvent
    passThrough: dict[str, Any] | None = None
