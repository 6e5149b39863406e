"""Packets of a recording as they are: with rising time stamps, from a key frame on, until an end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import sub
from typing import Any

from pipeline.decode import Stream
from pipeline.recording.media import Media
from pipeline.recording.recording import RecordingError, RecordingFault

Packets = list[Any]
"""FFmpeg's packets. Their stamps may be missing only until a Track has steadied them."""
AT_ONCE = 256
"""Packets are handled in lists: what is done for each of them in Python is most of what a copy costs."""
BACK_S = 12.0
"""FFmpeg seeks in MPEG-TS by guessing, and not to key frames."""
FARTHEST_BACK_S = 120.0
SAME_S = 0.001
"""Time stamps are rounded by up to so much."""
LEAP_S = 1.0
"""Stamps that go back farther than that begin anew."""
MAX_HELD_BYTES = 64 * 1024 * 1024
"""What is kept while looking for the last key frame before the start: a minute of 8 Mbit/s."""
MAX_APART_S = 10.0
"""So far behind the end of a span no packet of another stream is waited for."""
MAX_REORDERED = 17
"""No codec has more pictures decoded before one that is shown before them (H.264: 16)."""
MAX_REORDER_S = 2.0
"""Pictures are shown at most so long after they are decoded."""


class Track:
    """One stream of an opened stretch."""

    def __init__(self, stream: Stream, zero_s: float) -> None:
        """`zero_s` is what the stream's clock says at the beginning of the recording's timeline."""
        self.stream = stream
        self.index = stream.index
        self.tick_s = float(stream.time_base or 1)
        self._zero_s = zero_s
        self._shift = 0
        self._last: int | None = None
        self._shown = 0
        """The latest stamp at which a packet is shown."""
        self._step = 1
        self.gaps: list[tuple[float, float]] = []
        """Where, on the recording's timeline, it has nothing for longer than LEAP_S: from and to."""

    @property
    def ends_s(self) -> float:
        """Where on the timeline the packets that were seen end."""
        return self.seconds(self._shown + self._step) if self._last is not None else 0.0

    @property
    def step_s(self) -> float:
        """How long it lasted."""
        return self._step * self.tick_s

    def ticks(self, time_s: float) -> int:
        """Return the stamp for a second of the recording's timeline."""
        return round((time_s + self._zero_s) / self.tick_s)

    def seconds(self, ticks: int) -> float:
        """Return the second of the recording's timeline for a stamp."""
        return ticks * self.tick_s - self._zero_s

    def steady(self, packets: Packets) -> None:
        """Make the decoding stamps of the stream's next packets rise, and set those that are not there."""
        if not packets:
            return
        stamps = [packet.dts for packet in packets]
        if self._last is not None:
            stamps.insert(0, self._last)
        steps = list(map(sub, stamps[1:], stamps)) if not self._shift and None not in stamps else [0]
        if not steps:
            self._last = stamps[-1]
            packets[0].pts = packets[0].pts if packets[0].pts is not None else self._last
        elif min(steps) > 0 and max(steps) * self.tick_s <= LEAP_S:
            self._last, self._step = stamps[-1], steps[-1]
        else:
            for packet in packets:
                self._steady(packet)
        self._shown = max(packet.pts for packet in packets[-MAX_REORDERED:])

    def _steady(self, packet: Any) -> None:
        due = self._last + self._step if self._last is not None else 0
        dts = packet.dts if packet.dts is not None else packet.pts
        pts = packet.pts if packet.pts is not None else dts
        if dts is None or pts is None:
            dts = pts = due - self._shift
        dts, pts = dts + self._shift, pts + self._shift
        if self._last is not None and dts <= self._last:
            if (self._last - dts) * self.tick_s > LEAP_S:
                self._shift += due - dts
                dts, pts = due, pts + due - dts
            else:
                dts = self._last + 1
        if self._last is not None and (dts - due) * self.tick_s > LEAP_S:
            self.gaps.append((self.seconds(due), self.seconds(dts)))
        packet.dts, packet.pts = dts, max(pts, dts)
        self._step = packet.duration or self._step
        self._last = dts


