"""Cuts audio that carries media time into 10 s windows on a grid that stays aligned over hours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.audio import SAMPLE_RATE_HZ, WINDOW_SAMPLES, Pcm
from pipeline.source import Position

JITTER_S = 0.06
"""Media times may be off by this much (millisecond rounding, packet sizes) and still mean "right after"."""
MIN_PARTIAL_SAMPLES = SAMPLE_RATE_HZ // 5
"""Less than 0.2 s at the end of a run holds no word: codecs pad by that much, and it is no window."""
OVERLAP_S = 0.25
"""Audio that goes back by no more than this was sent twice: the repeated part is dropped."""
RECORDED_GAP_S = 300.0
"""The longest gap within a recording; a longer jump is a discontinuity."""
LIVE_GAP_TOLERANCE_S = 15.0
"""A live gap may exceed the wall time since the last block by this: players are sent some seconds at once."""
LIVE_LEAD_S = 60.0
"""Neither a gap nor a web server that sends faster than time passes may carry a live timeline further ahead
of the wall clock than this."""
REANCHOR_SLACK_S = 1.0
"""After a discontinuity a live timeline follows the wall clock if it lags by more; else it just goes on."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The audio of one window: as `Window`, before anybody listened to it."""

    index: int
    pcm: Pcm
    origin: float
    heard_s: float


