"""What a reader of media yields, and what it tells those who watch it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from pipeline.audio import SAMPLE_RATE_HZ, Pcm


@dataclass(frozen=True, slots=True)
class Block:
    """Audio in media time: the file's own (0 at its start) for a recording, any zero for a live stream."""

    time_s: float
    pcm: Pcm


@dataclass(slots=True)
class Progress:
    """What a reader has got so far, for watching it from another thread. Times are `time.monotonic()`."""

    format: str = ""
    """FFmpeg's name of the container, once it is known."""
    opened_at: float | None = None
    """When the data was recognised."""
    heard_at: float | None = None
    """When audio was decoded last."""
    heard_s: float = 0.0
    """Seconds of audio decoded."""
    first_heard_at: float | None = None
    others_at: float | None = None
    """When a packet that is not audio came last."""
    bad_packets: int = 0

    def hear(self, pcm: Pcm) -> None:
        """Take note of decoded audio."""
        self.heard_at = time.monotonic()
        if self.first_heard_at is None:
            self.first_heard_at = self.heard_at
        self.heard_s += len(pcm) / SAMPLE_RATE_HZ

    def lead_s(self) -> float:
        """Return how far the audio was ahead of the clock when it came last; below 0 when it lagged."""
        if self.first_heard_at is None or self.heard_at is None:
            return 0.0
        return self.heard_s - (self.heard_at - self.first_heard_at)
