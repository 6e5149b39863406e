"""Encodes and writes media: the clip of a window as mp3, files of packets, a picture."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
from av.codec import CodecContext
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame

from config.errors import AudiowardenError
from pipeline import mp3
from pipeline.audio import SAMPLE_RATE_HZ, Pcm
from pipeline.audio_forms import INDEX_FIRST
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


def encode_mp3(pcm: Pcm, bit_rate_kbps: int) -> bytes:
    """Encode mono 16 kHz audio; blocking, about 9 ms for 10 s. Raises EncodeError."""
    if not len(pcm):
        raise EncodeError("there is no audio to encode")
    target = io.BytesIO()
    try:
        writer = mp3.Mp3Writer(target, SAMPLE_RATE_HZ, 1, bit_rate_kbps)
        writer.write(pcm.tobytes())
        writer.finish()
    except (mp3.Mp3Error, MemoryError) as error:
        raise EncodeError(f"the clip cannot be encoded: {type(error).__name__}") from error
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
