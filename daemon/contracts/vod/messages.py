"""What the contract answers and sends."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """A JSON object that the daemon writes; a field that is None is left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ErrorAnswer(Message):
    """A refusal."""

    error_code: str
    error_msg: str


class ExtractAudioAnswer(Message):
    """An extraction that was begun."""

    asset_id: str
    audio_asset_id: str


class AssetAnswer(Message):
    """An asset that was registered."""

    asset_id: str


class UploadAsset(Message):
    """One of several assets."""

    url: str
    asset_id: str | None = None
    error_code: str | None = None
    error_msg: str | None = None


class UploadByUrlAnswer(Message):
    """Several assets, each registered or refused."""

    upload_assets: list[UploadAsset]


class MetaData(Message):
    """What is known of a file's content."""

    pack_type: str
    codec: str
    audio_codec: str | None = None
    duration: int
    """In whole seconds, 1 at least."""
    duration_ms: int | None = None
    video_size: int
    """In bytes."""
    width: int = 0
    hight: int = 0
    """As the vendor spells it."""
    height: int | None = None
    bit_rate: int
    """In kbit/s."""
    frame_rate: int = 0
    audio_channels: int | None = None


class EventMetaData(MetaData):
    """The same in an event."""

    play_type: str


class FileAddressAnswer(Message):
    """An object in a store."""

    bucket: str
    location: str
    object: str


class BaseInfo(Message):
    """What an asset is."""

    title: str
    video_name: str
    description: str
    category_id: int
    create_time: str
    """UTC, `yyyymmddhhmmss`, as is `last_modified`."""
    last_modified: str
    video_type: str
    tags: str
    meta_data: MetaData | None = None
    video_url: str | None = None
    sign_url: str | None = None
    source_path: FileAddressAnswer | None = None
    output_path: FileAddressAnswer | None = None


TranscodeStatus = Literal[
    "UN_TRANSCODE", "WAITING_TRANSCODE", "TRANSCODING", "TRANSCODE_SUCCEED", "TRANSCODE_FAILED"
]


class Output(Message):
    """A file that was made."""

    play_type: str
    url: str
    meta_data: MetaData | None = None


class TranscodeInfo(Message):
    """How far an extraction is."""

    transcode_status: TranscodeStatus
    exec_desc: str
    output: list[Output]


class ThumbnailInfo(Message):
    """No thumbnails are made of assets."""

    thumbnail_status: Literal["UN_THUMBNAIL"] = "UN_THUMBNAIL"


class ReviewInfo(Message):
    """No assets are reviewed."""

    review_status: Literal["UN_REVIEW"] = "UN_REVIEW"


class AssetDetails(Message):
    """`GET /v1.0/{project_id}/asset/details`; parts that were not asked for are left out."""

    asset_id: str
    status: str
    """Ours beside the vendor's fields: how the asset as a whole is."""
    progress: int | None = None
    """Percent of an extraction that is being worked on."""
    base_info: BaseInfo | None = None
    transcode_info: TranscodeInfo | None = None
    thumbnail_info: ThumbnailInfo | None = None
    review_info: ReviewInfo | None = None


class AudioExtractInfo(Message):
    """How an extraction ended."""

    status: Literal["SUCCEED", "FAILED"]
    asset_id: str
    """Of the audio."""
    title: str | None = None
    url: str | None = None
    meta_data: EventMetaData | None = None
    error_code: str | None = None
    error_msg: str | None = None


class AudioExtractComplete(Message):
    """The event that is posted to the project's notification URL."""

    event_type: Literal["audioExtractComplete"] = "audioExtractComplete"
    audio_extract_info: AudioExtractInfo
