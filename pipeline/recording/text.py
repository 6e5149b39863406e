"""Playlists and manifests are small texts, read whole; what strangers wrote is bounded here."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.recording.recording import Bytes, ByteSpan, Library, RecordingError, RecordingFault

MAX_TEXT_BYTES = 16 * 1024 * 1024
"""A day of two-second segments, each with its date, is 4 MB of HLS."""
MAX_LINE_CHARS = 64 * 1024
MAX_SEGMENTS = 200_000
"""Four days of two-second segments, and a hundred megabytes while it is read."""
MAX_SEGMENT_S = 86400.0
PIECE_BYTES = 65536


def invalid(message: str) -> RecordingError:
    """Return the error for files that are not what they should be."""
    return RecordingError(RecordingFault.INVALID, message)


def read_whole(library: Library, name: str, limit: int, span: ByteSpan | None = None) -> bytes:
    """Return a file, or a part of it, of at most `limit` bytes. Raises RecordingError."""
    source = library.open(name, span)
    try:
        return read_all(source, limit)
    finally:
        source.close()


def read_all(source: Bytes, limit: int) -> bytes:
    """Return all that is left of a file, at most `limit` bytes. Raises RecordingError."""
    content = read_up_to(source, limit + 1)
    if len(content) > limit:
        raise invalid(f"a file that should be small has more than {limit} bytes")
    return content


def read_up_to(source: Bytes, size: int) -> bytes:
    """Return the first `size` bytes, or what there is. Raises RecordingError."""
    pieces: list[bytes] = []
    while size > 0 and (piece := source.read(min(size, PIECE_BYTES))):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def read_text(library: Library, name: str) -> str:
    """Return a playlist or manifest. Raises RecordingError."""
    content = read_whole(library, name, MAX_TEXT_BYTES)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise invalid("the playlist is no UTF-8 text") from None


def byte_span(start: int, size: int) -> ByteSpan:
    """Return the span of `size` bytes from `start` on. Raises RecordingError if no file has it."""
    if start < 0 or size <= 0 or start + size > 2**53:
        raise invalid("the playlist names a range of bytes that no file has")
    return ByteSpan(start, start + size)


def epoch_s(text: str) -> float | None:
    """Return the seconds since the epoch of an ISO 8601 date, in UTC unless it says; None if it is none."""
    try:
        date = datetime.fromisoformat(text.strip())
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def whole_number(text: str) -> int:
    """Return the number that some digits are. Raises RecordingError."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise invalid("the playlist has something else where a number should be")
    return int(text)
