"""The audio of a stream as the pipeline sees it: one format, windows on a fixed grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models import interfaces

SAMPLE_RATE_HZ = interfaces.SAMPLE_RATE_HZ
WINDOW_S = 10
WINDOW_SAMPLES = SAMPLE_RATE_HZ * WINDOW_S

Pcm = NDArray[np.int16]
"""Mono audio, shape (n,), signed 16 bit, 16 kHz."""


@dataclass(frozen=True, slots=True)
class Window:
    """One reporting unit: the audio of `[index * 10 s, (index + 1) * 10 s)` of a stream's timeline.

    Plain and picklable, because it may come from another process.
    """

    index: int
    pcm: Pcm
    """At most 160,000 samples; fewer only when the stream stopped inside the window. Gaps are zeros."""
    origin: float
    """Seconds since the epoch at which the stream's timeline starts (its first audio was received)."""
    heard_s: float
    """Seconds of `pcm` that really arrived; less than its length when there was a gap."""
    speech_share: float
    """Share (0..1) of 20 ms frames that webrtcvad takes for speech."""

    @property
    def started_at(self) -> float:
        """Seconds since the epoch at which the window begins."""
        return self.origin + self.index * WINDOW_S

    @property
    def ended_at(self) -> float:
        """Seconds since the epoch at which the window's audio ends."""
        return self.started_at + len(self.pcm) / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class LostWindow:
    """A window of a live stream that had to be given up, because those before it were not taken in time."""

    index: int
    origin: float
    """As in `Window`."""
    heard_s: float

    @property
    def started_at(self) -> float:
        """Seconds since the epoch at which the window begins."""
        return self.origin + self.index * WINDOW_S

    @property
    def ended_at(self) -> float:
        """Seconds since the epoch at which the window ends."""
        return self.started_at + WINDOW_S


def to_samples(pcm: Pcm) -> NDArray[np.float32]:
    """Convert int16 to the float32 in -1..1 that models take."""
    return pcm.astype(np.float32) / 32768.0
