"""The audio of a span of a recording: mono, at one rate, each sample in its place on the timeline."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from pipeline.audio import Pcm
from pipeline.blocks import Block
from pipeline.decode import FAILURES, SEEK_MARGIN_S, MonoResampling, shape
from pipeline.recording.media import Media, open_stretch
from pipeline.recording.recording import RecordingError, RecordingFault, Stretch
from pipeline.shaper import RECORDED, Shaper
from pipeline.source import SourceError

BLOCK_S = 1.0
"""Recordings are resampled in larger pieces than live streams, which costs less."""
FARTHEST_BACK_S = 60.0
"""FFmpeg seeks in MPEG-TS by guessing. When even so it lands behind the span, all is read."""


class Sound:
    """The audio of a span. Read once, from one thread."""

    def __init__(self, start_s: float, duration_s: float, choose_rate: Callable[[int], int]) -> None:
        """`choose_rate` gets the rate of the first audio that is met and returns the one that is wanted."""
        self.rate_hz = 0
        """The one that was chosen; 0 until then."""
        self.given = 0
        """Samples yielded so far."""
        self.silent = 0
        """How many of them stand for what the recording lacks."""
        self._start_s = start_s
        self._duration_s = duration_s
        self._choose_rate = choose_rate

    @property
    def total(self) -> int:
        """Samples of the whole span, once the rate is known."""
        return round(self._duration_s * self.rate_hz)

    def read(self, stretches: Iterable[Stretch], cancelled: Callable[[], bool]) -> Iterator[Pcm]:
        """Yield the samples from the start on; silence where there is nothing between two pieces of audio.

        Ends with the span, or with the audio if that is shorter. Raises RecordingError: INVALID without any
        audio, OUTSIDE when none of it lies in the span.
        """
        for stretch in stretches:
            with open_stretch(stretch, cancelled) as media:
                for block in self._blocks(media):
                    yield from self._placed(block)
                    if self.given >= self.total:
                        return
        if not self.rate_hz:
            raise RecordingError(RecordingFault.INVALID, "the recording has no audio")
        if not self.given:
            raise RecordingError(RecordingFault.OUTSIDE, "the recording has no audio in this span")

    def _blocks(self, media: Media) -> Iterator[Block]:
        """Yield the audio of a stretch from the start of the span, or earlier, on."""
        if media.audio is None:
            return
        margin_s = SEEK_MARGIN_S
        while True:
            sought = media.seek(media.audio, self._start_s - margin_s)
            blocks = self._shaped(media, media.frames(media.audio), wait_for_time=sought)
            first = next(blocks, None)
            if not sought or (first is not None and first.time_s <= self._start_s):
                break
            margin_s = FARTHEST_BACK_S if margin_s < FARTHEST_BACK_S else math.inf
        if first is not None:
            yield first
            yield from blocks

    def _shaped(self, media: Media, frames: Iterator[Any], *, wait_for_time: bool) -> Iterator[Block]:
        shaper = Shaper(media.zero_s, self._resampling, RECORDED, wait_for_time=wait_for_time)
        try:
            for frame in frames:
                yield from shaper.push(frame, shape(frame))
            yield from shaper.flush()
        except RecordingError:
            raise
        except FAILURES as error:
            why = str(error) if isinstance(error, SourceError) else "the audio cannot be resampled"
            raise RecordingError(RecordingFault.INVALID, why) from None

    def _resampling(self, from_hz: int) -> MonoResampling:
        self.rate_hz = self.rate_hz or self._choose_rate(from_hz)
        return MonoResampling(from_hz, self.rate_hz, BLOCK_S)

    def _placed(self, block: Block) -> Iterator[Pcm]:
        """Yield what of a block is new and in the span, and the silence before it."""
        place = (block.time_s - self._start_s) * self.rate_hz
        ahead = place - self.given
        if self.given and abs(ahead) <= 1:
            # Time stamps fall between the samples.
            ahead = 0
        skipped = math.floor(ahead + 0.5)
        if skipped >= 0:
            yield from self._silence(min(skipped, self.total - self.given))
            pcm = block.pcm
        else:
            pcm = block.pcm[-skipped:]
        pcm = pcm[: self.total - self.given]
        if len(pcm):
            self.given += len(pcm)
            yield pcm

    def _silence(self, samples: int) -> Iterator[Pcm]:
        self.silent += samples
        while samples > 0:
            piece = min(samples, self.rate_hz)
            self.given += piece
            samples -= piece
            yield np.zeros(piece, np.int16)
