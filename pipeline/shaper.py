"""Makes blocks of mono audio out of decoded frames, and keeps their media time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pipeline import limits
from pipeline.audio import Pcm
from pipeline.blocks import Block
from pipeline.source import SourceError, SourceFault

BLOCK_S = 0.25
"""Audio is handed on in quarters of a second: less work per frame, and a window is at most that late."""

FrameT = TypeVar("FrameT", contravariant=True)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far time stamps may be off what was decoded.

    One that is off by more than `leap_s` is believed at once, one that is off by more than `jitter_s` when
    those of `settled_s` are.
    """

    jitter_s: float
    leap_s: float
    settled_s: float


LIVE = Tolerance(jitter_s=0.06, leap_s=0.5, settled_s=1.0)
"""Publishers that stamp by the wall clock jitter by more than a frame."""
RECORDED = Tolerance(jitter_s=0.012, leap_s=0.1, settled_s=0.5)
"""Packagers count samples and round to a millisecond; a lost AAC frame is 20 of them."""


class Resampling(Protocol[FrameT]):
    """Resamples frames of one format to mono audio of one rate."""

    rate_hz: int
    """Of what comes out."""

    def push(self, frame: FrameT, /) -> list[Pcm]:
        """Take a frame; return what is complete."""

    def flush(self) -> list[Pcm]:
        """Return what is left. Nothing is pushed afterwards."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a frame says about itself."""

    time_s: float | None
    """Of its first sample, by the file's clock."""
    samples: int
    rate_hz: int
    form: str
    """Its sample format and channels: frames of another one need another resampler."""


class Shaper(Generic[FrameT]):
    """Resamples frames to mono blocks, and keeps their media time.

    Time is the first frame's, plus what was decoded since: exact to the sample. Only when the frames' own
    time stamps disagree for good the block is ended and the time stamp believed.
    """

    def __init__(
        self,
        zero_s: float,
        resampling: Callable[[int], Resampling[FrameT]],
        tolerance: Tolerance = LIVE,
        *,
        wait_for_time: bool,
    ) -> None:
        """`resampling` makes a resampler for frames of a rate; time stamps count from `zero_s`.

        With `wait_for_time`, drop what comes before the first time stamp (after a seek).
        """
        self._zero_s = zero_s
        self._new = resampling
        self._tolerance = tolerance
        self._wait_for_time = wait_for_time
        self._resampling: Resampling[FrameT] | None = None
        self._format: tuple[str, int] | None = None
        self._anchor_s = 0.0
        self._in_s = 0.0
        """Seconds taken in since the anchor."""
        self._out = 0
        """Samples given out since the anchor."""
        self._off_for_s = 0.0

    def push(self, frame: FrameT, shape: Shape) -> Iterator[Block]:
        """Take a frame; yield the blocks that it completes. Raises SourceError for rates that nothing has."""
        if not limits.MIN_RATE_HZ <= shape.rate_hz <= limits.MAX_RATE_HZ:
            text = f"the audio claims {shape.rate_hz} samples a second"
            raise SourceError(SourceFault.INVALID_DATA, text)
        form = (shape.form, shape.rate_hz)
        time_s = None if shape.time_s is None else shape.time_s - self._zero_s
        expected_s = self._anchor_s + self._in_s
        if time_s is None or not math.isfinite(time_s):
            if self._wait_for_time:
                return
            time_s = expected_s
        self._wait_for_time = False
        duration_s = shape.samples / shape.rate_hz
        off_s = abs(time_s - expected_s)
        self._off_for_s = self._off_for_s + duration_s if off_s > self._tolerance.jitter_s else 0.0
        jumped = off_s > self._tolerance.leap_s or self._off_for_s > self._tolerance.settled_s
        if self._resampling is None or jumped or form != self._format:
            yield from self.flush()
            # A change of format alone must not move the time: stamps are rounded, samples are not.
            self._anchor_s = time_s if jumped or self._format is None else expected_s
            self._in_s = self._off_for_s = 0.0
            self._out = 0
            self._format = form
            self._resampling = self._new(shape.rate_hz)
        self._in_s += duration_s
        yield from self._blocks(self._resampling.push(frame), self._resampling.rate_hz)

    def flush(self) -> Iterator[Block]:
        """Yield what is left in the resampler."""
        if self._resampling is not None:
            yield from self._blocks(self._resampling.flush(), self._resampling.rate_hz)
            self._resampling = None

    def _blocks(self, pieces: list[Pcm], rate_hz: int) -> Iterator[Block]:
        for pcm in pieces:
            yield Block(self._anchor_s + self._out / rate_hz, pcm)
            self._out += len(pcm)
