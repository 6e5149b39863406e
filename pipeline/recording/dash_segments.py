"""The segments of one DASH representation in one period (ISO/IEC 23009-1, 5.3.9)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from pipeline.recording.index import MAX_INDEX_BYTES, read_index
from pipeline.recording.recording import ByteSpan, Header, Library, RecordingError, Segment
from pipeline.recording.text import (
    MAX_SEGMENT_S,
    MAX_SEGMENTS,
    byte_span,
    invalid,
    read_whole,
    whole_number,
)

_PLACEHOLDER = re.compile(r"\$(?:(RepresentationID|Number|Bandwidth|Time)(?:%0(\d{1,2})d)?)?\$")
_MAX_NUMBER = 2**63
_MAX_REFERENCE_CHARS = 4096
"""Of an address in a manifest, and of a template and what is put into it: each may become 200,000 names."""
_MAX_STEPS = 64
"""Of a path: what goes up as often as down could be of any length, and name a file all the same."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A representation, where it applies."""

    levels: tuple[Any, ...]
    """The representation, its adaptation set, its period: what one does not say, the next one does."""
    base: str
    """What its references are relative to, itself relative to the manifest."""
    run: int
    start_s: float
    """The period's, in seconds from the presentation's beginning."""
    end_s: float | None
    """The period's; None: not known yet."""
    now_s: float | None
    """What time it is, for a live stream."""
    since_s: float | None
    """What is older, a live stream has forgotten."""


class Files:
    """The files that a manifest names."""

    def __init__(self, library: Library, manifest: str) -> None:
        self.library = library
        self._manifest = manifest

    def join(self, base: str, reference: str) -> str:
        """Return a reference relative to the manifest. `..` is left to the library to judge."""
        if not base or "://" in reference:
            return reference
        if "://" in base:
            try:
                return urljoin(base, reference)
            except ValueError:
                raise invalid("the manifest has a malformed address") from None
        if reference.startswith("/"):
            return reference
        folder = base.partition("?")[0]
        return folder[: folder.rfind("/") + 1] + reference

    def name(self, base: str, reference: str = "") -> str:
        """Return what the library calls a file."""
        joined = self.join(base, reference) if reference else base
        if not joined:
            raise invalid("the manifest has a segment without an address")
        if len(joined) > _MAX_REFERENCE_CHARS or joined.count("/") > _MAX_STEPS:
            raise _too_long()
        return self.library.beside(self._manifest, joined)


def is_single_file(chosen: Chosen) -> bool:
    """Say whether the representation is one file that nobody indexed."""
    if _first(chosen, "segment_templates") or _first(chosen, "segment_lists"):
        return False
    return _inherited(chosen, "segment_bases", "index_range") is None


def single_segment(files: Files, chosen: Chosen) -> Segment:
    """Return the one file as a segment of unknown length."""
    return Segment(files.name(chosen.base), 0.0, math.inf)


def segments_of(files: Files, chosen: Chosen) -> list[Segment]:
    """List the segments by time, in seconds from the presentation's beginning. Raises RecordingError."""
    if _first(chosen, "segment_templates"):
        return _of_template(files, chosen)
    if _first(chosen, "segment_lists"):
        return _of_list(files, chosen)
    return _of_index(files, chosen)


def _of_template(files: Files, chosen: Chosen) -> list[Segment]:
    nodes = "segment_templates"
    media = _inherited(chosen, nodes, "media")
    if not media:
        raise invalid("the manifest has a template without an address")
    header = _header(files, chosen, nodes)
    initialization = _inherited(chosen, nodes, "initialization")
    if initialization:
        header = Header(files.name(chosen.base, _filled(initialization, chosen, 0, 0)))
    first = _number(chosen, nodes, "start_number", 1)
    origin_s = _origin_s(chosen, nodes)
    return [
        Segment(
            name=files.name(chosen.base, _filled(media, chosen, first + each.index, each.time)),
            start_s=each.start_s,
            duration_s=each.duration_s,
            header=header,
            run=chosen.run,
            origin_s=origin_s,
        )
        for each in _times(chosen, nodes)
    ]


