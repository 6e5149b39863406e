"""What is read of a recording for a span of its timeline."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from itertools import groupby

from pipeline.recording.gaps import Gaps
from pipeline.recording.reader import RETRY_AFTER_S, SegmentReader
from pipeline.recording.recording import (
    Header,
    Library,
    Recording,
    RecordingError,
    RecordingFault,
    Segment,
    Stretch,
)

MARGIN_S = 0.5
"""Time stamps do not keep exactly to the playlist, sound lags behind the picture that it is packed with, and
decoders need a few frames before the first good one."""
HOLE_S = 0.1
"""Less between two segments is rounding."""


def stretches(
    recording: Recording,
    library: Library,
    start_s: float,
    end_s: float,
    *,
    ahead: int = 4,
    lead_s: float = MARGIN_S,
    trail_s: float = MARGIN_S,
    gaps: Gaps | None = None,
    retry_after_s: Sequence[float] = RETRY_AFTER_S,
) -> Generator[Stretch, None, None]:
    """Yield what the span `[start_s, end_s)` of the timeline needs, one stretch a run, by time.

    Only segments of the span are fetched, `ahead` of them at once (0 or 1: one after the other). When the
    span begins within `lead_s` of a segment's beginning, the segment before is read as well, and the one
    after when it ends within `trail_s` of a segment's end: the stretch may be longer than the span. A single
    file is one stretch, all of it.

    What turns out to be missing is told to `gaps`, complete when the last stretch was read to its end; what
    lies after the recording's end counts too. More than ten segments in a row that are missing without the
    playlist saying so are an error. What the library fails with for now is tried again after each of
    `retry_after_s`.

    A stretch is closed when the next one is asked for, or the generator closed, which whoever stops early
    must do (`contextlib.closing`). Raises RecordingError:
    OUTSIDE, MISSING when nothing of the span is there, and what the library raises.
    """
    if not (0 <= start_s < end_s < math.inf):
        raise RecordingError(RecordingFault.OUTSIDE, "the span is no span of time")
    if start_s >= recording.duration_s:
        text = f"the span begins after the recording's end, {recording.duration_s:.3f} s"
        raise RecordingError(RecordingFault.OUTSIDE, text)
    if math.isinf(recording.duration_s):
        return _whole_file(recording, library)
    span = _Span(start_s, end_s, Gaps() if gaps is None else gaps)
    needed = _needed(recording.segments, span, lead_s, trail_s)
    return _read(recording, library, needed, span, ahead, retry_after_s)


class _Span:
    """What is asked for, and what of it is missing."""

    def __init__(self, start_s: float, end_s: float, gaps: Gaps) -> None:
        self.start_s = start_s
        self.end_s = end_s
        self._gaps = gaps

    def lost(self, segment: Segment) -> None:
        """Note that a segment is missing."""
        self.lacks(segment.start_s, segment.end_s)

    def lacks(self, start_s: float, end_s: float) -> None:
        """Note that there is nothing from `start_s` to `end_s`."""
        self._gaps.add(max(start_s, self.start_s), min(end_s, self.end_s))


def _whole_file(recording: Recording, library: Library) -> Generator[Stretch, None, None]:
    segment = recording.segments[0]
    source = library.open_seekable(segment.name)
    try:
        yield Stretch(source, recording.container, True, segment.start_s, segment.duration_s)
    finally:
        source.close()


def _needed(segments: Sequence[Segment], span: _Span, lead_s: float, trail_s: float) -> list[Segment]:
    """Return the segments that there are for a span; note what is not."""
    within = [
        index
        for index, each in enumerate(segments)
        if each.end_s > span.start_s and each.start_s < span.end_s
    ]
    _note_holes([segments[index] for index in within], span)
    if not within:
        return []
    first, last = within[0], within[-1]
    if (
        first > 0
        and span.start_s - segments[first].start_s < lead_s
        and _together(segments[first - 1], segments[first])
    ):
        first -= 1
    if (
        last + 1 < len(segments)
        and segments[last].end_s - span.end_s < trail_s
        and _together(segments[last], segments[last + 1])
    ):
        last += 1
    return [each for each in segments[first : last + 1] if not each.missing]


def _note_holes(segments: Sequence[Segment], span: _Span) -> None:
    at_s = span.start_s
    for each in segments:
        if each.start_s - at_s > HOLE_S:
            span.lacks(at_s, each.start_s)
        if each.missing:
            span.lost(each)
        at_s = max(at_s, each.end_s)
    if span.end_s - at_s > HOLE_S:
        span.lacks(at_s, span.end_s)


def _together(one: Segment, other: Segment) -> bool:
    return _file(one) == _file(other)


def _file(segment: Segment) -> tuple[int, Header | None]:
    """Return what the segments that are read as one file have in common."""
    return segment.run, segment.header


def _read(
    recording: Recording,
    library: Library,
    segments: Sequence[Segment],
    span: _Span,
    ahead: int,
    retry_after_s: Sequence[float],
) -> Generator[Stretch, None, None]:
    found = False
    for _, group in groupby(segments, _file):
        together = list(group)
        reader = SegmentReader(
            library,
            recording.container,
            together,
            ahead=ahead,
            lost=span.lost,
            retry_after_s=retry_after_s,
        )
        try:
            first = reader.begin()
            if first is not None:
                found = True
                length_s = together[-1].end_s - first.start_s
                yield Stretch(reader, recording.container, False, first.start_s, length_s, first.origin_s)
        finally:
            reader.close()
    if not found:
        raise RecordingError(RecordingFault.MISSING, "nothing of the span is there any more")
