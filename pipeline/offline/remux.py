"""A span of a recording in another container, without encoding it again. Blocking, for worker threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pipeline.decode import Stream
from pipeline.encode import PacketFile
from pipeline.offline.audio import Gauge, Progress, check_span, unwatched
from pipeline.offline.packets import Packets, Span, Track
from pipeline.recording.media import open_stretch
from pipeline.recording.recording import RecordingError, RecordingFault, Stretch, cancelled_error
from pipeline.recording.tap import never

MUXERS = {"ts": "mpegts", "mp4": "mp4", "mov": "mov"}
"""FFmpeg's names."""


UNEVEN_S = 0.1
"""Video and audio do not begin and end together: less than that is not missing."""


class MediaForm(StrEnum):
    """The containers that are written, by their usual suffix."""

    TS = "ts"
    MP4 = "mp4"
    MOV = "mov"


EXACT = (MediaForm.MP4, MediaForm.MOV)
"""Those with edit lists: what lies before their time 0 is decoded, but not shown."""
LEAD_S = 0.1
"""So much of the audio before is needed to decode it from the start on."""


@dataclass(frozen=True, slots=True)
class Remuxed:
    """A span that was written."""

    start_s: float
    """Where on the recording's timeline it begins. TS can only begin with a key frame: the last before the
    start that was asked for. The others begin exactly there."""
    duration_s: float
    """From there to where the last packet ends."""
    missing_s: float
    """How much of the span that was asked for the recording lacks."""


def remux(
    stretches: Iterable[Stretch],
    start_s: float,
    duration_s: float,
    target: Path,
    form: MediaForm,
    progress: Progress = unwatched,
    cancelled: Callable[[], bool] = never,
    sound: Iterable[Stretch] | None = None,
) -> Remuxed:
    """Write the first video and audio of `[start_s, start_s + duration_s)` of a recording's timeline.

    `stretches` by time; they are opened one after the other and closed. Where the audio has files of its own,
    `sound` are theirs, and `stretches` are looked at for video only. Raises RecordingError (UNSUPPORTED when
    the container cannot hold what the recording is made of), and EncodeError when the result cannot be
    written.
    """
    check_span(start_s, duration_s)
    end_s = start_s + duration_s
    lead_s = LEAD_S if form in EXACT else 0.0
    gauge = Gauge(progress)
    with ExitStack() as stack:
        kinds = ("video", "audio") if sound is None else ("video",)
        main = _Lane(stretches, kinds, start_s, end_s, lead_s, cancelled)
        stack.enter_context(closing(main))
        if not main.go_on():
            if not main.spans:
                raise RecordingError(RecordingFault.INVALID, f"the recording has no {' and no '.join(kinds)}")
            raise RecordingError(RecordingFault.OUTSIDE, "nothing of this span is in the recording")
        begins_s = max(main.span.begins_s, start_s) if form in EXACT else main.span.begins_s
        other = _Lane(sound or (), ("audio",), max(begins_s - lead_s, 0.0), end_s, lead_s, cancelled)
        stack.enter_context(closing(other))
        film = _Film(
            target, form, [lane.span for lane in (main, other) if lane is main or lane.go_on()], begins_s
        )
        stack.enter_context(film.file)
        while lanes := [lane for lane in (main, other) if lane.packets]:
            lane = min(lanes, key=lambda each: each.span.tracks[0].ends_s)
            film.write(lane.span, lane.packets)
            lane.go_on()
            gauge.show((main.span.tracks[0].ends_s - start_s) / duration_s)
    progress(1.0)
    ends_s, covered_s = main.covered()
    lacking_s = duration_s - covered_s
    return Remuxed(begins_s, ends_s - begins_s, lacking_s if lacking_s > UNEVEN_S else 0.0)


class _Lane:
    """The packets of some stretches, one after the other."""

    def __init__(
        self,
        stretches: Iterable[Stretch],
        kinds: Sequence[str],
        start_s: float,
        end_s: float,
        lead_s: float,
        cancelled: Callable[[], bool],
    ) -> None:
        self.spans: list[Span] = []
        """Those begun so far."""
        self.packets: Packets = []
        """The next ones; none at the end."""
        self._kinds = kinds
        self._start_s = start_s
        self._end_s = end_s
        self._lead_s = lead_s
        self._cancelled = cancelled
        self._rest = self._read(stretches)

    @property
    def span(self) -> Span:
        """The one that `packets` belong to."""
        return self.spans[-1]

    def go_on(self) -> bool:
        """Fetch the next packets; say whether there are any. Raises RecordingError."""
        if self._cancelled():
            raise cancelled_error()
        self.packets = next(self._rest, [])
        return bool(self.packets)

    def covered(self) -> tuple[float, float]:
        """Return where on the timeline what was read ends, and how much of the span it covers."""
        at_s, covered_s = self._start_s, 0.0
        for span in self.spans:
            main = span.tracks[0]
            first_s, last_s = max(span.begins_s, at_s), min(main.ends_s, self._end_s)
            if last_s > first_s:
                gaps_s = sum(max(0.0, min(to_s, last_s) - max(from_s, first_s)) for from_s, to_s in main.gaps)
                covered_s += last_s - first_s - gaps_s
                at_s = last_s
        return at_s, covered_s

    def close(self) -> None:
        """Close the stretch that is open."""
        self._rest.close()

    def _read(self, stretches: Iterable[Stretch]) -> Generator[Packets, None, None]:
        for stretch in stretches:
            with open_stretch(stretch, self._cancelled) as media:
                found = [each for each in (media.video, media.audio) if each is not None]
                if streams := [each for each in found if each.type in self._kinds]:
                    span = Span(media, streams, self._start_s, self._end_s, self._lead_s)
                    self.spans.append(span)
                    for packets in span.packets():
                        # What ends before the start has been kept for nothing.
                        if packets and span.tracks[0].ends_s > self._start_s:
                            yield packets


