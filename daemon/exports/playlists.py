"""Writes the playlist of a span, and the JSON document that holds it. Version 7 of HLS (RFC 8216)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from daemon.storage.interfaces import Location
from pipeline.recording.recording import (
    ByteSpan,
    Header,
    Key,
    Recording,
    RecordingError,
    RecordingFault,
    Segment,
)


def segments_of(recording: Recording, start_s: float, end_s: float) -> tuple[Segment, ...]:
    """Return the segments that hold some of a span; at least one.

    Raises RecordingError: it is a single file of unknown length, or nothing of it lies in the span.
    """
    if not math.isfinite(recording.duration_s):
        raise RecordingError(RecordingFault.UNSUPPORTED, "the recording is a single file, without segments")
    found = tuple(each for each in recording.segments if each.end_s > start_s and each.start_s < end_s)
    if all(each.missing for each in found):
        raise RecordingError(RecordingFault.OUTSIDE, "the recording holds nothing of this span")
    return found


def playlist_document(
    recording: Recording,
    start_s: float,
    end_s: float,
    location: Location | None,
    began_at: float | None,
    notes: Mapping[str, str],
) -> bytes:
    """Return the playlist of a span as JSON: `m3u8`, where its files are, what is to be played, the notes.

    Files in a store are named by their path in the bucket; `location` None: by their addresses.
    Raises RecordingError as `segments_of` does.
    """
    chosen = segments_of(recording, start_s, end_s)
    first_s = chosen[0].start_s
    document: dict[str, Any] = {
        "version": 1,
        "m3u8": write_playlist(chosen, start_s - first_s, _later(began_at, first_s)),
        "offset_ms": round((start_s - first_s) * 1000),
        "duration_ms": round((end_s - start_s) * 1000),
        **notes,
    }
    if recording.sound is not None:
        sound = segments_of(recording.sound, start_s, end_s)
        document["m3u8_sound"] = write_playlist(
            sound, start_s - sound[0].start_s, _later(began_at, sound[0].start_s)
        )
    if location is not None:
        document |= {"bucket": location.bucket, "region": location.region}
    return json.dumps(document, ensure_ascii=False, indent=2).encode()


def write_playlist(segments: tuple[Segment, ...], offset_s: float, begins_at: float | None) -> str:
    """Write a media playlist of segments; it is to be played from `offset_s` on."""
    longest_s = max(each.duration_s for each in segments)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(1, round(longest_s))}",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        f"#EXT-X-START:TIME-OFFSET={max(0.0, offset_s):.3f},PRECISE=YES",
    ]
    if begins_at is not None:
        moment = datetime.fromtimestamp(begins_at, UTC).isoformat(timespec="milliseconds")
        lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{moment}")
    before: Segment | None = None
    for each in segments:
        lines += _segment(each, before)
        before = each
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def _segment(segment: Segment, before: Segment | None) -> Iterator[str]:
    if before is not None and segment.run != before.run:
        yield "#EXT-X-DISCONTINUITY"
    if segment.key != (before.key if before else None):
        yield _key(segment.key)
    if segment.header is not None and segment.header != (before.header if before else None):
        yield _header(segment.header)
    if segment.missing:
        yield "#EXT-X-GAP"
    yield f"#EXTINF:{segment.duration_s:.6f},"
    if segment.span is not None:
        yield f"#EXT-X-BYTERANGE:{_range(segment.span)}"
    yield _address(segment.name)


def _key(key: Key | None) -> str:
    if key is None:
        return "#EXT-X-KEY:METHOD=NONE"
    return f'#EXT-X-KEY:METHOD=AES-128,URI="{_address(key.name)}",IV=0x{key.initial_vector.hex()}'


def _header(header: Header) -> str:
    part = "" if header.span is None else f',BYTERANGE="{_range(header.span)}"'
    return f'#EXT-X-MAP:URI="{_address(header.name)}"{part}'


def _range(span: ByteSpan) -> str:
    return f"{span.end - span.start}@{span.start}"


def _address(name: str) -> str:
    return name if "://" in name else "/" + quote(name)


def _later(began_at: float | None, after_s: float) -> float | None:
    return None if began_at is None else began_at + after_s
