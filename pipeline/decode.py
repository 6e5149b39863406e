"""Opens an address or a local file with FFmpeg and yields mono 16 kHz audio with its media time.

What PyAV 18.1 does at the end of an RTMP stream, tried against ffmpeg's own server: whether the publisher
ends in order, is killed, or its server is, reading raises OSError 5 once the socket closes; only servers that
say "stream ended" first (nginx-rtmp with idle_streams off) make the loop end normally. Both are reported as
they are, and whoever reads a live source takes either for a lost connection.
"""

from __future__ import annotations

import ctypes
import math
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import av
import av.container.core
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Discard, Stream

from config.errors import AudiowardenError
from pipeline import limits
from pipeline.audio import SAMPLE_RATE_HZ, Pcm
from pipeline.blocks import Block, Progress
from pipeline.interrupt import NEVER_S, InterruptClock
from pipeline.network.parts import Part
from pipeline.source import SourceError, SourceFault

BLOCK_S = 0.25
BLOCK_SAMPLES = round(BLOCK_S * SAMPLE_RATE_HZ)
"""Audio is handed on in quarters of a second: less work per frame, and a window is at most that late."""
GATHER_S = 0.1
MAX_GATHERED = 64
"""Packets are decoded so many at a time; the next block cannot be complete much before."""
JITTER_S = 0.06
LEAP_S = 0.5
SETTLED_S = 1.0
"""A time stamp that is off by more than LEAP_S is believed at once, one that is off by more than JITTER_S
when those of a whole second are: publishers that stamp by the wall clock jitter by more than a frame."""
SEEK_MARGIN_S = 5.0
"""Seeking is not exact and the frames after it may have no time stamps, so it goes a little further back."""

ctypes.CDLL(av.container.core.__file__).av_max_alloc(ctypes.c_size_t(limits.MAX_ALLOCATION_BYTES))

INTERRUPT = InterruptClock()
av.container.core.time = INTERRUPT  # type: ignore[attr-defined]  # not declared; tests/pipeline guards it


IoOpen = Callable[[str, int, dict[str, str]], Part]
FAILURES = (FFmpegError, OSError, ValueError, LookupError, AudiowardenError)
"""What opening and reading may raise; anything else is a mistake in this program."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What FFmpeg is to open, and how."""

    url: str
    options: dict[str, str] = field(default_factory=dict)
    io_open: IoOpen | None = None
    """Opens the address itself and every further part; None: FFmpeg does."""
    format: str | None = None
    """FFmpeg's name of the container, where it is known beforehand."""


