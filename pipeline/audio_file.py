"""Encodes audio into files."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, cast

import av
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from pipeline import mp3
from pipeline.audio import Pcm
from pipeline.audio_forms import RECIPES, AudioForm, Recipe
from pipeline.behind import Behind
from pipeline.encode import EncodeError, explaining, file_url, give_up


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
        try:
            if kind is None:
                with explaining():
                    self._drain()
                    self._behind.finish()
                    self._coder.finish()
        finally:
            self._behind.close()
            with suppress(EncodeError), explaining():
                if kind is not None:
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