class WindowCutter:
    """Turns blocks of one run into windows, in order; pure but for the clock that is passed in.

    The timeline counts samples from the stream's origin and never goes back. Media time only says how blocks
    lie relative to each other: a jump within bounds is a gap in the timeline (zeros inside a window, no
    window where nothing was heard), any other jump joins the new media time to the timeline afresh. A live
    run joins at the wall clock's place, `clock() - origin`, a recording at its own media time, which is 0 at
    the start of the file.
    """

    def __init__(self, position: Position, *, live: bool, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives seconds since the epoch."""
        self._clock = clock
        self._live = live
        self._origin = position.origin
        self._settled = position.origin is not None
        """Whether the origin is final: a window that was handed out has told it."""
        self._first_sample = position.next_index * WINDOW_SAMPLES
        """Samples before this belong to windows that were settled in an earlier run."""
        self._cursor = 0
        """The timeline's next sample."""
        self._anchored = False
        self._media_ahead_s = 0.0
        """Media time minus timeline, as of the last anchor."""
        self._last_block_at = 0.0
        self._index = position.next_index
        self._samples = np.zeros(WINDOW_SAMPLES, np.int16)
        self._heard = 0
        self._end = 0
        """Where the audio of the window in progress ends, in samples from its start."""
        self.gaps = 0
        self.discontinuities = 0

    @property
    def origin(self) -> float | None:
        """Seconds since the epoch at which the timeline starts; None before the first audio."""
        return self._origin

    def feed(self, time_s: float, pcm: Pcm) -> list[Cut]:
        """Take the block that begins at media time `time_s`; return the windows that it completes."""
        if not len(pcm):
            return []
        # A live block arrives once it has sounded, or later.
        began_at = self._clock() - (len(pcm) / SAMPLE_RATE_HZ if self._live else 0.0)
        if self._origin is None:
            self._origin = began_at
        if not self._anchored:
            self._join(time_s, began_at)
        else:
            pcm = self._align(time_s, pcm, began_at)
        self._last_block_at = began_at
        if self._live and not self._settled:
            # Servers send what they have kept when one connects: it is as much older than the wall clock.
            self._origin = min(self._origin, began_at - self._cursor / SAMPLE_RATE_HZ)
        return list(self._append(pcm))

    def ahead(self) -> bool:
        """Say whether a live timeline is so far ahead of the wall clock that it is to be read slower."""
        lead_s = self._cursor / SAMPLE_RATE_HZ - self._place_s(self._clock())
        return self._live and lead_s > LIVE_LEAD_S

    def overdue(self, now: float, patience_s: float) -> Cut | None:
        """Return the window in progress if the clock says that nothing of it can come any more.

        That is `patience_s` after its end, at `now` seconds since the epoch. What was not heard is silence.
        """
        end = (self._index + 1) * WINDOW_SAMPLES
        if not self._heard or self._place_s(now) < end / SAMPLE_RATE_HZ + patience_s:
            return None
        self._cursor = end
        return self._cut()

    def flush(self) -> Cut | None:
        """Return the window in progress, if a word can have been heard in it, and begin the next one."""
        if self._heard < MIN_PARTIAL_SAMPLES:
            return None
        cut = self._cut()
        self._first_sample = max(self._first_sample, self._index * WINDOW_SAMPLES)
        return cut

    def _place_s(self, now: float) -> float:
        """Where on the timeline the wall clock stands."""
        return now - self._origin if self._origin is not None else 0.0

    def _join(self, time_s: float, now: float) -> None:
        self._anchored = True
        place_s = max(0.0, self._place_s(now) if self._live else time_s)
        due_s = self._first_sample / SAMPLE_RATE_HZ
        if not self._live and place_s > due_s + RECORDED_GAP_S:
            # Nothing said where the file begins, and its time stamps begin anywhere.
            self.discontinuities += 1
            place_s = due_s
        self._cursor = round(place_s * SAMPLE_RATE_HZ)
        self._anchor(time_s)

    def _anchor(self, time_s: float) -> None:
        self._media_ahead_s = time_s - self._cursor / SAMPLE_RATE_HZ

    def _align(self, time_s: float, pcm: Pcm, now: float) -> Pcm:
        """Move the cursor to where the block belongs; return what of the block is new."""
        jump_s = time_s - self._media_ahead_s - self._cursor / SAMPLE_RATE_HZ
        if abs(jump_s) < JITTER_S:
            return pcm
        if 0 < jump_s <= self._longest_gap_s(now):
            self.gaps += 1
            self._cursor += round(jump_s * SAMPLE_RATE_HZ)
            return pcm
        if -OVERLAP_S <= jump_s < 0:
            return pcm[round(-jump_s * SAMPLE_RATE_HZ) :]
        self.discontinuities += 1
        if self._live:
            lag_s = self._place_s(now) - self._cursor / SAMPLE_RATE_HZ
            if lag_s > REANCHOR_SLACK_S:
                self._cursor += round(lag_s * SAMPLE_RATE_HZ)
        self._anchor(time_s)
        return pcm

    def _longest_gap_s(self, now: float) -> float:
        if not self._live:
            return RECORDED_GAP_S
        lead_s = self._cursor / SAMPLE_RATE_HZ - self._place_s(now)
        return min(now - self._last_block_at + LIVE_GAP_TOLERANCE_S, LIVE_LEAD_S - lead_s)

    def _append(self, pcm: Pcm) -> Iterator[Cut]:
        settled = self._first_sample - self._cursor
        if settled > 0:
            dropped = min(settled, len(pcm))
            self._cursor += dropped
            pcm = pcm[dropped:]
        while len(pcm):
            index, start = divmod(self._cursor, WINDOW_SAMPLES)
            if index != self._index:
                if self._heard:
                    yield self._cut()
                self._index = index
            taken = min(len(pcm), WINDOW_SAMPLES - start)
            self._samples[start : start + taken] = pcm[:taken]
            self._heard += taken
            self._end = start + taken
            self._cursor += taken
            pcm = pcm[taken:]
            if self._end == WINDOW_SAMPLES:
                yield self._cut()

    def _cut(self) -> Cut:
        """Take the window in progress. One that a gap cut short is whole: its rest is silence."""
        self._settled = True
        whole = self._cursor >= (self._index + 1) * WINDOW_SAMPLES
        pcm = self._samples if whole else self._samples[: self._end].copy()
        cut = Cut(self._index, pcm, self._origin or 0.0, self._heard / SAMPLE_RATE_HZ)
        self._samples = np.zeros(WINDOW_SAMPLES, np.int16)
        self._heard = self._end = 0
        self._index += 1
        return cut