class _Film:
    """What is being written."""

    def __init__(self, target: Path, form: MediaForm, spans: Sequence[Span], begins_s: float) -> None:
        """It has the video and the audio of the first stretches."""
        self._form = form
        # With the same numbers as in the recording the packets need not be touched.
        tracks = [track for span in spans for track in sorted(span.tracks, key=lambda track: track.index)]
        self._zero_s = spans[0].zero_s
        self._kinds: dict[str, _Kind] = {}
        for track in tracks:
            self._kinds.setdefault(track.stream.type, _Kind(len(self._kinds), track))
        streams = [kind.stream for kind in self._kinds.values()]
        self.file = PacketFile(target, MUXERS[form], streams, -(self._zero_s + begins_s))
        self._shifts_s = {span: self._zero_s - span.zero_s for span in spans}
        """By how much the time stamps of a span lag behind the first one's clock."""

    def write(self, span: Span, packets: Packets) -> None:
        """Write packets of a span; a further span's time stamps are made to go on."""
        if span not in self._shifts_s:
            self._check(span)
            shift_s = self._zero_s - span.zero_s
            self._shifts_s[span] = shift_s + max(
                self._overlap_s(each, shift_s, packets) for each in span.tracks
            )
        # All are told apart before any gets another number.
        parts = [
            (
                track,
                self._kinds.get(track.stream.type),
                [each for each in packets if each.stream_index == track.index],
            )
            for track in span.tracks
        ]
        if strangers := {track.index for track, kind, _ in parts if kind is None}:
            packets = [packet for packet in packets if packet.stream_index not in strangers]
        for track, kind, mine in parts:
            if kind is not None and mine:
                if shift := round(self._shifts_s[span] / track.tick_s):
                    _shift(mine, shift, kind.last_s / track.tick_s)
                kind.last_s, kind.step_s = mine[-1].dts * track.tick_s, track.step_s
                if kind.place != track.index:
                    for packet in mine:
                        packet.stream = self.file.streams[kind.place]
        self.file.write(packets)

    def _check(self, span: Span) -> None:
        """Raise RecordingError when the streams of a further stretch do not go with those before."""
        for track in span.tracks:
            kind = self._kinds.get(track.stream.type)
            if kind is None:
                continue
            now = _looks(track.stream)
            if now[0] != kind.looks[0] or (self._form is not MediaForm.TS and now != kind.looks):
                text = f"{self._form} cannot hold a recording whose {track.stream.type} changes"
                raise RecordingError(RecordingFault.UNSUPPORTED, text)

    def _overlap_s(self, track: Track, shift_s: float, packets: Packets) -> float:
        """Return by how much a stream would begin before its packets that were written end."""
        kind = self._kinds.get(track.stream.type)
        first: int | None = next((each.dts for each in packets if each.stream_index == track.index), None)
        if kind is None or first is None:
            return 0.0
        return max(0.0, kind.last_s + kind.step_s - (first * track.tick_s + shift_s))


class _Kind:
    """One stream of the film: the video or the audio."""

    def __init__(self, place: int, track: Track) -> None:
        self.place = place
        self.stream = track.stream
        self.looks = _looks(track.stream)
        self.last_s = -math.inf
        """The last decoding stamp that was written, by the first stretch's clock."""
        self.step_s = 0.0


def _looks(stream: Stream) -> tuple[object, ...]:
    """Return what a container writes down once about a stream, its codec first."""
    codec: Any = stream.codec_context
    names = ("name", "width", "height", "sample_rate", "extradata")
    return tuple(getattr(codec, name, None) for name in names)


def _shift(packets: Packets, ticks: int, last: float) -> None:
    """Move the time stamps; those of a stream that begins too early are pressed together behind `last`."""
    for packet in packets:
        packet.dts = max(packet.dts + ticks, math.floor(last) + 1) if last > -math.inf else packet.dts + ticks
        packet.pts = max(packet.pts + ticks, packet.dts)
        last = packet.dts
