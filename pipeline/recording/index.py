"""The segment index of an MP4 file (ISO/IEC 14496-12, 8.16.3, `sidx`)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pipeline.recording.recording import ByteSpan, RecordingError, RecordingFault
from pipeline.recording.text import MAX_SEGMENT_S, byte_span, invalid

MAX_INDEX_BYTES = 4 * 1024 * 1024
_REFERENCE = struct.Struct(">III")


@dataclass(frozen=True, slots=True)
class Indexed:
    """One subsegment: a part of the file, in seconds of its own time stamps."""

    start_s: float
    duration_s: float
    span: ByteSpan


def read_index(content: bytes, place: int) -> list[Indexed]:
    """Read the index that lies at byte `place` of its file. Raises RecordingError."""
    try:
        return _read(content, place)
    except (struct.error, ZeroDivisionError, OverflowError):
        raise invalid("the file's index is malformed") from None


def _read(content: bytes, place: int) -> list[Indexed]:
    size, kind, version = struct.unpack_from(">I4sB", content)
    if kind != b"sidx":
        raise invalid("the file has no index where its manifest says")
    timescale = struct.unpack_from(">I", content, 16)[0]
    wide = version > 0
    earliest, first_offset = struct.unpack_from(">QQ" if wide else ">II", content, 20)
    at = 36 if wide else 28
    count = struct.unpack_from(">H", content, at + 2)[0]
    start, byte = earliest, place + size + first_offset
    found: list[Indexed] = []
    for number in range(count):
        reference, length, _ = _REFERENCE.unpack_from(content, at + 4 + number * _REFERENCE.size)
        if reference >> 31:
            raise RecordingError(RecordingFault.UNSUPPORTED, "the file's index leads to other indices")
        if length > MAX_SEGMENT_S * timescale:
            raise invalid("the file's index has a segment without a possible duration")
        span = byte_span(byte, reference)
        found.append(Indexed(start / timescale, length / timescale, span))
        start += length
        byte = span.end
    return found