class Span:
    """The packets of an opened stretch that a span of the recording needs: from a key frame on."""

    def __init__(
        self, media: Media, streams: Sequence[Stream], start_s: float, end_s: float, lead_s: float = 0.0
    ) -> None:
        """It begins with a key frame of the first of the streams; the others may begin `lead_s` before."""
        self._lead_s = lead_s
        self._media = media
        self.zero_s = media.zero_s
        """What the stretch's clock says at the beginning of the recording's timeline."""
        self._start_s = start_s
        self._end_s = end_s
        self.tracks = [Track(stream, media.zero_s) for stream in streams]
        self.begins_s = start_s
        """Where on the timeline the first stream's first packet is shown, once that was yielded."""

    def packets(self) -> Iterator[Packets]:
        """Yield the packets, in the file's order. The first is a key frame: the last before the start, or
        where there is none the first. Raises RecordingError.
        """
        back_s = BACK_S
        while True:
            sought = self._media.seek(self.tracks[0].stream, self._start_s - back_s)
            chunks = self._from_key(self._steady())
            first = next(chunks, None)
            if not sought or (first is not None and self.begins_s <= self._start_s + SAME_S):
                break
            back_s = FARTHEST_BACK_S if back_s < FARTHEST_BACK_S else math.inf
            self.tracks = [Track(track.stream, self._media.zero_s) for track in self.tracks]
        if first is not None:
            yield from self._until_end(chain((first,), chunks))

    def _steady(self) -> Iterator[Packets]:
        streams = [track.stream for track in self.tracks]
        for demuxed in self._media.packets(*streams, at_once=AT_ONCE):
            # The last ones are empty: they are meant for decoders.
            packets = demuxed if demuxed[-1].size else [packet for packet in demuxed if packet.size]
            for track in self.tracks:
                if mine := [packet for packet in packets if packet.stream_index == track.index]:
                    track.steady(mine)
            yield packets

    def _from_key(self, chunks: Iterator[Packets]) -> Iterator[Packets]:
        """Leave out what comes before the key frame. Nothing is yielded before that one is known."""
        main = self.tracks[0]
        start = main.ticks(self._start_s)
        opening = _Opening(main, self.tracks, start, self._lead_s)
        for packets in chunks:
            for place, packet in enumerate(packets, 1):
                opening.take(packet)
                if opening.key is not None and packet.stream_index == main.index and packet.dts > start:
                    self.begins_s = main.seconds(opening.key)
                    yield from self._from_begin(chain((opening.held + packets[place:],), chunks))
                    return
        if opening.key is not None:
            self.begins_s = main.seconds(opening.key)
            yield opening.held

    def _from_begin(self, chunks: Iterator[Packets]) -> Iterator[Packets]:
        """Leave out what other streams have in the file behind the key frame, but play before it."""
        begins = {track.index: track.ticks(self.begins_s - self._lead_s) for track in self.tracks[1:]}
        for packets in chunks:
            early = [each for each in packets if each.pts < begins.get(each.stream_index, each.pts)]
            for index in {each.stream_index for each in packets} - {each.stream_index for each in early}:
                begins.pop(index, None)
            yield [each for each in packets if each not in early] if early else packets
            if not begins:
                break
        yield from chunks

    def _until_end(self, chunks: Iterator[Packets]) -> Iterator[Packets]:
        """Leave out what is shown behind the end, except pictures that others before it are made of."""
        if math.isinf(self._end_s):
            yield from chunks
            return
        near = {track.index: track.ticks(self._end_s - MAX_REORDER_S) for track in self.tracks}
        ends = {track.index: track.ticks(self._end_s) for track in self.tracks}
        over = {track.index: track.ticks(self._end_s + MAX_APART_S) for track in self.tracks}
        ended: set[int] = set()
        waiting: Packets = []
        for packets in chunks:
            if all(packet.dts < near[packet.stream_index] for packet in packets):
                yield packets
                continue
            kept: Packets = []
            for packet in packets:
                index = packet.stream_index
                if packet.dts >= ends[index]:
                    ended.update(over if packet.dts >= over[index] else (index,))
                elif packet.pts >= ends[index]:
                    waiting.append(packet)
                else:
                    if index == self.tracks[0].index:
                        kept += waiting
                        waiting = []
                    kept.append(packet)
            yield kept
            if len(ended) == len(self.tracks):
                return


class _Opening:
    """What is kept until it is known with which key frame a span begins."""

    def __init__(self, main: Track, tracks: list[Track], start: int, lead_s: float) -> None:
        self._main = main
        self._lead_s = lead_s
        self._tracks = {track.index: track for track in tracks}
        self._start = start
        self._bytes = 0
        self._video = main.stream.type == "video"
        self.held: Packets = []
        self.key: int | None = None
        """The stamp at which the key frame is shown."""

    def take(self, packet: Any) -> None:
        """Take the next packet. Raises RecordingError when too many had to be kept."""
        if packet.stream_index == self._main.index and self._begins(packet):
            self.key = packet.pts
            begins_s = self._main.seconds(packet.pts) - self._lead_s
            self.held = [each for each in self.held if self._is_other_from(each, begins_s)]
            self._bytes = sum(each.size for each in self.held)
        elif packet.stream_index == self._main.index and (self.key is None or packet.pts < self.key):
            # It cannot be decoded without what came before the key frame.
            return
        self.held.append(packet)
        self._bytes += packet.size
        if self._bytes > MAX_HELD_BYTES:
            raise RecordingError(RecordingFault.UNSUPPORTED, "the recording's key frames lie too far apart")

    def _begins(self, packet: Any) -> bool:
        if not self._video:
            return self.key is None and packet.pts + (packet.duration or 0) > self._start
        return packet.is_keyframe and (self.key is None or packet.pts <= self._start)

    def _is_other_from(self, packet: Any, begins_s: float) -> bool:
        track = self._tracks[packet.stream_index]
        return track is not self._main and track.seconds(packet.pts) >= begins_s
