"""Opens an address or a local file with FFmpeg and yields mono 16 kHz audio with its media time.

What PyAV 18.1 does at the end of an RTMP stream, tried against ffmpeg's own server: whether the publisher
ends in order, is killed, or its server is, reading raises OSError 5 once the socket closes; only servers that
say "stream ended" first (nginx-rtmp with idle_streams off) make the loop end normally. Both are reported as
they are, and whoever reads a live source takes either for a lost connection.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import av
import av.container.core
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Discard, Stream

from config.errors import AudiowardenError
from config.settings import NetworkSettings
from pipeline.addresses import AddressPolicy
from pipeline.audio import SAMPLE_RATE_HZ, Pcm
from pipeline.blocks import Block, Progress
from pipeline.fetch import GuardedOpener, pin_rtmp
from pipeline.interrupt import NEVER_S, InterruptClock
from pipeline.parts import Parts
from pipeline.source import SourceError, SourceFault

BLOCK_SAMPLES = SAMPLE_RATE_HZ // 4
"""Audio is handed on in quarters of a second: less work per frame, and a window is at most that late."""
JITTER_S = 0.06
"""Time stamps may be off by this much and still mean that one frame follows the other."""
SEEK_MARGIN_S = 5.0
"""Seeking is not exact and the frames after it may have no time stamps, so it goes a little further back."""
BAD_DATA_S = 3.0
BAD_PACKETS = 20
"""Nothing but undecodable packets, so many and for so long: the data is given up."""
FORMATS = "hls,mpegts,aac,ac3,eac3,mp3,mov,mp4,flv,live_flv,matroska,webm,ogg,wav,flac,amr,webvtt"

INTERRUPT = InterruptClock()
av.container.core.time = INTERRUPT  # type: ignore[attr-defined]  # not declared; tests/pipeline guards it


FAILURES = (FFmpegError, OSError, ValueError, LookupError, AudiowardenError)
"""What opening and reading may raise; anything else is a mistake in this program."""


class MediaReader:
    """Reads one address or file once. `blocks` belongs to one thread, `cancel` may be called from any."""

    def __init__(self, on_bad_packet: Callable[[int], None]) -> None:
        """`on_bad_packet` gets the count so far, at most once a second."""
        self.progress = Progress()
        self._on_bad_packet = on_bad_packet
        self._lock = threading.Lock()
        self._thread: int | None = None
        self._cancelled = False

    @property
    def live(self) -> bool:
        """Whether this is a live stream, as far as is known by now (for certain when it is opened)."""
        return False

    @property
    def bursts(self) -> bool:
        """Whether audio comes in pieces of several seconds rather than steadily."""
        return False

    def blocks(self, start_s: float = 0.0) -> Generator[Block, None, None]:
        """Open, and yield audio until it ends or `cancel` is called; a recording from about `start_s` on.

        Raises SourceError when it cannot be opened, or breaks off. Never ends quietly for any other reason.
        """
        with self._lock:
            if self._cancelled:
                return
            self._thread = threading.get_ident()
        try:
            with self._open() as container:
                yield from self._read(container, start_s)
        except FAILURES as error:
            if not self._cancelled:
                raise self._failure(error) from None
        finally:
            with self._lock:
                INTERRUPT.forget(self._thread)
                self._thread = None

    def cancel(self) -> None:
        """Make `blocks` end within moments, whatever it waits for. Safe to call twice."""
        with self._lock:
            self._cancelled = True
            if self._thread is not None:
                INTERRUPT.cancel(self._thread)

    def stalled(self, timeout_s: float) -> SourceError:
        """Say why nothing was heard for so long, for an owner that gives up waiting."""
        progress = self.progress
        if progress.opened_at is None:
            return SourceError(SourceFault.CANNOT_OPEN, "the stream did not begin in time")
        if progress.others_at is not None and time.monotonic() - progress.others_at < timeout_s:
            return SourceError(SourceFault.NO_AUDIO, f"no audio for {timeout_s:g} s, though other data comes")
        return SourceError(SourceFault.CANNOT_OPEN, f"no audio for {timeout_s:g} s")

    def _open(self) -> InputContainer:
        raise NotImplementedError

    def _failure(self, error: Exception) -> SourceError:
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
        if not self.progress.heard_s and not self._cancelled:
            if self.progress.bad_packets:
                raise SourceError(SourceFault.INVALID_DATA, "none of the audio can be decoded")
            raise SourceError(SourceFault.NO_AUDIO, "the stream ended without any audio")

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
        bad_since: float | None = None
        bad_in_a_row = 0
        told_at = -math.inf
        for packet in container.demux(stream, *others):
            if self._cancelled:
                return
            if packet.stream_index != stream.index:
                self.progress.others_at = time.monotonic()
                continue
            try:
                frames = stream.decode(packet)
            except (FFmpegError, ValueError) as error:
                now = time.monotonic()
                bad_since = now if bad_since is None else bad_since
                bad_in_a_row += 1
                self.progress.bad_packets += 1
                if now - told_at >= 1.0:
                    told_at = now
                    self._on_bad_packet(self.progress.bad_packets)
                if bad_in_a_row >= BAD_PACKETS and now - bad_since >= BAD_DATA_S:
                    message = "nothing but undecodable audio arrives"
                    raise SourceError(SourceFault.INVALID_DATA, message) from error
                continue
            if frames:
                bad_since, bad_in_a_row = None, 0
            yield from frames


class _Shaper:
    """Resamples frames to mono 16 kHz blocks, and keeps their media time.

    Time is the first frame's, plus what was decoded since: exact to the sample. Only when a frame's own time
    stamp disagrees by more than JITTER_S the block is ended and the time stamp believed.
    """

    def __init__(self, zero_s: float, *, wait_for_time: bool) -> None:
        """With `wait_for_time`, drop what comes before the first time stamp (after a seek)."""
        self._zero_s = zero_s
        self._wait_for_time = wait_for_time
        self._resampler: AudioResampler | None = None
        self._format: tuple[str, str, int] | None = None
        self._anchor_s = 0.0
        self._in_s = 0.0
        """Seconds taken in since the anchor."""
        self._out = 0
        """Samples given out since the anchor."""

    def push(self, frame: AudioFrame) -> Iterator[Block]:
        """Take a frame; yield the blocks that it completes."""
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        time_s = None if frame.time is None else frame.time - self._zero_s
        expected_s = self._anchor_s + self._in_s
        if time_s is None or not math.isfinite(time_s):
            if self._wait_for_time:
                return
            time_s = expected_s
        self._wait_for_time = False
        jumped = abs(time_s - expected_s) > JITTER_S
        if self._resampler is None or jumped or form != self._format:
            yield from self.flush()
            # A change of format alone must not move the time: stamps are rounded, samples are not.
            self._anchor_s = time_s if jumped or self._format is None else expected_s
            self._in_s = 0.0
            self._out = 0
            self._format = form
            self._resampler = AudioResampler("s16", "mono", SAMPLE_RATE_HZ, frame_size=BLOCK_SAMPLES)
        self._in_s += frame.samples / frame.sample_rate
        frame.pts = None
        yield from self._blocks(self._resampler.resample(frame))

    def flush(self) -> Iterator[Block]:
        """Yield what is left in the resampler."""
        if self._resampler is not None:
            yield from self._blocks(self._resampler.resample(None))
            self._resampler = None

    def _blocks(self, frames: list[AudioFrame]) -> Iterator[Block]:
        for frame in frames:
            pcm: Pcm = np.ascontiguousarray(frame.to_ndarray()).reshape(-1).astype(np.int16, copy=False)
            yield Block(self._anchor_s + self._out / SAMPLE_RATE_HZ, pcm)
            self._out += len(pcm)


class FileReader(MediaReader):
    """Reads a file of this machine: for the command line only, never for an address that a stranger gave."""

    def __init__(self, path: Path, on_bad_packet: Callable[[int], None]) -> None:
        super().__init__(on_bad_packet)
        self._path = path

    def _open(self) -> InputContainer:
        # The prefix keeps a name such as "concat:x" or "http://x" a file name.
        options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
        return av.open(f"file:{self._path.absolute()}", options=options, timeout=(NEVER_S, NEVER_S))

    def _failure(self, error: Exception) -> SourceError:
        failure = super()._failure(error)
        if isinstance(error, FileNotFoundError):
            failure = SourceError(SourceFault.CANNOT_OPEN, "there is no such file")
        failure.retryable = False
        return failure


class UrlReader(MediaReader):
    """Reads an rtmp, rtmps, http or https address, as far as the address policy allows."""

    def __init__(
        self, url: str, policy: AddressPolicy, network: NetworkSettings, on_bad_packet: Callable[[int], None]
    ) -> None:
        super().__init__(on_bad_packet)
        self._url = url
        self._policy = policy
        self._network = network
        self._rtmp = url[:4].lower() == "rtmp"
        self._guard = GuardedOpener(policy, network)
        self._parts = Parts(self._guard)
        self._format = ""

    @property
    def live(self) -> bool:
        """RTMP is live; HLS without its end mark; anything else over HTTP that has no length."""
        if self._rtmp:
            return True
        if self._format == "hls":
            return not self._guard.saw_endlist
        return self._guard.length is None

    @property
    def bursts(self) -> bool:
        """HLS arrives a segment at a time."""
        return self._format == "hls"

    def cancel(self) -> None:
        """Make `blocks` end within moments, whatever it waits for. Safe to call twice."""
        super().cancel()
        self._guard.cancel()

    def _open(self) -> InputContainer:
        options = {
            # By default FFmpeg listens to five seconds of an audio-only stream before it gives any out.
            "analyzeduration": "500000",
            "format_whitelist": FORMATS,
        }
        if self._rtmp:
            url, pinned = pin_rtmp(self._url, self._policy, self._network.connect_timeout_s)
            # Never "timeout" here: to FFmpeg's RTMP that means to listen for a client.
            options |= {"protocol_whitelist": "rtmp,rtmps,tcp,tls", **pinned}
            options["rw_timeout"] = str(round(self._network.read_timeout_s * 1e6))
            return av.open(url, options=options, timeout=(NEVER_S, NEVER_S))
        options |= {
            "protocol_whitelist": "http,https,tcp,tls,crypto",
            "http_persistent": "0",
            "extension_picky": "0",
            # A live playlist that stops changing is a stall, for the reader's owner to judge, not an end.
            "max_reload": "100000",
            "m3u8_hold_counters": "100000",
        }
        container = av.open(self._url, options=options, io_open=self._parts, timeout=(NEVER_S, NEVER_S))
        self._format = container.format.name
        return container

    @property
    def _seekable(self) -> bool:
        return self._format == "hls"

    def _broken(self) -> Exception | None:
        return self._parts.failure

    def _failure(self, error: Exception) -> SourceError:
        # What the guard says is the cause of what FFmpeg makes of it.
        cause = self._parts.failure or error
        return super()._failure(cause)
