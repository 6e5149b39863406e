"""The contract's requests: what each field takes, and the defaults it has when absent."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from daemon.contracts.places import BucketName, RegionName
from daemon.exports.export import AUDIO_FORMS
from daemon.storage.interfaces import RefusedError
from daemon.storage.keys import checked_key
from pipeline.offline.audio import MAX_CUT_S

MAX_DURATION_MS = round(MAX_CUT_S * 1000)
MAX_EPOCH_MS = 4_102_444_800_000
"""The year 2100."""
MAX_STORAGE_INFO = 65_536
AUDIO_SUFFIXES = tuple(form.value for form in AUDIO_FORMS)
CLOCK = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)(\.\d{1,3})?", re.ASCII)
UNUSABLE = re.compile(r"[\x00-\x1f\x7f\\]")


def _path(value: str) -> str:
    """Take a relative path: a leading `/` counts for nothing."""
    try:
        path = checked_key(value.removeprefix("/"))
    except RefusedError as error:
        raise PydanticCustomError("path", "should be a path: {reason}", {"reason": str(error)}) from None
    if "\\" in path:
        raise PydanticCustomError("path", "should be a path without backslashes")
    return path


def _name(value: str) -> str:
    if value in (".", "..") or "/" in value or UNUSABLE.search(value) or len(value.encode()) > 200:
        raise PydanticCustomError("name", "should be a file's name, without `/`, of at most 200 bytes")
    return value


def _clock(value: str) -> str:
    if CLOCK.fullmatch(value) is None:
        raise PydanticCustomError("clock", "should be a time such as 00:46:13 (hh:mm:ss)")
    return value


def _audio_name(value: str) -> str:
    if audio_suffix(value) not in AUDIO_SUFFIXES:
        *others, last = (f".{suffix}" for suffix in AUDIO_SUFFIXES)
        known = {"others": ", ".join(others), "last": last}
        raise PydanticCustomError("suffix", "should end with {others} or {last}", known)
    return value


def _rate(value: str | float) -> str | float:
    if isinstance(value, str) and not re.fullmatch(r"\d{1,9}(\.\d{1,3})?", value.strip(), re.ASCII):
        raise PydanticCustomError("rate", "should be a number of samples a second")
    return value


Text = Annotated[str, StringConstraints(max_length=1024)]
Note = Annotated[str, StringConstraints(max_length=262_144)]
Credential = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
PathText = Annotated[str, StringConstraints(min_length=1, max_length=1000), AfterValidator(_path)]
NameText = Annotated[str, StringConstraints(min_length=1), AfterValidator(_name)]
Number = Annotated[float, Field(allow_inf_nan=False)]
TimestampMs = Annotated[float, Field(allow_inf_nan=False, ge=-MAX_EPOCH_MS, le=MAX_EPOCH_MS)]
"""0 or less: the client does not know it."""
EpochMs = Annotated[float, Field(allow_inf_nan=False, ge=0, le=MAX_EPOCH_MS)]
DurationMs = Annotated[float, Field(allow_inf_nan=False, gt=0, le=MAX_DURATION_MS)]
OffsetMs = Annotated[float, Field(allow_inf_nan=False, ge=-MAX_DURATION_MS, le=MAX_DURATION_MS)]
ClockText = Annotated[str, StringConstraints(max_length=16), AfterValidator(_clock)]


class Part(BaseModel):
    """A JSON object of the contract. Unknown fields are ignored: the vendor's clients send more."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class ExportAudioRequest(Part):
    """`POST /exportaudio`: times in milliseconds."""

    StartPos: EpochMs
    Duration: DurationMs
    LivePath: PathText
    FileName: Annotated[NameText, AfterValidator(_audio_name)]
    SessionId: Credential
    GroupId: Text
    SampleRate: Annotated[str | float, Field(union_mode="left_to_right"), AfterValidator(_rate)]
    Language: Text
    UserId: Text
    FileStartTimecode: Number
    FileEndTimecode: Number
    FileStartTimestamp: TimestampMs
    FileEndTimestamp: TimestampMs
    AudioPath: Annotated[str, StringConstraints(max_length=8192)]
    PeerId: Text = ""
    S3Region: RegionName = ""
    S3Bucket: BucketName = ""
    Uid: Text = ""


class ExportRequest(Part):
    """`POST /api/resource/v1/i/export`: times in milliseconds, but for StartTime."""

    SessionId: Credential
    FileName: NameText
    FetchThumb: bool = False
    FetchMedia: bool = False
    LivePath: PathText | None = None
    HiResFilePath: PathText | None = None
    StartPos: EpochMs | None = None
    StartTime: ClockText | None = None
    Offset: OffsetMs = 0
    Duration: DurationMs | None = None
    export_type: Literal[0, 3, 4] = 0
    media_type: Literal["ts", "mp4", "mov", "m3u8"] | None = None
    is_cover: bool = False
    not_fast_ts_extract: bool = False
    not_fast_tvu264: bool = False
    IsUriEncode: bool = False
    storage_info: Annotated[str, StringConstraints(min_length=1, max_length=MAX_STORAGE_INFO)]
    project: Note = ""
    description: Note = ""
    PeerId: Text = ""
    UserId: Text = ""
    ServiceCaller: Text = ""

    @model_validator(mode="before")
    @classmethod
    def _spelt_as_in_the_example(cls, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        # Clients write what they leave out as null or, the path of the other kind, as nothing.
        given = {name: value for name, value in body.items() if value is not None}
        given = {
            name: value
            for name, value in given.items()
            if value != "" or name not in ("LivePath", "HiResFilePath", "StartTime", "media_type")
        }
        if "userid" in given:
            given.setdefault("UserId", given["userid"])
        return given

    @model_validator(mode="after")
    def _one_of_each(self) -> ExportRequest:
        if self.FetchThumb == self.FetchMedia:
            raise PydanticCustomError("one_of", "exactly one of FetchThumb and FetchMedia should be true")
        if (self.LivePath is None) == (self.HiResFilePath is None):
            raise PydanticCustomError("one_of", "exactly one of LivePath and HiResFilePath should be given")
        needed = ("StartTime",) if self.FetchThumb else ("StartPos", "Duration")
        for name in needed:
            if getattr(self, name) is None:
                asked = "FetchThumb" if self.FetchThumb else "FetchMedia"
                raise PydanticCustomError(
                    "needed", "{name} is required for {asked}", {"name": name, "asked": asked}
                )
        if self.FetchMedia:
            self._check_media_type()
        return self

    def _check_media_type(self) -> None:
        if self.export_type == 0 and self.media_type not in ("ts", "mp4", "mov"):
            raise PydanticCustomError("needed", "media_type should be ts, mp4 or mov for export_type 0")
        if self.export_type != 0 and self.media_type not in (None, "m3u8"):
            raise PydanticCustomError("needed", "media_type should be m3u8 for export_type 3 and 4")


def audio_suffix(file_name: str) -> str:
    """Return a name's suffix, in lower case and without its dot; empty when there is none before it."""
    stem, _, suffix = file_name.rpartition(".")
    return suffix.lower() if stem else ""


def clock_s(value: str) -> float:
    """Return a `hh:mm:ss` in seconds."""
    hours, minutes, seconds = value.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
