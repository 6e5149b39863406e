"""The contract's requests: what each field takes, and the defaults it has when absent."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from daemon.contracts.places import BucketName, RegionName
from daemon.contracts.vod.formats import AUDIO_FORMATS, AudioFormat
from daemon.storage.interfaces import RefusedError
from daemon.storage.keys import checked_key

MAX_TITLE_BYTES = 128
MAX_DESCRIPTION_BYTES = 1024
MAX_URL = 2048
MAX_AT_ONCE = 16
"""Assets registered by one request."""
MAX_CATEGORY = 2**31 - 1
"""Ours: the vendor's clients written in typed languages have 32 bits for it."""


def _shorter_than(limit: int) -> AfterValidator:
    def check(text: str) -> str:
        if len(text.encode("utf-8", "surrogatepass")) > limit:
            raise PydanticCustomError("too_long", "must have at most {limit} bytes", {"limit": limit})
        return text

    return AfterValidator(check)


def _key(text: str) -> str:
    try:
        return checked_key(text)
    except RefusedError as error:
        raise PydanticCustomError("key", "{reason}", {"reason": str(error)}) from None


def _folder(text: str) -> str:
    trimmed = text.strip("/")
    return _key(trimmed) if trimmed else ""


AssetId = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Key = Annotated[str, AfterValidator(_key)]
Folder = Annotated[str, AfterValidator(_folder)]


class Part(BaseModel):
    """A JSON object of the contract. Unknown fields are ignored: the vendor's clients send more."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Parameter(Part):
    """How the audio shall be."""

    format: AudioFormat = "MP3"

    @model_validator(mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        # Its own code: the vendor tells a type that is not supported from a wrong parameter.
        wanted = value.get("format") if isinstance(value, dict) else None
        if isinstance(wanted, str) and wanted not in AUDIO_FORMATS:
            raise PydanticCustomError(
                "unsupported", "format must be one of {known}", {"known": " ".join(AUDIO_FORMATS)}
            )
        return value


class ExtractAudioRequest(Part):
    """`POST /v1.0/{project_id}/asset/extract_audio`."""

    asset_id: AssetId
    parameter: Parameter | None = None

    @property
    def format(self) -> AudioFormat:
        """The format asked for, or MP3."""
        return "MP3" if self.parameter is None else self.parameter.format


class FileAddress(Part):
    """An object in a store; without a bucket it is under the local media root."""

    bucket: BucketName = ""
    location: RegionName = ""
    """Its region."""
    object: Key


class _NewAsset(Part):
    title: Annotated[str, _shorter_than(MAX_TITLE_BYTES)] = ""
    description: Annotated[str, _shorter_than(MAX_DESCRIPTION_BYTES)] = ""
    video_type: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{0,8}$")] = ""
    category_id: Annotated[int, Field(ge=-1, le=MAX_CATEGORY)] | None = None
    """-1: none, as when it is absent."""
    tags: Annotated[str, _shorter_than(MAX_DESCRIPTION_BYTES)] = ""


class CreateAssetRequest(_NewAsset):
    """`POST /v1.0/{project_id}/asset`, and `/asset/reproduction`: `url` or `input`, exactly one."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=MAX_URL)] | None = None
    input: FileAddress | None = None
    output_bucket: BucketName = ""
    output_path: Folder = ""

    @model_validator(mode="after")
    def _one_source(self) -> CreateAssetRequest:
        if (self.url is None) == (self.input is None):
            raise PydanticCustomError("one_of", "exactly one of url and input is required")
        return self


class UploadMetaData(_NewAsset):
    """An asset at an address."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=MAX_URL)]


class UploadByUrlRequest(Part):
    """`POST /v1.0/{project_id}/asset/upload_by_url`."""

    upload_metadatas: Annotated[list[UploadMetaData], Field(min_length=1, max_length=MAX_AT_ONCE)]
