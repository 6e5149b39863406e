"""DASH manifests (ISO/IEC 23009-1), read into recordings."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from mpegdash.parser import MPEGDASHParser

from pipeline.recording.dash_segments import Chosen, Files, is_single_file, segments_of, single_segment
from pipeline.recording.recording import (
    Container,
    Library,
    Recording,
    RecordingError,
    RecordingFault,
    Segment,
)
from pipeline.recording.text import MAX_SEGMENTS, epoch_s, invalid, read_text

MARK = "<MPD"
MAX_ELEMENTS = 200_000
MAX_ATTRIBUTES = 400_000
"""What becomes of each takes half a kilobyte."""
MAX_TIME_S = 1e10
_DURATION = re.compile(
    r"P(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,9})D)?"
    r"(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,12}(?:\.\d{0,12})?)S)?)?\Z"
)
_DURATION_UNITS_S = (31_536_000, 2_592_000, 86_400, 3_600, 60, 1)
Kind = Literal["audio", "video"]


def read_dash(
    library: Library, name: str, *, picture: bool = True, now: Callable[[], float] = time.time
) -> Recording:
    """Read a manifest. Of each kind the main adaptation set's best representation is taken.

    Sound and picture have files of their own in nearly every manifest: the recording's segments are then the
    picture's, and `Recording.sound` is the sound. Without `picture` they are the sound's. Periods become
    runs. The timeline begins with the first media that is listed. A manifest of a live stream gives what is
    there at `now` (seconds since the epoch). Raises RecordingError.
    """
    manifest = _parsed(read_text(library, name))
    available_at = _date(manifest.availability_start_time)
    live = manifest.type == "dynamic"
    if live and available_at is None:
        raise invalid("the manifest of a live stream does not say when it began")
    now_s = now() - available_at if live and available_at is not None else None
    files = Files(library, name)
    try:
        periods = list(_periods(manifest))
        sound = _track(files, manifest, periods, "audio", now_s)
        film = _track(files, manifest, periods, "video", now_s) if picture or sound is None else None
    except OverflowError:
        raise invalid("the manifest names times that cannot be") from None
    main = film or sound
    if main is None:
        raise invalid("the manifest lists no sound and no picture")
    return _recording(main, None if sound is main else sound, available_at)


def _parsed(text: str) -> Any:
    if MARK not in text:
        raise invalid("the file is no DASH manifest")
    if re.search(r"<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise invalid("the manifest declares entities, which manifests do not need")
    if text.count("<") > MAX_ELEMENTS or text.count("=") > MAX_ATTRIBUTES:
        raise invalid("the manifest is too large")
    try:
        return MPEGDASHParser.parse(text)
    except Exception as error:
        # The package raises whatever its unguarded conversions raise, and the XML parser's errors.
        raise invalid(f"the manifest is malformed: {type(error).__name__}") from None


@dataclass(frozen=True, slots=True)
class _Period:
    node: Any
    run: int
    start_s: float
    end_s: float | None
    """None: not known yet."""
    last: bool


def _periods(manifest: Any) -> Iterator[_Period]:
    nodes = manifest.periods or []
    total_s = _duration_s(manifest.media_presentation_duration)
    at_s: float | None = 0.0
    for run, node in enumerate(nodes):
        start_s = _duration_s(node.start)
        start_s = at_s if start_s is None else start_s
        if start_s is None:
            raise invalid("the manifest does not say when a period begins")
        last = run + 1 == len(nodes)
        length_s = _duration_s(node.duration)
        end_s = None if length_s is None else start_s + length_s
        if end_s is None:
            end_s = total_s if last else _duration_s(nodes[run + 1].start)
        yield _Period(node, run, start_s, end_s, last)
        at_s = end_s


@dataclass(frozen=True, slots=True)
class _Track:
    container: Container
    segments: tuple[Segment, ...]


def _track(
    files: Files, manifest: Any, periods: Sequence[_Period], kind: Kind, now_s: float | None
) -> _Track | None:
    """Return the sound, or the picture, of all periods; None if there is none."""
    depth_s = _duration_s(manifest.time_shift_buffer_depth)
    since_s = None if now_s is None or depth_s is None else now_s - depth_s
    container: Container | None = None
    segments: list[Segment] = []
    for period in periods:
        found = _choice(period.node, kind)
        if found is None:
            continue
        sets, representation = found
        base = ""
        for node in (manifest, period.node, sets, representation):
            if node.base_urls and node.base_urls[0].base_url_value:
                base = files.join(base, node.base_urls[0].base_url_value.strip())
        levels = (representation, sets, period.node)
        chosen = Chosen(levels, base, period.run, period.start_s, period.end_s, now_s, since_s)
        container = container or _container(sets, representation)
        if is_single_file(chosen):
            if len(periods) > 1:
                text = "files without an index are not read where there are several periods"
                raise RecordingError(RecordingFault.UNSUPPORTED, text)
            return _Track(container, (single_segment(files, chosen),))
        listed = segments_of(files, chosen)
        if not period.last and period.end_s is not None:
            listed = [each for each in listed if each.start_s < period.end_s]
        segments += listed
        if len(segments) > MAX_SEGMENTS:
            raise invalid(f"the manifest lists more than {MAX_SEGMENTS} segments")
    if container is None:
        return None
    if not segments:
        raise invalid("the manifest lists no segments")
    return _Track(container, tuple(sorted(segments, key=lambda segment: segment.start_s)))


def _recording(main: _Track, sound: _Track | None, available_at: float | None) -> Recording:
    first_s = main.segments[0].start_s
    if sound is not None:
        first_s = min(first_s, sound.segments[0].start_s)
    begins_at = None if available_at is None else available_at + first_s
    heard = None if sound is None else Recording(sound.container, _moved(sound, first_s), begins_at)
    return Recording(main.container, _moved(main, first_s), begins_at, heard)


def _moved(track: _Track, first_s: float) -> tuple[Segment, ...]:
    """Return the segments on the timeline that begins at `first_s` of the presentation's."""
    if first_s == 0:
        return track.segments
    return tuple(
        replace(
            each,
            start_s=each.start_s - first_s,
            origin_s=None if each.origin_s is None else each.origin_s - first_s,
        )
        for each in track.segments
    )


