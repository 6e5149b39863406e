"""Opens media with FFmpeg: live addresses and files as mono 16 kHz audio, and the bytes of recordings.

The one door to PyAV for what is read: whoever needs its types takes them from here.

What PyAV 18.1 does at the end of an RTMP stream, tried against ffmpeg's own server: whether the publisher
ends in order, is killed, or its server is, reading raises OSError 5 once the socket closes; only servers that
say "stream ended" first (nginx-rtmp with idle_streams off) make the loop end normally. Both are reported as
they are, and whoever reads a live source takes either for a lost connection.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from typing import Any, NoReturn, cast

import av
import av.container.core
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream as AudioStream
from av.container import InputContainer as InputContainer
from av.error import FFmpegError as FFmpegError
from av.packet import Packet as Packet
from av.stream import Discard as Discard
from av.stream import Disposition as Disposition
from av.stream import Stream as Stream
from av.video.stream import VideoStream as VideoStream

from config.errors import AudiowardenError
from pipeline import limits
from pipeline.audio import SAMPLE_RATE_HZ, Pcm
from pipeline.blocks import Block
from pipeline.framing import FRAMED, codec_of
from pipeline.interrupt import INTERRUPT, NEVER_S
from pipeline.reading import SILENT_S, Reading, other_codec
from pipeline.recording.tap import Tap
from pipeline.shaper import BLOCK_S, Shape, Shaper
from pipeline.source import SourceError, SourceFault

GATHER_S = 0.1
MAX_GATHERED = 64
"""Packets are decoded so many at a time; the next block cannot be complete much before."""
SEEK_MARGIN_S = 5.0
"""Seeking is not exact and the frames after it may have no time stamps, so it goes a little further back."""
BUFFER_BYTES = 256 * 1024
"""What FFmpeg reads of a stretch at once: each read is a call of Python."""
RECORDED_FORMATS = "mpegts,mov,mp4,flv,matroska,webm,ogg,mp3,aac,wav,flac"
"""What a stretch may be taken for: nothing that leads to other files."""
TIME_BASE = av.time_base
"""Of a container's own times: parts of a second."""

ctypes.CDLL(av.container.core.__file__).av_max_alloc(ctypes.c_size_t(limits.MAX_ALLOCATION_BYTES))
av.container.core.time = INTERRUPT  # type: ignore[attr-defined]  # not declared; tests/pipeline guards it

FAILURES = (FFmpegError, OSError, ValueError, LookupError, AudiowardenError)
"""What opening and reading may raise; anything else is a mistake in this program."""


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
            with av.open(
                opening.url,
                format=opening.format,
                options=opening.options | {"max_streams": str(limits.MAX_STREAMS)},
                io_open=opening.io_open,
                # Titles come in any encoding, and nobody reads them.
                metadata_errors="replace",
                # They never come by themselves: they are what INTERRUPT acts on.
                timeout=(NEVER_S, NEVER_S),
            ) as container:
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
        length_s = (container.duration or 0) / av.time_base
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
        broken: Exception | None = None
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
        except FAILURES as error:
            broken = error
        try:
            yield from self._decoded(decoder, gathered)
            if broken is not None:
                raise broken
        finally:
            # A frame and the error that it holds would keep each other, and all that FFmpeg opened.
            del broken

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


class Decoder:
    """Decodes one stream's packets, and goes on with another codec where they do.

    Of MPEG-TS whose audio changes its codec in its place FFmpeg tells the new one nobody: packets come on.
    """

    def __init__(self, stream: AudioStream, *, framed: bool) -> None:
        """`framed`: packets begin as `codec_of` expects."""
        self._own = self._decode = stream.decode
        context = cast("AudioCodecContext | None", stream.codec_context)  # none where there is no decoder
        self._codec = context.codec.canonical_name if context is not None else None
        self._framed = framed
        self.changed = False
        """Whether the codec has changed: FFmpeg reckons time stamps within a packet by the old one's rate."""

    def decode(self, packet: Packet[Any]) -> list[AudioFrame]:
        """Return what a packet completes. Raises FFmpegError and ValueError when it cannot be decoded."""
        try:
            return self._decode(packet)
        except (FFmpegError, ValueError):
            codec = codec_of(memoryview(packet)) if self._framed else None
            if codec == self._codec or (codec is None and not self.changed):
                raise
        if codec is None:
            # What was taken for another codec may have been damage: the stream's own need not say itself.
            decode = self._own
        else:
            decode = cast("AudioCodecContext", AudioCodecContext.create(codec, "r")).decode
        frames = decode(packet)
        self._decode, self._codec, self.changed = decode, codec, True
        return frames


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
    seek_s = min(start_s, container.duration / av.time_base) if container.duration else start_s
    seek_s -= SEEK_MARGIN_S
    if seek_s <= 0 or stream.time_base is None:
        return 0.0
    try:
        container.seek(round((zero_s + seek_s) / stream.time_base), stream=stream)
    except FFmpegError:
        # From the beginning then: whoever takes the audio leaves out what was settled.
        return 0.0
    return seek_s


class MonoResampling:
    """Resamples frames of one format to mono 16 bit, a block at a time.

    Resampling a block at once costs a tenth of resampling its frames one by one.
    """

    def __init__(self, from_hz: int, rate_hz: int, block_s: float) -> None:
        self.rate_hz = rate_hz
        self._resampler = AudioResampler("s16", "mono", rate_hz, frame_size=round(block_s * rate_hz))
        self._fifo = AudioFifo()
        self._enough = from_hz * block_s

    def push(self, frame: AudioFrame, /) -> list[Pcm]:
        """Take a frame; return what is complete."""
        frame.pts = None
        self._fifo.write(frame)
        return self._resampled(self._fifo.read()) if self._fifo.samples >= self._enough else []

    def flush(self) -> list[Pcm]:
        """Return what is left. Nothing is pushed afterwards."""
        left = self._resampled(self._fifo.read()) if self._fifo.samples else []
        return left + self._resampled(None)

    def _resampled(self, frame: AudioFrame | None) -> list[Pcm]:
        pieces: list[Pcm] = []
        for each in self._resampler.resample(frame):
            pcm = np.ascontiguousarray(each.to_ndarray()).reshape(-1)
            pieces.append(pcm.astype(np.int16, copy=False))
        return pieces


def to_blocks(from_hz: int) -> MonoResampling:
    """Make what resamples frames of a rate to blocks."""
    return MonoResampling(from_hz, SAMPLE_RATE_HZ, BLOCK_S)


def shape(frame: AudioFrame) -> Shape:
    """Say what a frame says about itself."""
    return Shape(frame.time, frame.samples, frame.sample_rate, f"{frame.format.name} {frame.layout.name}")


def open_tap(tap: Tap, container: str | None) -> InputContainer:
    """Open the bytes of a stretch; `container`: FFmpeg's name of the demuxer, None to find it out.

    Whatever the bytes say, FFmpeg opens nothing else. Raises what FAILURES lists.
    """
    options = {
        "protocol_whitelist": "none",
        "format_whitelist": RECORDED_FORMATS,
        "max_streams": str(limits.MAX_STREAMS),
    }
    return av.open(
        tap,
        "r",
        format=container,
        options=options,
        metadata_errors="replace",
        buffer_size=BUFFER_BYTES,
        io_open=_nothing_else,
    )


def _nothing_else(*_: object) -> NoReturn:
    raise PermissionError("a recording may not name other files")