def _of_list(files: Files, chosen: Chosen) -> list[Segment]:
    nodes = "segment_lists"
    urls = _inherited(chosen, nodes, "segment_urls") or []
    if len(urls) > MAX_SEGMENTS:
        raise _too_many()
    header = _header(files, chosen, nodes)
    times = _times(chosen, nodes, len(urls))
    origin_s = _origin_s(chosen, nodes)
    return [
        Segment(
            name=files.name(chosen.base, url.media or ""),
            start_s=each.start_s,
            duration_s=each.duration_s,
            span=_range(url.media_range),
            header=header,
            run=chosen.run,
            origin_s=origin_s,
        )
        for url, each in zip(urls, times, strict=False)
    ]


def _of_index(files: Files, chosen: Chosen) -> list[Segment]:
    nodes = "segment_bases"
    name = files.name(chosen.base)
    where = _range(_inherited(chosen, nodes, "index_range"))
    if where is None:
        raise invalid("the manifest has a file without an index")
    content = read_whole(files.library, name, MAX_INDEX_BYTES, where)
    header = _header(files, chosen, nodes)
    if header is None and where.start > 0:
        header = Header(name, ByteSpan(0, where.start))
    index = read_index(content, where.start)
    origin_s = _origin_s(chosen, nodes)
    return [
        Segment(
            name=name,
            start_s=origin_s + each.start_s,
            duration_s=each.duration_s,
            span=each.span,
            header=header,
            run=chosen.run,
            origin_s=origin_s,
        )
        for each in index
    ]


@dataclass(frozen=True, slots=True)
class _Time:
    index: int
    time: int
    """In the representation's own units: what $Time$ stands for."""
    start_s: float
    duration_s: float


def _times(chosen: Chosen, nodes: str, count: int | None = None) -> Iterator[_Time]:
    """Yield when segments begin and how long they are; `count` of them if it is known."""
    timescale = _timescale(chosen, nodes)
    offset = _number(chosen, nodes, "presentation_time_offset", 0)
    timelines = _inherited(chosen, nodes, "segment_timelines")
    if timelines:
        rows = _timeline(timelines[0], chosen, timescale, offset)
    else:
        rows = _even(chosen, nodes, timescale, offset, count)
    for index, start, length in rows:
        if not 0 < length <= MAX_SEGMENT_S * timescale:
            raise invalid("the manifest has a segment without a possible duration")
        yield _Time(index, start, chosen.start_s + (start - offset) / timescale, length / timescale)


def _timeline(node: Any, chosen: Chosen, timescale: int, offset: int) -> Iterator[tuple[int, int, int]]:
    """Yield places, beginnings and lengths as a SegmentTimeline lists them."""
    rows = node.Ss or []
    at = index = 0
    for place, row in enumerate(rows):
        at = at if row.t is None else _checked(row.t)
        length, times = _checked(row.d), (row.r or 0) + 1
        if length == 0:
            raise invalid("the manifest has a segment without a possible duration")
        if times <= 0:
            following = rows[place + 1].t if place + 1 < len(rows) else None
            times = _repetitions(chosen, at, length, following, timescale, offset)
        if index + times > MAX_SEGMENTS:
            raise _too_many()
        for _ in range(times):
            yield index, at, length
            index += 1
            at += length


def _repetitions(
    chosen: Chosen, at: int, length: int, following: int | None, timescale: int, offset: int
) -> int:
    """Return how often a row of a timeline is meant that goes on until the next one, or the end."""
    if following is not None:
        return math.ceil((_checked(following) - at) / length)
    end = (_until_s(chosen) - chosen.start_s) * timescale + offset
    return _count((end - at) / length, live=chosen.now_s is not None)


