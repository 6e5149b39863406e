"""Encodes and writes media: the clip of a window as mp3, files of audio or of packets, a picture."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum, auto
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import av
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.codec import CodecContext
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame

from config.errors import AudiowardenError
from pipeline.audio import SAMPLE_RATE_HZ, Pcm
from pipeline.recording.recording import RecordingError, RecordingFault

MIN_BROKEN = 50
"""Packets that cannot be written, so many of them and most of all: it is given up."""
JPEG_QUANTISER = 3
"""Of 1..31: the lower, the finer."""
MAX_RATE_HZ = 192_000
"""No file is written with more samples a second."""


class EncodeError(AudiowardenError):
    """The audio cannot be encoded, or the result not be written."""


class NoRoomError(EncodeError):
    """There is no room for the result on the disk: later there may be."""

    retryable = True


class AudioForm(StrEnum):
    """The kinds of audio files, by their usual suffix."""

    FLAC = auto()
    WAV = auto()
    MP3 = auto()
    M4A = auto()
    """AAC in MP4."""
    OGG = auto()
    """Opus."""


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How a kind of file is made."""

    container: str
    codec: str
    format: str
    """Of the samples that the encoder takes."""
    rates_hz: tuple[int, ...] = ()
    """Those that the codec knows, ascending; none: any."""
    options: dict[str, str] = field(default_factory=dict)
    container_options: dict[str, str] = field(default_factory=dict)
    channel_bit_rate: int = 0


