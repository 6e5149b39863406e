"""A span of a recording in another container, without encoding it again. Blocking, for worker threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pipeline.decode import Stream, open_stretch
from pipeline.encode import PacketFile, UnsupportedCodecError
from pipeline.offline import Gauge, Progress, check_span, unwatched
from pipeline.packets import Packets, Span, Track
from pipeline.recording.recording import RecordingError, RecordingFault, Stretch
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
) -> Remuxed:
    """Write the first video and audio of `[start_s, start_s + duration_s)` of a recording's timeline.

    `stretches` by time; they are opened one after the other and closed. Raises RecordingError (UNSUPPORTED
    when the container cannot hold what the recording is made of), and EncodeError when the result cannot be
    written.
    """
    check_span(start_s, duration_s)
    end_s = start_s + duration_s
    gauge = Gauge(progress)
    any_streams = False
    with ExitStack() as stack:
        film: _Film | None = None
        for stretch in stretches:
            with open_stretch(stretch, cancelled) as media:
                streams = [each for each in (media.video, media.audio) if each is not None]
                any_streams = any_streams or bool(streams)
                span = Span(media, streams, start_s, end_s, LEAD_S if form in EXACT else 0.0)
                for packets in span.packets() if streams else ():
                    if cancelled():
                        raise RecordingError(RecordingFault.CANCELLED, "it was cancelled")
                    if film is None:
                        film = _Film(target, form, span, start_s)
                        stack.enter_context(film.file)
                    film.write(span, packets)
                    gauge.show((span.tracks[0].ends_s - start_s) / duration_s)
                if film is not None:
                    film.count(span, start_s, end_s)
    if not any_streams:
        raise RecordingError(RecordingFault.INVALID, "the recording has neither video nor audio")
    if film is None or not film.covered_s:
        raise RecordingError(RecordingFault.OUTSIDE, "nothing of this span is in the recording")
    progress(1.0)
    lacking_s = duration_s - film.covered_s
    return Remuxed(film.begins_s, film.ends_s - film.begins_s, lacking_s if lacking_s > UNEVEN_S else 0.0)


class _Film:
    """What is being written."""

    def __init__(self, target: Path, form: MediaForm, span: Span, start_s: float) -> None:
        """It has the streams of the first stretch."""
        self.begins_s = span.begins_s if form is MediaForm.TS else max(span.begins_s, start_s)
        self.ends_s = self.begins_s
        self.covered_s = 0.0
        """How much of the span asked for there is."""
        self._form = form
        # With the same numbers as in the recording the packets need not be touched.
        tracks = sorted(span.tracks, key=lambda track: track.index)
        self._zero_s = span.zero_s
        self._kinds = {track.stream.type: _Kind(place, track) for place, track in enumerate(tracks)}
        later_s = -(self._zero_s + self.begins_s)
        try:
            self.file = PacketFile(target, MUXERS[form], [track.stream for track in tracks], later_s)
        except UnsupportedCodecError as error:
            raise RecordingError(RecordingFault.UNSUPPORTED, str(error)) from None
        self._span = span
        self._shift_s = 0.0

    def write(self, span: Span, packets: Packets) -> None:
        """Write packets of a span; a further span's time stamps are made to go on."""
        if span is not self._span:
            self._span = span
            self._shift_s = self._zero_s - span.zero_s
            self._check(span)
            self._shift_s += max(0.0, *(self._overlap_s(track, packets) for track in span.tracks))
        for track in span.tracks:
            kind = self._kinds.get(track.stream.type)
            mine = [packet for packet in packets if packet.stream_index == track.index]
            if kind is None:
                packets = [packet for packet in packets if packet.stream_index != track.index]
            elif mine:
                if shift := round(self._shift_s / track.tick_s):
                    _shift(mine, shift, kind.last_s / track.tick_s)
                kind.last_s, kind.step_s = mine[-1].dts * track.tick_s, track.step_s
                if kind.place != track.index:
                    for packet in mine:
                        packet.stream = self.file.streams[kind.place]
        self.file.write(packets)

    def count(self, span: Span, start_s: float, end_s: float) -> None:
        """Take note of what a span that was written had of the one asked for."""
        main = span.tracks[0]
        first_s, last_s = max(span.begins_s, start_s, self.ends_s), min(main.ends_s, end_s)
        if last_s > first_s:
            gaps_s = sum(max(0.0, min(to_s, last_s) - max(from_s, first_s)) for from_s, to_s in main.gaps)
            self.covered_s += last_s - first_s - gaps_s
        self.ends_s = max(self.ends_s, last_s)

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

    def _overlap_s(self, track: Track, packets: Packets) -> float:
        """Return by how much a stream would begin before its packets that were written end."""
        kind = self._kinds.get(track.stream.type)
        first: int | None = next(
            (packet.dts for packet in packets if packet.stream_index == track.index), None
        )
        if kind is None or first is None:
            return 0.0
        return kind.last_s + kind.step_s - (first * track.tick_s + self._shift_s)


class _Kind:
    """One stream of the film: the video or the audio."""

    def __init__(self, place: int, track: Track) -> None:
        self.place = place
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
