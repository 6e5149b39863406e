"""HLS playlists (RFC 8216), read into recordings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import m3u8

from pipeline.recording.recording import (
    ByteSpan,
    Container,
    Dated,
    Header,
    Key,
    Library,
    Recording,
    RecordingError,
    RecordingFault,
    Segment,
)
from pipeline.recording.text import (
    MAX_LINE_CHARS,
    MAX_SEGMENT_S,
    MAX_SEGMENTS,
    byte_span,
    epoch_s,
    invalid,
    read_text,
    whole_number,
)

MARK = "#EXTM3U"
CLOCK_DRIFT_S = 0.25
"""So much may dates differ from the sum of the durations before a new one is noted."""
_UNDERSTOOD = re.compile(
    r"#EXT-X-(STREAM-INF|MEDIA|MEDIA-SEQUENCE|DISCONTINUITY|BYTERANGE|MAP|GAP|ENDLIST|I-FRAMES-ONLY)\b"
)
"""The tags that `m3u8` reads for us. A fault in one that nobody needs is no fault of the recording."""
_UNSUPPORTED = re.compile(r"#EXT-X-(SKIP|DEFINE)\b")
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)')
_VECTOR = re.compile(r"0[xX]([0-9A-Fa-f]{1,32})\Z")
_MP4_SUFFIXES = (".mp4", ".m4s", ".m4a", ".m4v", ".cmfa", ".cmfv", ".cmft")
_PACKED_AUDIO_SUFFIXES = (".aac", ".mp3", ".ac3", ".ec3")


def read_hls(library: Library, name: str, *, picture: bool = True) -> Recording:
    """Read a playlist, and the media playlists that it leads to if it is one of playlists.

    Of several variants the one of the most bandwidth is taken. Where the sound has a playlist of its own, it
    becomes `Recording.sound`. Without `picture` only the sound is wanted: a playlist of its own is then all
    that is read. A playlist that is still growing gives what it lists by now. Raises RecordingError.
    """
    lines = _Lines.of(read_text(library, name))
    variants = lines.data["playlists"]
    if not variants and not lines.data["is_variant"]:
        return _recording(library, name, lines)
    if not variants:
        raise invalid("the playlist lists no other playlist")
    best = max(variants, key=lambda variant: _number(variant["stream_info"], "bandwidth", 0))
    sound = _rendition(lines.data["media"], best["stream_info"].get("audio"))
    sound_name = None if sound is None else library.beside(name, sound)
    if sound_name is not None and not picture:
        return _media(library, sound_name)
    main = _media(library, library.beside(name, best["uri"]))
    if sound_name is None:
        return main
    return _together(main, _media(library, sound_name))


def _together(main: Recording, sound: Recording) -> Recording:
    """Put the sound on the picture's timeline: by their dates, or else both begin together."""
    if main.begins_at is None or sound.begins_at is None:
        begins_at = sound.begins_at if main.begins_at is None else main.begins_at
        segments = sound.segments
    else:
        begins_at, later_s = main.begins_at, sound.begins_at - main.begins_at
        segments = tuple(replace(each, start_s=each.start_s + later_s) for each in sound.segments)
    dates = main.dates or sound.dates
    heard = replace(sound, segments=segments, begins_at=begins_at, dates=dates)
    return replace(main, begins_at=begins_at, sound=heard, dates=dates)


def _media(library: Library, name: str) -> Recording:
    lines = _Lines.of(read_text(library, name))
    if lines.data["is_variant"]:
        raise invalid("the playlist leads to another playlist of playlists")
    return _recording(library, name, lines)


class _Lines:
    """A playlist as `m3u8` gives it, and what that leaves out."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.map_keys: list[dict[str, str] | None] = []
        """The key that each map stands under: the package tells only the segments'."""

    @classmethod
    def of(cls, text: str) -> _Lines:
        """Take a playlist apart. Raises RecordingError."""
        if not text.lstrip().startswith(MARK):
            raise invalid("the file is no HLS playlist")
        if max(map(len, text.splitlines())) > MAX_LINE_CHARS:
            raise invalid("the playlist has a line that is too long")
        if text.count("#EXTINF") > MAX_SEGMENTS:
            raise invalid(f"the playlist lists more than {MAX_SEGMENTS} segments")
        lines = cls()
        try:
            lines.data = m3u8.parse(text, custom_tags_parser=lines.take)
        except RecordingError:
            raise
        except Exception as error:
            # The package raises whatever its unguarded conversions raise.
            raise invalid(f"the playlist is malformed: {type(error).__name__}") from None
        if lines.data["is_i_frames_only"]:
            raise RecordingError(RecordingFault.UNSUPPORTED, "the playlist lists key frames only")
        return lines

    def take(self, line: str, lineno: int, data: dict[str, Any], state: dict[str, Any]) -> bool:
        """Read a tag in the place of the package; say whether that was all."""
        del lineno, data
        if line.startswith("#EXTINF:"):
            # The package compares each line with forty tags, and this is every other line.
            state.setdefault("segment", {})["duration"] = float(line[8:].partition(",")[0])
            state["expect_segment"] = True
            return True
        if line.startswith("#EXT-X-KEY:"):
            # The package compares each key with all before it: hours, where every segment has its own.
            state["current_key"] = {key: value.strip('"') for key, value in _ATTRIBUTE.findall(line)}
            return True
        if line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
            state["program_date_time"] = epoch_s(line.partition(":")[2])
            return True
        if line.startswith("#EXT-X-MAP:"):
            self.map_keys.append(state["current_key"])
        elif _UNSUPPORTED.match(line):
            raise RecordingError(RecordingFault.UNSUPPORTED, "the playlist is incomplete without another one")
        return _UNDERSTOOD.match(line) is None