def _even(
    chosen: Chosen, nodes: str, timescale: int, offset: int, count: int | None
) -> Iterator[tuple[int, int, int]]:
    """Yield places, beginnings and lengths of segments that are all as long."""
    length = _number(chosen, nodes, "duration", 0)
    if length == 0 and count == 1:
        length = round((_until_s(chosen) - chosen.start_s) * timescale)
    if length == 0:
        raise invalid("the manifest does not say how long its segments are")
    first = 0
    if count is None:
        length_s = length / timescale
        count = _count((_until_s(chosen) - chosen.start_s) / length_s, live=chosen.now_s is not None)
        end_number = _inherited(chosen, nodes, "end_number")
        if end_number is not None:
            count = min(count, _checked(end_number) - _number(chosen, nodes, "start_number", 1) + 1)
        if chosen.since_s is not None:
            first = max(0, math.ceil((chosen.since_s - chosen.start_s) / length_s))
    if count - first > MAX_SEGMENTS:
        raise _too_many()
    for index in range(first, count):
        yield index, offset + index * length, length


def _until_s(chosen: Chosen) -> float:
    """Return up to when there is media, in seconds from the presentation's beginning."""
    ends = [each for each in (chosen.end_s, chosen.now_s) if each is not None]
    if not ends:
        raise invalid("the manifest does not say where its segments end")
    return min(ends)


def _count(lengths: float, *, live: bool) -> int:
    """Return how many segments there are in a time; of a live stream, those that are over."""
    return math.floor(lengths) if live else math.ceil(lengths - 1e-6)


def _filled(template: str, chosen: Chosen, number: int, time: int) -> str:
    """Return a template with its placeholders filled in (5.3.9.4.4)."""
    representation = chosen.levels[0]
    if max(len(template), len(representation.id or "")) > _MAX_REFERENCE_CHARS:
        # A megabyte of placeholders for a megabyte would be more than all memory.
        raise _too_long()
    values = {
        "RepresentationID": representation.id or "",
        "Bandwidth": representation.bandwidth or 0,
        "Number": number,
        "Time": time,
    }

    def fill(found: re.Match[str]) -> str:
        if found[1] is None:
            return "$"
        return str(values[found[1]]).zfill(int(found[2] or 0))

    return _PLACEHOLDER.sub(fill, template)


def _header(files: Files, chosen: Chosen, nodes: str) -> Header | None:
    """Return the initialisation section that an element of its own names."""
    found = _inherited(chosen, nodes, "initializations")
    if not found:
        return None
    return Header(files.name(chosen.base, found[0].source_url or ""), _range(found[0].range))


def _range(text: str | None) -> ByteSpan | None:
    """Read `first-last`, both included."""
    if not text:
        return None
    first, _, last = text.strip().partition("-")
    start = whole_number(first)
    return byte_span(start, whole_number(last) + 1 - start)


def _origin_s(chosen: Chosen, nodes: str) -> float:
    """Return where in the presentation the media's time stamp 0 lies."""
    offset = _number(chosen, nodes, "presentation_time_offset", 0)
    return chosen.start_s - offset / _timescale(chosen, nodes)


def _timescale(chosen: Chosen, nodes: str) -> int:
    timescale = _number(chosen, nodes, "timescale", 1)
    if timescale == 0:
        raise invalid("the manifest has a timescale of 0")
    return timescale


def _number(chosen: Chosen, nodes: str, attribute: str, default: int) -> int:
    value = _inherited(chosen, nodes, attribute)
    return default if value is None else _checked(value)


def _checked(value: int | None) -> int:
    if value is None or not 0 <= value < _MAX_NUMBER:
        raise invalid("the manifest has a number that cannot be")
    return value


def _first(chosen: Chosen, nodes: str) -> Any:
    """Return the nearest level's element of a kind."""
    return next((found[0] for level in chosen.levels if (found := getattr(level, nodes))), None)


def _inherited(chosen: Chosen, nodes: str, attribute: str) -> Any:
    """Return what the nearest level says that says it."""
    for level in chosen.levels:
        for node in getattr(level, nodes) or ():
            value = getattr(node, attribute)
            if value is not None:
                return value
    return None


def _too_long() -> RecordingError:
    return invalid("the manifest has an address that is too long")


def _too_many() -> RecordingError:
    return invalid(f"the manifest lists more than {MAX_SEGMENTS} segments")
