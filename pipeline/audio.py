"""The audio of a stream as the pipeline sees it: one format, windows on a fixed grid."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

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
    """Tells a stream's windows apart, and says their order."""
    pcm: Pcm
    """At most 160,000 samples; fewer only when the stream stopped inside the window. Gaps are zeros."""
    origin: float
    """Seconds since the epoch at which the stream's timeline starts (its first audio was received)."""
    heard_s: float
    """Seconds of `pcm` that really arrived; less than its length when there was a gap."""
    speech_share: float
    """Share (0..1) of 20 ms frames that webrtcvad takes for speech."""
    user: str | None = None
    """Who is heard, where a room's users are listened to one by one."""
    slot: int | None = None
    """Which ten seconds of the timeline these are, where users are told apart; else `index` says it."""

    @property
    def place(self) -> int:
        """Which ten seconds of the timeline these are, from 0."""
        return self.index if self.slot is None else self.slot

    @property
    def started_at(self) -> float:
        """Seconds since the epoch at which the window begins."""
        return self.origin + self.place * WINDOW_S

    @property
    def ended_at(self) -> float:
        """Seconds since the epoch at which the window's audio ends."""
        return self.started_at + len(self.pcm) / SAMPLE_RATE_HZ


class Loss(StrEnum):
    """Why a window was given up."""

    OVERLOAD = "overload"
    """Those before it were not taken in time."""
    SURPLUS = "surplus"
    """More users of a room talk than are listened to at once."""
    UNHEARD = "unheard"
    """A user of a room is said to talk, but his stream cannot be pulled."""


@dataclass(frozen=True, slots=True)
class LostWindow:
    """A window of a live stream that had to be given up."""

    index: int
    origin: float
    """As in `Window`, like all that follows."""
    heard_s: float
    user: str | None = None
    slot: int | None = None
    loss: Loss = Loss.OVERLOAD

    @property
    def place(self) -> int:
        """Which ten seconds of the timeline these are, from 0."""
        return self.index if self.slot is None else self.slot

    @property
    def started_at(self) -> float:
        """Seconds since the epoch at which the window begins."""
        return self.origin + self.place * WINDOW_S

    @property
    def ended_at(self) -> float:
        """Seconds since the epoch at which the window ends."""
        return self.started_at + WINDOW_S


def to_samples(pcm: Pcm) -> NDArray[np.float32]:
    """Convert int16 to the float32 in -1..1 that models take."""
    return pcm.astype(np.float32) / 32768.0
