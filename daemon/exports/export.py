"""What an export is: which part of which recording becomes what, and where. Knows no vendor's field names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from daemon.storage.interfaces import Place
from pipeline.recording.recording import Recording, RecordingError, RecordingFault


class Form(StrEnum):
    """What a span becomes; the value is the usual suffix of its file."""

    FLAC = "flac"
    WAV = "wav"
    MP3 = "mp3"
    M4A = "m4a"
    OGG = "ogg"
    TS = "ts"
    MP4 = "mp4"
    MOV = "mov"
    JPEG = "jpg"
    PLAYLIST = "m3u8"
    """A JSON document with the playlist of the span."""
    SEALED_PLAYLIST = "sealed"
    """The same, encrypted."""

    @property
    def content_type(self) -> str:
        """The media type it is stored with."""
        return CONTENT_TYPES[self]


AUDIO_FORMS = (Form.FLAC, Form.WAV, Form.MP3, Form.M4A, Form.OGG)
CONTENT_TYPES = {
    Form.FLAC: "audio/flac",
    Form.WAV: "audio/wav",
    Form.MP3: "audio/mpeg",
    Form.M4A: "audio/mp4",
    Form.OGG: "audio/ogg",
    Form.TS: "video/mp2t",
    Form.MP4: "video/mp4",
    Form.MOV: "video/quicktime",
    Form.JPEG: "image/jpeg",
    Form.PLAYLIST: "application/json",
    Form.SEALED_PLAYLIST: "application/json",
}


@dataclass(frozen=True, slots=True)
class WebAddress:
    """Media behind an http or https address."""

    url: str


MediaSource = Place | WebAddress


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a recording: from a place on its timeline, or from a moment."""

    start_s: float | None = None
    """On the recording's timeline; with `moment` it counts only when the recording's beginning is unknown."""
    duration_s: float | None = None
    """None: up to the recording's end."""
    moment: float | None = None
    """Seconds since the epoch at which the span begins."""
    begins_at: float | None = None
    """Seconds since the epoch at which the recording begins, if it does not say so itself."""

    def on(self, recording: Recording) -> tuple[float, float]:
        """Return where on a recording's timeline the span begins and ends, in seconds; inf: with it.

        It may lie before 0 or behind the end. While a recording was interrupted, time goes on that it does
        not have: the span is shorter on its timeline then. Raises RecordingError: it cannot be told.
        """
        if self.moment is not None:
            start_s = recording.place_s(self.moment)
            if start_s is not None:
                end_s = None if self.duration_s is None else recording.place_s(self.moment + self.duration_s)
                return start_s, math.inf if end_s is None else end_s
            if self.begins_at is not None:
                return self._from(self.moment - self.begins_at)
        if self.start_s is None:
            text = "the recording does not say when it began, so a moment cannot be found in it"
            raise RecordingError(RecordingFault.INVALID, text)
        return self._from(self.start_s)

    def began_at(self, recording: Recording, place_s: float) -> float | None:
        """Return when a recording began, by the time of day at a second of its timeline; None: unknown."""
        if recording.begins_at is not None:
            began_at = recording.begins_at
            for each in recording.dates:
                if place_s >= each.start_s:
                    began_at = each.epoch_s - each.start_s
            return began_at
        if self.begins_at is None and self.moment is not None and self.start_s is not None:
            return self.moment - self.start_s
        return self.begins_at

    def _from(self, start_s: float) -> tuple[float, float]:
        return start_s, math.inf if self.duration_s is None else start_s + self.duration_s


@dataclass(frozen=True, slots=True)
class Export:
    """One export, whoever asked for it."""

    sources: tuple[MediaSource, ...]
    """The first one that is there is taken."""
    span: Span
    form: Form
    target: Place
    replace: bool = True
    """Whether an object in the target's place is replaced."""
    mono: bool = False
    """Of audio: a piece, exact to the sample, in mono; else all of it, with its channels."""
    sample_rate_hz: int | None = None
    """Of audio; None: the source's."""
    join: bool = True
    """TS: whole segments may be joined by the store itself, if it can."""
    ahead: int = 4
    """Segments that are fetched at once."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Goes into a playlist's document as it is."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON, for the ledger; it holds no secret."""
        written: dict[str, Any] = _EXPORTS.dump_python(self, mode="json")
        return written

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Export:
        """Build it from what `document` returned. Raises ValueError for what is none."""
        return _EXPORTS.validate_python(document)


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export has become."""

    start_s: float
    """Where on the recording's timeline the result truly begins: a key frame or segment before the span."""
    duration_s: float
    lacking_s: float
    """So much of the span the recording does not hold."""
    began_at: float | None
    """Seconds since the epoch of the result's beginning, where that is known."""
    joined: bool = False
    """Whether the store did it by itself."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        written: dict[str, Any] = _RESULTS.dump_python(self, mode="json")
        return written

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Exported:
        """Build it from what `document` returned."""
        return _RESULTS.validate_python(document)


_EXPORTS = TypeAdapter(Export)
_RESULTS = TypeAdapter(Exported)
