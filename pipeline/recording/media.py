"""A stretch of a recording, opened by FFmpeg: its streams, their packets, and what is decoded of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import chain, islice
from typing import Any

from pipeline.decode import (
    FAILURES,
    MAX_GATHERED,
    TIME_BASE,
    AudioStream,
    Decoder,
    Discard,
    Disposition,
    FFmpegError,
    InputContainer,
    Packet,
    Stream,
    VideoStream,
    open_tap,
)
from pipeline.framing import FRAMED
from pipeline.recording.recording import RecordingError, RecordingFault, Stretch
from pipeline.recording.tap import Tap, never


class Media:
    """A stretch that FFmpeg has recognised. Belongs to one thread; everything raises RecordingError."""

    def __init__(self, container: InputContainer, stretch: Stretch, tap: Tap) -> None:
        self._container = container
        self._stretch = stretch
        self._tap = tap
        self._moved = False
        # PyAV has no context for what FFmpeg cannot decode, though it declares one.
        known = [each for each in container.streams if getattr(each.codec_context, "name", None)]
        self.audio = next((each for each in known if isinstance(each, AudioStream)), None)
        videos = [each for each in known if isinstance(each, VideoStream)]
        covers = Disposition.attached_pic
        self.video = next((each for each in videos if not each.disposition & covers), None)
        self.zero_s = -stretch.at_s(0.0, self._begins_s())
        """What the file's clock says at the beginning of the recording's timeline."""
        self.framed = container.format.name in FRAMED
        """Whether packets of audio say themselves of which codec they are."""
        self.length_s = container.duration / TIME_BASE if container.duration else 0.0
        """As the file claims or FFmpeg estimates; 0 if neither."""

    @property
    def ends_s(self) -> float:
        """Where on the recording's timeline it ends, as far as is known."""
        return self._stretch.start_s + min(self.length_s, self._stretch.duration_s)

    def _begins_s(self) -> float:
        """Return what the file's clock says at the stretch's beginning."""
        video = self.video
        if self._stretch.seekable or video is None or video.start_time is None or video.time_base is None:
            return (self._container.start_time or 0) / TIME_BASE
        # Packagers cut at key frames and count from one to the next; sound packed before them is earlier.
        return float(video.start_time * video.time_base)

    def seek(self, stream: Stream, time_s: float) -> bool:
        """Go near a second of the recording's timeline; say whether that is behind the file's beginning."""
        if not self._stretch.seekable or stream.time_base is None:
            return False
        if time_s > self._stretch.start_s:
            self._moved = True
            with self._explaining():
                self._container.seek(round((time_s + self.zero_s) / stream.time_base), stream=stream)
            return True
        if self._moved:
            self._rewind()
        return False

    def _rewind(self) -> None:
        """Go to the beginning: by the byte, because MPEG-TS loses its first pictures when sought by time."""
        with self._explaining():
            try:
                self._container.seek(0, unsupported_byte_offset=True)
            except FFmpegError:
                self._container.seek(self._container.start_time or 0)

    def packets(self, *streams: Stream, at_once: int = 1) -> Iterator[list[Packet[Any]]]:
        """Yield packets of some streams in the file's order, so many at once; last an empty one of each."""
        for stream in self._container.streams:
            stream.discard = Discard.default if stream in streams else Discard.all
        demuxed = self._container.demux(*streams)
        while True:
            with self._explaining():
                packets = list(islice(demuxed, at_once))
            if not packets:
                return
            yield packets

    def frames(self, stream: Stream) -> Iterator[Any]:
        """Yield the decoded frames of a stream, from the file's place on. Skips what cannot be decoded."""
        return self.decoded(stream, chain.from_iterable(self.packets(stream, at_once=MAX_GATHERED)))

    def decoded(self, stream: Stream, packets: Iterable[Any]) -> Iterator[Any]:
        """Yield what all of some packets hold. Raises RecordingError when none of it can be decoded."""
        decoder = Decoder(stream, framed=self.framed) if isinstance(stream, AudioStream) else stream
        bad = good = 0
        # An empty packet makes a decoder give out what it holds back; unlike None, it has a time base.
        last: Packet[Stream] = Packet()
        last.time_base = stream.time_base or last.time_base
        for packet in chain((packet for packet in packets if packet.size), (last,)):
            try:
                frames = decoder.decode(packet)  # type: ignore[union-attr]  # not declared for all kinds
            except (FFmpegError, ValueError):
                bad += packet is not last
                continue
            good += len(frames)
            for frame in frames:
                if isinstance(decoder, Decoder) and decoder.changed:
                    # Recordings are believed to the sample: it follows what came before.
                    frame.pts = None
                yield frame
        if bad and not good:
            raise RecordingError(RecordingFault.INVALID, f"none of the {stream.type} can be decoded")

    def _explaining(self) -> AbstractContextManager[None]:
        return self._tap.explaining(FAILURES)


@contextmanager
def open_stretch(stretch: Stretch, cancelled: Callable[[], bool] = never) -> Iterator[Media]:
    """Open a stretch for one reading; it and its source are closed at the end. Raises RecordingError."""
    tap = Tap(stretch, cancelled)
    try:
        with tap.explaining(FAILURES):
            container = open_tap(tap, stretch.container.value or None)
        with container:
            yield Media(container, stretch, tap)
    finally:
        tap.close()
