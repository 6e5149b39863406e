"""A recording: the files that it is made of, in the order of its timeline."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Protocol

from config.errors import AudiowardenError


class RecordingFault(StrEnum):
    """Why a recording cannot be read."""

    MISSING = auto()
    """A file of it is not there."""
    INVALID = auto()
    """Its files are not what they should be."""
    OUTSIDE = auto()
    """The span asked for is not in it."""
    UNSUPPORTED = auto()
    """It is of a kind that is not read here."""
    UNREACHABLE = auto()
    """The store or server does not answer: later it may."""
    REFUSED = auto()
    """What it names may not be read."""
    CANCELLED = auto()


class RecordingError(AudiowardenError):
    """A recording cannot be read. The text holds no credentials."""

    def __init__(self, fault: RecordingFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.retryable = fault is RecordingFault.UNREACHABLE


def cancelled_error() -> RecordingError:
    """Return what a reading ends with that somebody ended."""
    return RecordingError(RecordingFault.CANCELLED, "the recording is not wanted any more")


@dataclass(frozen=True, slots=True)
class ByteSpan:
    """The bytes `[start, end)` of a file."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Key:
    """AES-128 in CBC mode (RFC 8216, 4.3.2.4)."""

    name: str
    """Of the file that holds the 16 bytes."""
    initial_vector: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """What must be read before the segments of fragmented MP4: an initialisation section."""

    name: str
    span: ByteSpan | None = None
    key: Key | None = None
    """With which it may be encrypted: not every packager does that."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of media, or a part of one."""

    name: str
    """As the library knows it: a key, or an http address."""
    start_s: float
    """On the recording's timeline, which begins with 0."""
    duration_s: float
    span: ByteSpan | None = None
    """None: the whole file."""
    header: Header | None = None
    key: Key | None = None
    run: int = 0
    """Time stamps go on within a run; a discontinuity begins another."""
    missing: bool = False
    """The playlist says that there is nothing (EXT-X-GAP)."""
    origin_s: float | None = None
    """Where on the timeline the media's time stamp 0 lies, where a manifest says so."""

    @property
    def end_s(self) -> float:
        """Where on the timeline it ends."""
        return self.start_s + self.duration_s


class Container(StrEnum):
    """How the segments are packed, by FFmpeg's name of the demuxer."""

    MPEGTS = "mpegts"
    MP4 = "mov"
    FLV = "flv"
    ANY = ""
    """A single file of a kind that FFmpeg finds out."""


@dataclass(frozen=True, slots=True)
class Dated:
    """The time of day, in seconds since the epoch, at a place of the timeline."""

    start_s: float
    epoch_s: float


@dataclass(frozen=True, slots=True)
class Recording:
    """All of it, or what its playlist or manifest lists by now."""

    container: Container
    segments: tuple[Segment, ...]
    """By time. A single file is one segment, whose duration is infinite until somebody has opened it."""
    begins_at: float | None = None
    """Seconds since the epoch at which it begins, if it says so."""
    sound: Recording | None = None
    """The sound, on the same timeline, where it has files of its own: `segments` then hold the picture."""
    dates: tuple[Dated, ...] = ()
    """Where the time of day does not simply go on: the recording was interrupted. By time, its beginning
    first; empty if it does not say."""

    def place_s(self, epoch_s: float) -> float | None:
        """Return where on the timeline a time of day lies, None if the recording does not say.

        It may lie before 0 or behind the end. A time during an interruption lies where the media goes on.
        """
        if self.begins_at is None:
            return None
        place_s = epoch_s - self.begins_at
        for each in self.dates:
            if epoch_s >= each.epoch_s:
                place_s = each.start_s + epoch_s - each.epoch_s
            else:
                return min(place_s, each.start_s)
        return place_s

    @property
    def duration_s(self) -> float:
        """Its length."""
        return self.segments[-1].end_s if self.segments else 0.0


class Bytes(Protocol):
    """A file, or what is left of it, as FFmpeg reads it."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end. Raises RecordingError."""

    def close(self) -> None:
        """Let go of it."""


class SeekableBytes(Bytes, Protocol):
    """A file of which any part can be read."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a byte, as files do; return it."""

    def tell(self) -> int:
        """Return the place."""


class Library(Protocol):
    """Where the files of recordings are.

    Everything blocks, may be called from any thread, and raises RecordingError.
    """

    def open(self, name: str, span: ByteSpan | None = None) -> Bytes:
        """Open a file, or a part of it, for reading once from its start."""

    def open_seekable(self, name: str) -> SeekableBytes:
        """Open a file of which any part will be read."""

    def beside(self, name: str, reference: str) -> str:
        """Return the name of what the file `name` refers to; REFUSED if it leads out of the library."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Media that can be read as one file, because its time stamps go on.

    `at_s` says where on the recording's timeline its time stamps lie.
    """

    source: Bytes | SeekableBytes
    container: Container
    seekable: bool
    """Whether `source` is SeekableBytes: a single file, to be sought in. Else it is read once, forwards."""
    start_s: float
    duration_s: float
    """As the playlist says; infinite for a single file."""
    origin_s: float | None = None
    """Where on the timeline time stamp 0 lies, where a manifest says so: `start_s` may be less exact."""

    def at_s(self, stamp_s: float, first_s: float) -> float:
        """Return where on the timeline a time stamp lies.

        `first_s` is the first time stamp of the picture, at whose key frames playlists begin segments: the
        sound that is packed with it begins up to some tenths of a second earlier. Without a picture, and of
        a single file, it is the container's first.
        """
        return stamp_s + (self.start_s - first_s if self.origin_s is None else self.origin_s)