class MediaReader:
    """Reads one address or file once. `blocks` belongs to one thread, `cancel` may be called from any."""

    def __init__(self, on_bad_packet: Callable[[int], None]) -> None:
        """`on_bad_packet` gets the count so far, at most once a second."""
        self.progress = Progress()
        self._on_bad_packet = on_bad_packet
        self._bad_since: float | None = None
        self._bad_in_a_row = 0
        self._told_at = -math.inf
        self._lock = threading.Lock()
        self._thread: int | None = None
        self.cancelled = False

    @property
    def live(self) -> bool:
        """Whether this is a live stream, as far as is known by now (for certain when it is opened)."""
        return False

    @property
    def bursts(self) -> bool:
        """Whether audio comes in pieces of several seconds rather than steadily."""
        return False

    @property
    def patient(self) -> bool:
        """Whether the remote side can be kept waiting without losing what it sent."""
        return True

    def blocks(self, start_s: float = 0.0) -> Generator[Block, None, None]:
        """Open, and yield audio until it ends or `cancel` is called; a recording from about `start_s` on.

        Raises SourceError when it cannot be opened, or breaks off. Never ends quietly for any other reason.
        """
        with self._lock:
            if self.cancelled:
                return
            self._thread = threading.get_ident()
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
                yield from self._read(container, start_s)
        except FAILURES as error:
            if not self.cancelled:
                raise self.failure(error) from None
        finally:
            self._close()
            with self._lock:
                INTERRUPT.forget(self._thread)
                self._thread = None

    def cancel(self) -> None:
        """Make `blocks` end within moments, whatever it waits for. Safe to call twice."""
        with self._lock:
            self.cancelled = True
            if self._thread is not None:
                INTERRUPT.cancel(self._thread)

    @staticmethod
    def give_up() -> None:
        """Make the calling thread's calls into FFmpeg end, from within one of them."""
        INTERRUPT.cancel(threading.get_ident())

    def stalled(self, timeout_s: float) -> SourceError:
        """Say why nothing was heard for so long, for an owner that gives up waiting."""
        progress = self.progress
        if progress.opened_at is None:
            return SourceError(SourceFault.CANNOT_OPEN, "the stream did not begin in time")
        if progress.others_at is not None and time.monotonic() - progress.others_at < timeout_s:
            return SourceError(SourceFault.NO_AUDIO, f"no audio for {timeout_s:g} s, though other data comes")
        return SourceError(SourceFault.CANNOT_OPEN, f"no audio for {timeout_s:g} s")

    def _address(self) -> Opening:
        """What to open. Called in the reading thread; may block; raises SourceError."""
        raise NotImplementedError

    def failure(self, error: Exception) -> SourceError:
        """Say what an error means, without the address."""
        if isinstance(error, SourceError):
            return error
        if isinstance(error, PermissionError):
            return SourceError(SourceFault.NO_SUCH_STREAM, "the server refuses to play this stream")
        if isinstance(error, ConnectionRefusedError):
            return SourceError(SourceFault.CANNOT_OPEN, "the server refuses the connection")
        if isinstance(error, (ValueError, LookupError, EOFError)):
            return SourceError(SourceFault.INVALID_DATA, "the data is in no format that can be read")
        if self.progress.opened_at is not None:
            return SourceError(SourceFault.CANNOT_OPEN, "the connection broke off")
        return SourceError(SourceFault.CANNOT_OPEN, "the address cannot be opened")

    def _read(self, container: InputContainer, start_s: float) -> Iterator[Block]:
        if not container.streams.audio:
            raise SourceError(SourceFault.NO_AUDIO, "the stream has no audio")
        stream = container.streams.audio[0]
        zero_s = 0.0
        seek_s = 0.0
        if not self.live and stream.time_base is not None:
            zero_s = float((stream.start_time or 0) * stream.time_base)
            seek_s = start_s - SEEK_MARGIN_S if self._seekable else 0.0
            if seek_s > 0:
                container.seek(round((zero_s + seek_s) / stream.time_base), stream=stream)
        watched = self._discard_others(container, stream)
        self.progress.opened_at = time.monotonic()
        shaper = _Shaper(zero_s, wait_for_time=seek_s > 0)
        broken: Exception | None = None
        try:
            for frame in self._frames(container, stream, watched):
                yield from self._noting(shaper.push(frame))
        except FAILURES as error:
            broken = error
        yield from self._noting(shaper.flush())
        broken = broken or self._broken()
        if broken is not None:
            raise broken
        if not self.progress.heard_s and not self.cancelled:
            if self.progress.bad_packets:
                raise SourceError(SourceFault.INVALID_DATA, "none of the audio can be decoded")
            raise SourceError(SourceFault.NO_AUDIO, "the stream ended without any audio")

    def _close(self) -> None:
        """Let go of what FFmpeg did not close."""

    def _broken(self) -> Exception | None:
        """Why the data ended, when FFmpeg takes for an end what is a failure."""
        return None

    @property
    def _seekable(self) -> bool:
        return True

    def _noting(self, blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            self.progress.hear(block.pcm)
            yield block

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
        """
        gathered: list[Packet[Any]] = []
        gathered_s = packet_s = 0.0
        broken: Exception | None = None
        try:
            for packet in container.demux(stream, *others):
                if self.cancelled:
                    break
                if packet.stream_index != stream.index:
                    self.progress.others_at = time.monotonic()
                    continue
                gathered.append(packet)
                if packet.duration and packet.time_base:
                    packet_s = float(packet.duration * packet.time_base)
                gathered_s += packet_s
                if gathered_s >= GATHER_S or len(gathered) >= MAX_GATHERED or not packet_s:
                    yield from self._decoded(stream, gathered)
                    gathered, gathered_s = [], 0.0
        except FAILURES as error:
            broken = error
        yield from self._decoded(stream, gathered)
        if broken is not None:
            raise broken

    def _decoded(self, stream: AudioStream, packets: list[Packet[Any]]) -> Iterator[AudioFrame]:
        """Decode what can be; raise SourceError when nothing could be for a while."""
        for packet in packets:
            try:
                frames = stream.decode(packet)
            except (FFmpegError, ValueError) as error:
                self._note_bad_packet(error)
                continue
            if frames:
                self._bad_since, self._bad_in_a_row = None, 0
            yield from frames

    def _note_bad_packet(self, error: Exception) -> None:
        now = time.monotonic()
        self._bad_since = now if self._bad_since is None else self._bad_since
        self._bad_in_a_row += 1
        self.progress.bad_packets += 1
        if now - self._told_at >= 1.0:
            self._told_at = now
            self._on_bad_packet(self.progress.bad_packets)
        if self._bad_in_a_row >= limits.BAD_PACKETS and now - self._bad_since >= limits.BAD_DATA_S:
            raise SourceError(SourceFault.INVALID_DATA, "nothing but undecodable audio arrives") from error


class _Shaper:
    """Resamples frames to mono 16 kHz blocks, and keeps their media time.

    Time is the first frame's, plus what was decoded since: exact to the sample. Only when the frames' own
    time stamps disagree for good the block is ended and the time stamp believed.
    """

    def __init__(self, zero_s: float, *, wait_for_time: bool) -> None:
        """With `wait_for_time`, drop what comes before the first time stamp (after a seek)."""
        self._zero_s = zero_s
        self._wait_for_time = wait_for_time
        self._resampler: AudioResampler | None = None
        self._fifo = AudioFifo()
        """Resampling a block at once costs a tenth of resampling its frames one by one."""
        self._format: tuple[str, str, int] | None = None
        self._anchor_s = 0.0
        self._in_s = 0.0
        """Seconds taken in since the anchor."""
        self._out = 0
        """Samples given out since the anchor."""
        self._off_for_s = 0.0

    def push(self, frame: AudioFrame) -> Iterator[Block]:
        """Take a frame; yield the blocks that it completes. Raises SourceError for rates that nothing has."""
        if not limits.MIN_RATE_HZ <= frame.sample_rate <= limits.MAX_RATE_HZ:
            text = f"the audio claims {frame.sample_rate} samples a second"
            raise SourceError(SourceFault.INVALID_DATA, text)
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        time_s = None if frame.time is None else frame.time - self._zero_s
        expected_s = self._anchor_s + self._in_s
        if time_s is None or not math.isfinite(time_s):
            if self._wait_for_time:
                return
            time_s = expected_s
        self._wait_for_time = False
        duration_s = frame.samples / frame.sample_rate
        off_s = abs(time_s - expected_s)
        self._off_for_s = self._off_for_s + duration_s if off_s > JITTER_S else 0.0
        jumped = off_s > LEAP_S or self._off_for_s > SETTLED_S
        if self._resampler is None or jumped or form != self._format:
            yield from self.flush()
            # A change of format alone must not move the time: stamps are rounded, samples are not.
            self._anchor_s = time_s if jumped or self._format is None else expected_s
            self._in_s = self._off_for_s = 0.0
            self._out = 0
            self._format = form
            self._resampler = AudioResampler("s16", "mono", SAMPLE_RATE_HZ, frame_size=BLOCK_SAMPLES)
            self._fifo = AudioFifo()
        self._in_s += duration_s
        frame.pts = None
        self._fifo.write(frame)
        if self._fifo.samples >= frame.sample_rate * BLOCK_S:
            yield from self._blocks(self._resampler.resample(self._fifo.read()))

    def flush(self) -> Iterator[Block]:
        """Yield what is left in the resampler."""
        if self._resampler is not None:
            if self._fifo.samples:
                yield from self._blocks(self._resampler.resample(self._fifo.read()))
            yield from self._blocks(self._resampler.resample(None))
            self._resampler = None

    def _blocks(self, frames: list[AudioFrame]) -> Iterator[Block]:
        for frame in frames:
            pcm: Pcm = np.ascontiguousarray(frame.to_ndarray()).reshape(-1).astype(np.int16, copy=False)
            yield Block(self._anchor_s + self._out / SAMPLE_RATE_HZ, pcm)
            self._out += len(pcm)
