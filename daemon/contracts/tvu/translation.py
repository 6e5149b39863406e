"""The contract's requests as exports of ours."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from daemon.contracts.tvu.schema import (
    ExportAudioRequest,
    ExportRequest,
    audio_suffix,
    clock_s,
)
from daemon.contracts.tvu.storage_info import StorageInfo
from daemon.exports.export import Export, Form, MediaSource, Span, WebAddress
from daemon.storage.interfaces import Location, Place

EPOCH_MS = re.compile(r"(?:^|[_./-])(1\d{12})(?=[_./-]|$)", re.ASCII)
"""Since September 2001: in the name of a folder it is when the recording began."""
SAMPLE_RATES_HZ = range(8_000, 192_001)
NO_PART_OF_IT = {"SessionId", "PeerId", "UserId", "ServiceCaller"}
"""Who asks makes no other export of it."""


@dataclass(frozen=True, slots=True)
class MediaExport:
    """An export of media, and what makes two requests of an account the same one."""

    export: Export
    key: str

    @property
    def image_path(self) -> str:
        """What is answered as ImagePath."""
        return self._path if self.export.form is Form.JPEG else ""

    @property
    def video_path(self) -> str:
        """What is answered as VideoPath."""
        return "" if self.export.form is Form.JPEG else self._path

    @property
    def _path(self) -> str:
        return "/" + self.export.target.key


def audio_export(request: ExportAudioRequest) -> Export:
    """Return the export that a request for audio means."""
    live = Place(Location(request.S3Bucket, request.S3Region if request.S3Bucket else ""), request.LivePath)
    sources: list[MediaSource] = [live]
    if request.AudioPath:
        sources.append(WebAddress(request.AudioPath))
    began_ms: float | None = _epoch_ms(request.LivePath)
    if began_ms is None and request.FileStartTimestamp > 0:
        began_ms = request.FileStartTimestamp
    return Export(
        sources=tuple(sources),
        span=Span(
            duration_s=request.Duration / 1000,
            moment=request.StartPos / 1000,
            begins_at=None if began_ms is None else began_ms / 1000,
        ),
        form=Form(audio_suffix(request.FileName)),
        target=live.folder.child(request.FileName),
        mono=True,
        sample_rate_hz=_sample_rate_hz(request.SampleRate),
    )


def media_export(request: ExportRequest) -> MediaExport:
    """Return the export that a request for media means. Raises RefusedError."""
    info = StorageInfo(request.storage_info, uri_encoded=request.IsUriEncode)
    key = _identity(request)
    if request.HiResFilePath is not None:
        path, place = request.HiResFilePath, info.source("ts", "mp4")
    else:
        path, place = request.LivePath or "", info.source("mp4", "ts")
    form = _form(request)
    export = Export(
        sources=(place.child(path),),
        span=_span(request, path),
        form=form,
        target=info.upload(key[:32]).child(_file_name(request)),
        replace=request.is_cover,
        join=not request.not_fast_ts_extract,
        ahead=1 if request.not_fast_tvu264 else 4,
        notes={"project": request.project, "description": request.description}
        if form in (Form.PLAYLIST, Form.SEALED_PLAYLIST)
        else {},
    )
    return MediaExport(export, key)


def _span(request: ExportRequest, path: str) -> Span:
    start_s = None if request.StartTime is None else clock_s(request.StartTime)
    if request.FetchThumb:
        return Span(start_s=start_s)
    began_ms = _epoch_ms(path)
    offset_s = request.Offset / 1000
    return Span(
        start_s=None if start_s is None else start_s + offset_s,
        duration_s=(request.Duration or 0) / 1000,
        moment=(request.StartPos or 0) / 1000 + offset_s,
        begins_at=None if began_ms is None else began_ms / 1000,
    )


def _form(request: ExportRequest) -> Form:
    if request.FetchThumb:
        return Form.JPEG
    if request.export_type == 0:
        return Form(request.media_type or "")
    return Form.PLAYLIST if request.export_type == 3 else Form.SEALED_PLAYLIST


def _file_name(request: ExportRequest) -> str:
    # media_type is the suffix, as the document says, and so the same for both kinds of playlists.
    suffix = "jpg" if request.FetchThumb else (request.media_type or "m3u8")
    return f"{request.FileName}.{suffix}"


def _identity(request: ExportRequest) -> str:
    asked = request.model_dump(mode="json", exclude=NO_PART_OF_IT)
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _epoch_ms(path: str) -> int | None:
    """Return the time in the name of the folder nearest to the file."""
    found = EPOCH_MS.findall(path.rpartition("/")[0])
    return int(found[-1]) if found else None


def _sample_rate_hz(value: str | float) -> int | None:
    """Return a rate that audio may have; the vendor's own example has one that it may not."""
    rate = round(float(value))
    return rate if rate in SAMPLE_RATES_HZ else None
