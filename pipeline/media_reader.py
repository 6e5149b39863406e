"""Reads live addresses and files as mono 16 kHz audio.

What PyAV 18.1 does at the end of an RTMP stream, tried against ffmpeg's own server: whether the publisher
ends in order, is killed, or its server is, reading raises OSError 5 once the socket closes; only servers that
say "stream ended" first (nginx-rtmp with idle_streams off) make the loop end normally. Both are reported as
they are, and whoever reads a live source takes either for a lost connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from typing import Any

from pipeline.blocks import Block
from pipeline.decode import (
    FAILURES,
    MAX_GATHERED,
    SEEK_MARGIN_S,
    TIME_BASE,
    AudioFrame,
    AudioStream,
    Decoder,
    Discard,
    Disposition,
    FFmpegError,
    InputContainer,
    Packet,
    Stream,
    open_media,
    shape,
    to_blocks,
)
from pipeline.framing import FRAMED
from pipeline.reading import SILENT_S, Reading, other_codec
from pipeline.shaper import Shaper
from pipeline.source import SourceError, SourceFault

GATHER_S = 0.1
"""The next block cannot be complete much before."""


class MediaReader(Reading):
    """Reads one address or file once. `blocks` belongs to one thread, `cancel` may be called from any."""

    def blocks(self, start_s: float = 0.0) -> Generator[Block, None, None]:
        """Open, and yield audio until it ends or `cancel` is called; a recording from about `start_s` on.

        A live stream whose audio goes on with another codec is opened again at once, and goes on; MPEG-TS
        needs not even that. Any other recording is read to its end, and is then a failure.
        Raises SourceError when it cannot be opened, or breaks off. Never ends quietly for any other reason.
        """
        while self._begin():
            self._changed = False
            try:
                yield from self._once(start_s)
            finally:
                self._end()
            if not self._changed:
                return

    def _once(self, start_s: float) -> Iterator[Block]:
        try:
            opening = self._address()
            with open_media(opening) as container:
                self.progress.format = container.format.name
                another = _another_audio(container)
                with self._watching_for(another) if self.live else nullcontext():
                    yield from self._read(container, start_s, another)
        except FAILURES as error:
            if not self.cancelled and not self._changed:
                raise self.failure(error) from None
        finally:
            self._close()

    def _read(
        self, container: InputContainer, start_s: float, another: Callable[[], bool]
    ) -> Iterator[Block]:
        if not container.streams.audio:
            raise SourceError(SourceFault.NO_AUDIO, "the stream has no audio")
        stream = container.streams.audio[0]
        zero_s = seek_s = 0.0
        if not self.live and stream.time_base is not None:
            zero_s = float((stream.start_time or 0) * stream.time_base)
            seek_s = _seek(container, stream, zero_s, start_s) if self._seekable else 0.0
        watched = self._discard_others(container, stream)
        self.progress.opened_at = time.monotonic()
        shaper = Shaper(zero_s, to_blocks, wait_for_time=seek_s > 0)
        broken: Exception | None = None
        try:
            for frame in self._frames(container, stream, watched):
                yield from self._noting(shaper.push(frame, shape(frame)))
        except FAILURES as error:
            broken = error
        try:
            yield from self._noting(shaper.flush())
            if isinstance(broken, IndexError) and not self.live:
                # PyAV has no place for a stream that comes later.
                raise other_codec()
            broken = broken or self._broken()
            if broken is not None:
                raise broken
        finally:
            del broken
        # What is read from a place on has been heard before: the place may be its end.
        if not self.progress.heard_s and not self.cancelled and start_s <= 0:
            if self.progress.bad_packets:
                raise SourceError(SourceFault.INVALID_DATA, "none of the audio can be decoded")
            raise SourceError(SourceFault.NO_AUDIO, "the stream ended without any audio")
        if self.live or self.cancelled or not self._lacks(container, seek_s):
            return
        if another() or self._only_bad():
            raise other_codec()

    def _lacks(self, container: InputContainer, seek_s: float) -> bool:
        """Whether less of a recording was heard than there is; if nobody says how much that is, it may be."""
        length_s = (container.duration or 0) / TIME_BASE
        return not length_s or length_s - seek_s - self.progress.heard_s > SILENT_S

    @staticmethod
    def _discard_others(container: InputContainer, stream: AudioStream) -> list[Stream]:
        """Choose the streams to watch: a playlist's other variants must not be fetched at all."""
        others = [other for other in container.streams if other.index != stream.index]
        if len(others) > 1:
            for other in others:
                other.discard = Discard.all
            return []
        return others

    def _frames(
        self, container: InputContainer, stream: AudioStream, others: list[Stream]
    ) -> Iterator[AudioFrame]:
        """Gather packets and decode a few at a time: one by one, as a live stream brings them, the decoder's
        and resampler's code and data leave the cache in between, which doubles what they cost.

        Where a live stream's audio stops and another one that is watched goes on, that one is read.
        """
        framed = container.format.name in FRAMED
        decoder = Decoder(stream, framed=framed)
        gathered: list[Packet[Any]] = []
        gathered_s = packet_s = 0.0
        try:
            for packet in container.demux(stream, *others):
                if self.cancelled:
                    break
                if packet.stream_index != stream.index:
                    self.progress.others_at = time.monotonic()
                    other = packet.stream
                    if (
                        not isinstance(other, AudioStream)
                        or not self.live
                        or not self._silent(time.monotonic())
                    ):
                        continue
                    yield from self._decoded(decoder, gathered)
                    stream, gathered, gathered_s = other, [], 0.0
                    decoder = Decoder(stream, framed=framed)
                gathered.append(packet)
                if packet.duration and packet.time_base:
                    packet_s = float(packet.duration * packet.time_base)
                gathered_s += packet_s
                if gathered_s >= GATHER_S or len(gathered) >= MAX_GATHERED or not packet_s:
                    yield from self._decoded(decoder, gathered)
                    gathered, gathered_s = [], 0.0
        except FAILURES:
            # It has no name here: a frame and the error it holds would keep each other, and the container.
            yield from self._decoded(decoder, gathered)
            raise
        yield from self._decoded(decoder, gathered)

    def _decoded(self, decoder: Decoder, packets: list[Packet[Any]]) -> Iterator[AudioFrame]:
        """Decode what can be; raise SourceError when nothing could be for a while."""
        for packet in packets:
            try:
                frames = decoder.decode(packet)
            except (FFmpegError, ValueError) as error:
                self._note_bad_packet(error)
                continue
            if frames:
                self._note_good_packet()
            yield from frames


