"""Encodes and writes media: files of audio or of packets, a picture."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, cast

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
from pipeline import mp3
from pipeline.audio import Pcm
from pipeline.audio_forms import INDEX_FIRST, RECIPES, AudioForm, Recipe
from pipeline.behind import Behind
from pipeline.recording.recording import RecordingError, RecordingFault

MIN_BROKEN = 50
"""Packets that cannot be written, so many of them and most of all: it is given up."""
JPEG_QUANTISER = 3
"""Of 1..31: the lower, the finer."""


class EncodeError(AudiowardenError):
    """The audio cannot be encoded, or the result not be written."""


class NoRoomError(EncodeError):
    """There is no room for the result on the disk: later there may be."""

    retryable = True


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
    "mp4": {"avoid_negative_ts": "disabled", **INDEX_FIRST},
    "mov": {"avoid_negative_ts": "disabled", **INDEX_FIRST},
    "ipod": INDEX_FIRST,
}


class AudioFile:
    """An audio file that is being written. Blocking, for one thread; everything raises EncodeError.

    It encodes and writes in a thread of its own: meanwhile what comes next is decoded.
    """

    def __init__(self, target: Path, form: AudioForm, rate_hz: int, layout: str = "mono") -> None:
        """`rate_hz` is one of `nearest_rate_hz`, `layout` mono or stereo."""
        recipe = RECIPES[form]
        self._target = target
        self.codec = recipe.codec.removeprefix("lib")
        self.rate_hz = rate_hz
        self.channels = 1 if layout == "mono" else 2
        self._format = recipe.format
        self._layout = layout
        self._gathered = AudioFifo()
        self._resampler: AudioResampler | None = None
        self._form: tuple[str, str, int] | None = None
        self._samples = 0
        coder = _Lame if form is AudioForm.MP3 else _FFmpeg
        with explaining():
            self._coder: _Coder = coder(target, recipe, rate_hz, layout)
        self._behind = Behind(self._coder.encode, "encode")

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
                self._resampler = AudioResampler(self._format, self._layout, self.rate_hz)
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
        complete = False
        try:
            if kind is None:
                with explaining():
                    self._drain()
                    self._behind.finish()
                    self._coder.finish()
                complete = True
        finally:
            self._behind.close()
            with suppress(EncodeError), explaining():
                if not complete:
                    give_up(self._target)
                self._coder.close()

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
                self._behind.hand(frame)


class _Coder(Protocol):
    """Encodes frames of one form into a file. `close` may come at any time, and again."""

    def encode(self, frame: AudioFrame, /) -> None: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...


class _FFmpeg:
    """What FFmpeg encodes."""

    def __init__(self, target: Path, recipe: Recipe, rate_hz: int, layout: str) -> None:
        self._container = av.open(
            file_url(target), "w", format=recipe.container, container_options=recipe.container_options
        )
        stream = self._container.add_stream(recipe.codec, rate=rate_hz, options=recipe.options)
        self._stream = cast("AudioStream", stream)
        self._stream.layout = layout
        self._stream.format = recipe.format
        if recipe.channel_bit_rate:
            self._stream.bit_rate = recipe.channel_bit_rate * self._stream.layout.nb_channels

    def encode(self, frame: AudioFrame) -> None:
        """Encode and write it."""
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Complete the file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def close(self) -> None:
        """Leave the file as it is."""
        self._container.close()


class _Lame:
    """What LAME encodes."""

    def __init__(self, target: Path, recipe: Recipe, rate_hz: int, layout: str) -> None:
        channels = 1 if layout == "mono" else 2
        bit_rate_kbps = recipe.channel_bit_rate * channels // 1000
        self._file = target.open("wb")
        self._writer = mp3.Mp3Writer(self._file, rate_hz, channels, bit_rate_kbps)

    def encode(self, frame: AudioFrame) -> None:
        """Encode and write it."""
        self._writer.write(_interleaved(frame))

    def finish(self) -> None:
        """Complete the file."""
        self._writer.finish()
        self._file.close()

    def close(self) -> None:
        """Leave the file as it is."""
        self._file.close()


def _interleaved(frame: AudioFrame) -> bytes:
    """Return the samples of a frame of 16 bits, the channels in turns."""
    # Planes are longer than what is in them.
    return bytes(frame.planes[0])[: frame.samples * frame.layout.nb_channels * 2]


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
            self._container = av.open(file_url(target), "w", format=container, container_options=options)
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
                    give_up(self._target)
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


def give_up(target: Path) -> None:
    """Remove a file that is still being written: FFmpeg, which finds it by its name, moves no index then."""
    # Never a device, such as /dev/full.
    if target.is_file():
        target.unlink()


def file_url(target: Path) -> str:
    """Return a file's name as FFmpeg is to be told it."""
    # The prefix keeps a name such as "pipe:1" a file name.
    return f"file:{target.absolute()}"


@contextmanager
def explaining() -> Iterator[None]:
    """Raise what keeps a result from being encoded or written as EncodeError."""
    try:
        yield
    except (FFmpegError, mp3.Mp3Error, OSError, ValueError, MemoryError) as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoomError("there is no room for the result on the disk of the daemon") from error
        why = getattr(error, "strerror", None) or type(error).__name__
        raise EncodeError(f"the result cannot be written: {why}") from error
