"""What is made of recordings: a piece of their audio, all of it, a picture. Blocking, for worker threads."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pipeline.encode import AudioFile, AudioForm, nearest_rate_hz
from pipeline.recording.recording import RecordingError, RecordingFault, Stretch
from pipeline.recording.tap import never
from pipeline.sound import Sound

MIN_RATE_HZ = 8_000
MAX_RATE_HZ = 192_000
"""A rate asked for that lies outside is not heeded."""
MAX_CUT_S = 24 * 3600.0
"""The longest piece: what time stamps that leap could otherwise make of a minute."""
PROGRESS_EVERY_S = 0.3

Progress = Callable[[float], None]
"""Gets the share that is done, 0..1."""


def unwatched(_: float) -> None:
    """Take note of no progress."""


class Gauge:
    """Tells progress a few times a second."""

    def __init__(self, tell: Progress) -> None:
        self._tell = tell
        self._told_at = -math.inf

    def show(self, share: float) -> None:
        """Tell the share that is done, if it is time to."""
        now = time.monotonic()
        if now - self._told_at >= PROGRESS_EVERY_S:
            self._told_at = now
            self._tell(min(max(share, 0.0), 1.0))


@dataclass(frozen=True, slots=True)
class CutAudio:
    """A piece of audio that was written."""

    duration_s: float
    """Shorter than asked for when the recording ends before."""
    missing_s: float
    """How much of the span the recording lacks: what is silence instead, and what lies behind its end."""
    rate_hz: int


def cut_audio(
    stretches: Iterable[Stretch],
    start_s: float,
    duration_s: float,
    target: Path,
    form: AudioForm,
    rate_hz: int | None = None,
    progress: Progress = unwatched,
    cancelled: Callable[[], bool] = never,
) -> CutAudio:
    """Write `[start_s, start_s + duration_s)` of a recording's timeline as a mono file, exact to the sample.

    `stretches` by time; they are opened one after the other and closed. `rate_hz` is heeded from 8,000 to
    192,000, else the source's rate is kept; either gives way to what the codec knows. Raises RecordingError,
    and EncodeError when the result cannot be written.
    """
    check_span(start_s, duration_s)
    wanted_hz = rate_hz if rate_hz is not None and MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ else None
    sound = Sound(start_s, duration_s, lambda from_hz: nearest_rate_hz(form, wanted_hz or from_hz))
    gauge = Gauge(progress)
    with ExitStack() as stack:
        file: AudioFile | None = None
        for pcm in sound.read(stretches, cancelled):
            if cancelled():
                raise RecordingError(RecordingFault.CANCELLED, "it was cancelled")
            file = file or stack.enter_context(AudioFile(target, form, sound.rate_hz))
            file.write(pcm)
            gauge.show(sound.given / sound.total)
    progress(1.0)
    lacking = sound.total - sound.given + sound.silent
    return CutAudio(sound.given / sound.rate_hz, lacking / sound.rate_hz, sound.rate_hz)


def check_span(start_s: float, duration_s: float) -> None:
    """Raise RecordingError for what is no span."""
    if not (math.isfinite(start_s) and 0 < duration_s <= MAX_CUT_S) or start_s < 0:
        text = f"a span begins at 0 or later, and lasts up to {MAX_CUT_S / 3600:g} hours"
        raise RecordingError(RecordingFault.OUTSIDE, text)