def _another_audio(container: InputContainer) -> Callable[[], bool]:
    """Return what says whether audio has come that `container.streams` does not show.

    FLV and MPEG-TS may change the codec, which FFmpeg makes a stream of its own, and PyAV 18.1 shows only
    those that there were when it opened. FFmpeg's choice of the best one knows all of them.
    """
    for each in container.streams.audio:
        each.disposition = Disposition.hearing_impaired | Disposition.visual_impaired

    def another() -> bool:
        try:
            container.streams.best("audio")
        except IndexError:
            return True
        return False

    return another


def _seek(container: InputContainer, stream: AudioStream, zero_s: float, start_s: float) -> float:
    """Go to a little before `start_s`; return where to, or 0 for the beginning.

    No demuxer goes behind a recording's end. One that was read to its last window and broke off before its
    end was told is read from before its end again, so that it ends as others do.
    """
    seek_s = min(start_s, container.duration / TIME_BASE) if container.duration else start_s
    seek_s -= SEEK_MARGIN_S
    if seek_s <= 0 or stream.time_base is None:
        return 0.0
    try:
        container.seek(round((zero_s + seek_s) / stream.time_base), stream=stream)
    except FFmpegError:
        # From the beginning then: whoever takes the audio leaves out what was settled.
        return 0.0
    return seek_s