def _recording(library: Library, name: str, lines: _Lines) -> Recording:
    listed = [each for each in lines.data["segments"] if "uri" in each]
    if not listed:
        raise invalid("the playlist lists no segments")
    files = _Files(library, name, lines)
    sequence = lines.data["media_sequence"] or 0
    at_s, run = 0.0, 0
    dates: list[Dated] = []
    segments: list[Segment] = []
    for number, each in enumerate(listed, sequence):
        duration_s = _number(each, "duration", -1.0)
        if not 0 <= duration_s <= MAX_SEGMENT_S:
            raise invalid("the playlist has a segment without a possible duration")
        if each["discontinuity"] and segments:
            run += 1
        _note_date(dates, at_s, each.get("program_date_time"))
        segment_name = files.name(each["uri"])
        segments.append(
            Segment(
                name=segment_name,
                start_s=at_s,
                duration_s=duration_s,
                span=files.span(segment_name, each.get("byterange")),
                header=files.header(each.get("init_section")),
                key=files.key(each.get("key"), number),
                run=run,
                missing=bool(each["gap_tag"]),
            )
        )
        at_s += duration_s
    begins_at = dates[0].epoch_s if dates else None
    return Recording(_container(segments[0]), tuple(segments), begins_at, dates=tuple(dates))


def _note_date(dates: list[Dated], at_s: float, epoch_s: float | None) -> None:
    """Note the time of day at a place, if it is not what was to be expected."""
    if epoch_s is None:
        return
    if not dates:
        dates.append(Dated(0.0, epoch_s - at_s))
    elif abs(epoch_s - at_s - (dates[-1].epoch_s - dates[-1].start_s)) > CLOCK_DRIFT_S:
        dates.append(Dated(at_s, epoch_s))


class _Files:
    """The files that a media playlist names."""

    def __init__(self, library: Library, playlist: str, lines: _Lines) -> None:
        self._library = library
        self._playlist = playlist
        self._names: dict[str, str] = {}
        self._ends: dict[str, int] = {}
        self._headers: dict[int, Header] = {}
        maps: Sequence[Mapping[str, str]] = lines.data["segment_map"]
        for each, key in zip(maps, lines.map_keys, strict=True):
            self._headers[id(each)] = self._header(each, key)

    def name(self, reference: str) -> str:
        """Return what the library calls a file; asked once for each, since one may hold all segments."""
        found = self._names.get(reference)
        if found is None:
            found = self._names[reference] = self._library.beside(self._playlist, reference)
        return found

    def span(self, name: str, text: str | None) -> ByteSpan | None:
        """Read `size[@start]`; without a start it follows the last one of the same file."""
        if text is None:
            return None
        size, at, start = text.strip().partition("@")
        span = byte_span(whole_number(start) if at else self._ends.get(name, 0), whole_number(size))
        self._ends[name] = span.end
        return span

    def header(self, section: Mapping[str, str] | None) -> Header | None:
        """Return what comes before a segment."""
        return None if section is None else self._headers[id(section)]

    def key(self, attributes: Mapping[str, str] | None, number: int) -> Key | None:
        """Return a segment's key; `number` is the segment's media sequence number."""
        if not attributes or attributes.get("METHOD") == "NONE":
            return None
        method, form = attributes.get("METHOD"), attributes.get("KEYFORMAT", "identity")
        if method != "AES-128" or form != "identity":
            raise RecordingError(RecordingFault.UNSUPPORTED, "the recording is encrypted in another way")
        if not attributes.get("URI"):
            raise invalid("the playlist names no key")
        given = attributes.get("IV")
        vector = None if given is None else _VECTOR.match(given)
        if given is not None and vector is None:
            raise invalid("the playlist has a malformed initial vector")
        value = number if vector is None else int(vector[1], 16)
        return Key(self.name(attributes["URI"]), (value % 2**128).to_bytes(16, "big"))

    def _header(self, section: Mapping[str, str], key: Mapping[str, str] | None) -> Header:
        if not section.get("uri"):
            raise invalid("the playlist has a map without an address")
        span = None
        if "byterange" in section:
            size, at, start = section["byterange"].strip().partition("@")
            span = byte_span(whole_number(start) if at else 0, whole_number(size))
        # Only with a vector of its own can a map be encrypted (RFC 8216, 4.3.2.5).
        encrypted = key is not None and "IV" in key
        return Header(self.name(section["uri"]), span, self.key(key, 0) if encrypted else None)


def _rendition(media: Sequence[Mapping[str, str]], group: str | None) -> str | None:
    """Return the address of a group's sound, its default before others; None if it has none of its own."""
    choice = [
        each
        for each in media
        if group is not None and each.get("type") == "AUDIO" and each.get("group_id") == group
    ]
    choice.sort(key=lambda each: (each.get("default") != "YES", each.get("autoselect") != "YES"))
    return choice[0].get("uri") or None if choice else None


def _container(first: Segment) -> Container:
    path = urlsplit(first.name).path.lower() if "://" in first.name else first.name.lower()
    if first.header is not None or path.endswith(_MP4_SUFFIXES):
        return Container.MP4
    return Container.ANY if path.endswith(_PACKED_AUDIO_SUFFIXES) else Container.MPEGTS


def _number(values: Mapping[str, Any], name: str, default: float) -> float:
    value = values.get(name)
    return value if isinstance(value, int | float) else default
