"""Opens media with FFmpeg, decodes and resamples it.

The one door to PyAV for what is read: whoever needs its types takes them from here.
"""

from __future__ import annotations

import ctypes
from typing import Any, NoReturn, cast

import av
import av.container.core
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame as AudioFrame
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
from pipeline.framing import codec_of
from pipeline.interrupt import INTERRUPT, NEVER_S
from pipeline.reading import Opening
from pipeline.recording.tap import Tap
from pipeline.shaper import BLOCK_S, Shape

MAX_GATHERED = 64
"""Packets are decoded so many at a time, at most."""
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


def open_media(opening: Opening) -> InputContainer:
    """Open an address or file. Raises what FAILURES lists."""
    return av.open(
        opening.url,
        "r",
        format=opening.format,
        options=opening.options | {"max_streams": str(limits.MAX_STREAMS)},
        io_open=opening.io_open,
        # Titles come in any encoding, and nobody reads them.
        metadata_errors="replace",
        # They never come by themselves: they are what INTERRUPT acts on.
        timeout=(NEVER_S, NEVER_S),
    )


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