# The index goes before the media, so that players begin before they have all of it. FFmpeg moves the media
# for it within the file, a piece as large as the index at a time.
_INDEX_FIRST = {"movflags": "+faststart"}
# 7 of 0..9: a third of the default's time, for speech without an audible loss.
_LAME = {"compression_level": "7"}
_RECIPES = {
    AudioForm.FLAC: _Recipe("flac", "flac", "s16"),
    # Beyond 4 GiB a wav file needs another header.
    AudioForm.WAV: _Recipe("wav", "pcm_s16le", "s16", container_options={"rf64": "auto"}),
    AudioForm.MP3: _Recipe(
        "mp3",
        "libmp3lame",
        "s16p",
        (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
        _LAME,
        channel_bit_rate=64_000,
    ),
    AudioForm.M4A: _Recipe(
        "ipod",
        "aac",
        "fltp",
        (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000),
        # FFmpeg's slow coder takes 2.5 times as long for a gain that a few more bits make up for.
        {"aac_coder": "fast"},
        _INDEX_FIRST,
        80_000,
    ),
    AudioForm.OGG: _Recipe(
        "ogg", "libopus", "s16", (8000, 12000, 16000, 24000, 48000), channel_bit_rate=48_000
    ),
}


_TS_CODECS = {
    "h264",
    "hevc",
    "mpeg1video",
    "mpeg2video",
    "mpeg4",
    "aac",
    "mp2",
    "mp3",
    "mp3float",
    "ac3",
    "eac3",
}
"""FFmpeg would write any other into MPEG-TS as data that nobody can play."""
_CONTAINER_OPTIONS = {
    # Stamps before 0 become an edit list: what lies there is decoded, but not shown.
    "mp4": {"avoid_negative_ts": "disabled", **_INDEX_FIRST},
    "mov": {"avoid_negative_ts": "disabled", **_INDEX_FIRST},
    "ipod": _INDEX_FIRST,
}


def nearest_rate_hz(form: AudioForm, rate_hz: int) -> int:
    """Return the lowest rate that a kind of file can have and that loses nothing, or else the highest."""
    rates_hz = _RECIPES[form].rates_hz or (min(rate_hz, MAX_RATE_HZ),)
    return next((each for each in rates_hz if each >= rate_hz), rates_hz[-1])


class AudioFile:
    """An audio file that is being written. Blocking, for one thread; everything raises EncodeError."""

    def __init__(self, target: Path, form: AudioForm, rate_hz: int, layout: str = "mono") -> None:
        """`rate_hz` is one of `nearest_rate_hz`, `layout` mono or stereo."""
        recipe = _RECIPES[form]
        self._target = target
        self.codec = recipe.codec.removeprefix("lib").removesuffix("lame")
        self.rate_hz = rate_hz
        self.channels = 1 if layout == "mono" else 2
        self._gathered = AudioFifo()
        self._resampler: AudioResampler | None = None
        self._form: tuple[str, str, int] | None = None
        self._samples = 0
        with explaining():
            self._container = av.open(
                _file_url(target),
                "w",
                format=recipe.container,
                container_options=recipe.container_options,
            )
            stream = self._container.add_stream(recipe.codec, rate=rate_hz, options=recipe.options)
            self._stream = cast("AudioStream", stream)
            self._stream.layout = layout
            self._stream.format = recipe.format
            if recipe.channel_bit_rate:
                self._stream.bit_rate = recipe.channel_bit_rate * self._stream.layout.nb_channels

    @property
    def duration_s(self) -> float:
        """How much has been written."""
        return self._samples / self.rate_hz

    def write(self, pcm: Pcm) -> None:
        """Write mono samples of the file's rate."""
        frame = AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self.rate_hz
        with explaining():
            self._encode(frame)

    def write_frame(self, frame: AudioFrame) -> None:
        """Write a decoded frame of any kind. Its time stamp is not looked at."""
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        with explaining():
            if self._resampler is None or form != self._form:
                self._drain()
                self._form = form
                self._gathered = AudioFifo()
                self._resampler = AudioResampler(self._stream.format, self._stream.layout, self.rate_hz)
            frame.pts = None
            self._gathered.write(frame)
            if self._gathered.samples >= frame.sample_rate:
                self._encode(*self._resampler.resample(self._gathered.read()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Complete the file; after an error there is none."""
        try:
            with explaining():
                if kind is not None:
                    _give_up(self._target)
                else:
                    self._drain()
                    self._container.mux(self._stream.encode(None))
                self._container.close()
        except EncodeError:
            if kind is None:
                raise

    def _drain(self) -> None:
        """Encode what waits in the resampler."""
        if self._resampler is not None:
            if self._gathered.samples:
                self._encode(*self._resampler.resample(self._gathered.read()))
            self._encode(*self._resampler.resample(None))
            self._resampler = None

    def _encode(self, *frames: AudioFrame | None) -> None:
        for frame in frames:
            # A resampler with nothing to do gives back the None that it is flushed with.
            if frame is not None:
                frame.pts = self._samples
                frame.time_base = Fraction(1, self.rate_hz)
                self._samples += frame.samples
                self._container.mux(self._stream.encode(frame))


class PacketFile:
    """A file of packets that are not encoded again. For one thread; everything raises EncodeError."""

    def __init__(self, target: Path, container: str, streams: Sequence[Stream], later_s: float = 0.0) -> None:
        """`container` is FFmpeg's name. All time stamps are written `later_s` later.

        Raises RecordingError when the container cannot hold a stream.
        """
        self._target = target
        self._packets = self._broken = 0
        options = {"output_ts_offset": f"{later_s:.6f}", **_CONTAINER_OPTIONS.get(container, {})}
        with explaining():
            self._container = av.open(_file_url(target), "w", format=container, container_options=options)
            try:
                self.streams = [self._add(stream, container) for stream in streams]
            except RecordingError:
                self._container.close()
                raise

    def write(self, packets: Sequence[Packet[Any]]) -> None:
        """Write packets whose `stream_index` is the place in `streams`, each stream's with rising stamps.

        Broken ones are left out. Raises RecordingError when most of them are.
        """
        rest = iter(packets)
        self._packets += len(packets)
        with explaining():
            while not self._mux(rest):
                self._broken += 1
        if self._broken >= MIN_BROKEN and self._broken * 2 > self._packets:
            raise RecordingError(RecordingFault.INVALID, "most of the recording is broken")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Complete the file; after an error there is none."""
        broken = self._broken == self._packets
        try:
            with explaining():
                if kind is not None:
                    _give_up(self._target)
                self._container.close()
        except EncodeError as failure:
            broken = broken or not _is_hosts(failure.__cause__)
            if kind is None and not broken:
                raise
        if kind is None and broken:
            raise RecordingError(RecordingFault.INVALID, "all of the recording is broken")

    def _mux(self, packets: Iterator[Packet[Any]]) -> bool:
        """Write packets up to the first broken one; say whether there was none."""
        try:
            self._container.mux(packets)  # type: ignore[arg-type]  # it takes anything that can be iterated
        except FFmpegError as error:
            if _is_hosts(error):
                raise
            # Those behind it are still in the iterator.
            return False
        return True

    def _add(self, stream: Stream, container: str) -> Stream:
        codec = stream.codec_context.name
        known = _TS_CODECS if container == "mpegts" else None
        if known is None or codec in known:
            with suppress(ValueError):
                return self._container.add_stream_from_template(stream, opaque=True)
        raise RecordingError(RecordingFault.UNSUPPORTED, f"{container} cannot hold {codec}")


def encode_mp3(pcm: Pcm, bit_rate_kbps: int) -> bytes:
    """Encode mono 16 kHz audio; blocking, about 35 ms for 10 s. Raises EncodeError."""
    if not len(pcm):
        raise EncodeError("there is no audio to encode")
    try:
        return _encode(pcm, bit_rate_kbps)
    except (FFmpegError, MemoryError) as error:
        raise EncodeError(f"the clip cannot be encoded: {type(error).__name__}") from error


def _encode(pcm: Pcm, bit_rate_kbps: int) -> bytes:
    target = io.BytesIO()
    with av.open(target, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=SAMPLE_RATE_HZ, options=_LAME)
        stream.layout = "mono"
        stream.format = "s16p"
        stream.bit_rate = bit_rate_kbps * 1000
        frame = AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16p", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()


def encode_jpeg(frame: VideoFrame) -> bytes:
    """Encode a decoded picture in its own size. Raises EncodeError."""
    with explaining():
        encoder = CodecContext.create("mjpeg", "w")
        encoder.width, encoder.height = frame.width, frame.height
        encoder.pix_fmt = "yuvj420p"
        encoder.time_base = Fraction(1, 25)
        encoder.qmin = encoder.qmax = JPEG_QUANTISER
        picture = frame.reformat(format="yuvj420p")
        picture.pts = 0
        packets = [*encoder.encode(picture), *encoder.encode(None)]
        return b"".join(bytes(packet) for packet in packets)


def _is_hosts(error: BaseException | None) -> bool:
    """Say whether something is this machine's fault (its disk, its memory) and not the packets'."""
    return isinstance(error, OSError | MemoryError)


def _give_up(target: Path) -> None:
    """Remove a file that is still being written: FFmpeg, which finds it by its name, moves no index then."""
    # Never a device, such as /dev/full.
    if target.is_file():
        target.unlink()


def _file_url(target: Path) -> str:
    # The prefix keeps a name such as "pipe:1" a file name.
    return f"file:{target.absolute()}"


@contextmanager
def explaining() -> Iterator[None]:
    """Raise what keeps a result from being encoded or written as EncodeError."""
    try:
        yield
    except (FFmpegError, OSError, ValueError, MemoryError) as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoomError("there is no room for the result on the disk of the daemon") from error
        why = getattr(error, "strerror", None) or type(error).__name__
        raise EncodeError(f"the result cannot be written: {why}") from error
