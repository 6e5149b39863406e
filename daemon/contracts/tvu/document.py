"""The contract's part of the published description, made from the models that validate and are written."""

from __future__ import annotations

import base64
import json
from typing import Any

from daemon.contracts.interfaces import Description
from daemon.contracts.tvu.messages import AudioAnswer, MediaAnswer
from daemon.contracts.tvu.schema import ExportAudioRequest, ExportRequest

AUDIO_EXAMPLE = {
    "StartPos": 1562253612833,
    "Duration": 9000,
    "LivePath": "mp4/lives/4D7446C8141EE167_1562253592803_eb3f/1/stream.mpd",
    "FileName": "1.flac",
    "SessionId": "xxxxx",
    "S3Region": "ap-northeast-1",
    "S3Bucket": "recordings",
    "GroupId": "test",
    "SampleRate": 16000,
    "Language": "en-US",
    "UserId": "somebody@example.org",
    "FileStartTimecode": 0,
    "FileEndTimecode": 0,
    "FileStartTimestamp": 1562253592803,
    "FileEndTimestamp": 1562257192803,
    "AudioPath": "https://media.example.org/1.m4a",
}
_PLACES = [
    {
        "storage_purpose": purpose,
        "storage_type": "S3",
        "storage_enable": True,
        "storage_location": "us-east-1",
        "storage_root_folder": folder,
        "storage_name": bucket,
    }
    for purpose, bucket, folder in (("ts", "recordings", ""), ("upload", "exports", "videos"))
]
MEDIA_EXAMPLE = {
    "FetchMedia": True,
    "StartPos": 1673293611963,
    "Duration": 677603,
    "HiResFilePath": "lives/1a6a864933f74e75/1/play.m3u8",
    "FileName": "highlight",
    "SessionId": "xxxxx",
    "storage_info": base64.b64encode(json.dumps(_PLACES).encode()).decode(),
    "export_type": 0,
    "media_type": "mp4",
    "is_cover": True,
}
AUDIO_ANSWER = AudioAnswer(ErrorCode=0, ErrorMessage="", TimeWait=412)
MEDIA_ANSWER = MediaAnswer(
    ErrorCode=1,
    ErrorMessage="work not finish.",
    Status=11000,
    TimeWait=10000,
    VideoPath="/videos/b94dfe7e69a679afc1b727fb81c64982/highlight.mp4",
)


def describe() -> Description:
    """Return the contract's paths, and the models they name."""
    audio = _operation("exportAudio", "Cut audio out of a recording", ExportAudioRequest, AUDIO_EXAMPLE)
    audio["responses"] = _responses(AudioAnswer, AUDIO_ANSWER)
    media = _operation("exportMedia", "Export media, or tell how far that is", ExportRequest, MEDIA_EXAMPLE)
    media["responses"] = _responses(MediaAnswer, MEDIA_ANSWER)
    return Description(
        paths={"/exportaudio": {"post": audio}, "/api/resource/v1/i/export": {"post": media}},
        taken=(ExportAudioRequest, ExportRequest),
        written=(AudioAnswer, MediaAnswer),
    )


def _operation(name: str, summary: str, request: type, example: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": _reference(request), "example": example}}
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["recordings"],
        "requestBody": {"required": True, "content": content},
    }


def _responses(model: type, example: AudioAnswer | MediaAnswer) -> dict[str, Any]:
    content = {"application/json": {"schema": _reference(model), "example": example.document()}}
    return {
        "200": {"description": "Whatever came of it: `ErrorCode` says what.", "content": content},
        "413": {"description": "The body is larger than a megabyte.", "content": content},
    }


def _reference(model: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