def _choice(period: Any, kind: Kind) -> tuple[Any, Any] | None:
    """Return the adaptation set and the representation that are read; None if there is none of a kind."""
    sets = [
        each
        for each in period.adaptation_sets or []
        if each.representations and _kind(each, each.representations[0]) == kind and not _is_trick(each)
    ]
    if not sets:
        return None
    chosen = next((each for each in sets if any(role.value == "main" for role in each.roles or [])), sets[0])
    representation = max(chosen.representations, key=lambda each: each.bandwidth or 0)
    if chosen.content_protections or representation.content_protections:
        raise RecordingError(RecordingFault.UNSUPPORTED, "the recording is protected")
    return chosen, representation


def _kind(sets: Any, representation: Any) -> str:
    components = {each.content_type for each in sets.content_components or []}
    if "video" in components:
        return "video"
    mime: str = representation.mime_type or sets.mime_type or ""
    return sets.content_type or mime.partition("/")[0]


def _is_trick(sets: Any) -> bool:
    properties = [*(sets.essential_properties or []), *(sets.supplemental_properties or [])]
    return any("trickmode" in (each.scheme_id_uri or "") for each in properties)


def _container(sets: Any, representation: Any) -> Container:
    mime: str = (representation.mime_type or sets.mime_type or "").lower()
    if mime.endswith("/mp2t"):
        return Container.MPEGTS
    return Container.ANY if mime.endswith("/webm") else Container.MP4


def _duration_s(text: str | None) -> float | None:
    """Return the seconds of an xs:duration; a year counts 365 days, a month 30."""
    if text is None:
        return None
    parts = _DURATION.match(text.strip())
    if parts is None:
        raise invalid("the manifest has a malformed duration")
    pairs = zip(parts.groups(), _DURATION_UNITS_S, strict=True)
    seconds = sum(float(number) * unit_s for number, unit_s in pairs if number)
    if seconds > MAX_TIME_S:
        raise invalid("the manifest names times that cannot be")
    return seconds


def _date(text: str | None) -> float | None:
    if text is None:
        return None
    found = epoch_s(text)
    if found is None:
        raise invalid("the manifest has a malformed date")
    return found
