"""Whether a recording plays: all peaks of a window laid over those of the recording around a place."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from models.songs.fingerprint import LEVELS_PER_STEP, TICKS_PER_FRAME, Integers
from models.songs.index import SongIndex
from models.songs.peaks import STEPS_PER_OCTAVE, Floats, Peaks

SPEEDS = 1.0 + 0.005 * np.arange(-4, 5)
"""Playback speeds that are tried; those between lie near enough."""
STEPS_FASTER = (STEPS_PER_OCTAVE * np.log2(SPEEDS)).astype(np.float32)
NEAR_STEPS = 0.3
"""A peak of the window is one of the recording when it lies so near: a seventh of a semitone."""
LAG_TICKS = 2
"""Lags are counted in 16 ms; three of them in a row count as one place."""
MAX_LAGS = 40
"""On either side of the place that is asked about: 0.64 s."""
LAGS = 2 * MAX_LAGS + 1
FULL_SHARE = 0.95
"""Of the other lags so many have fewer pairs than are expected by chance. Not their mean: in music with a
steady beat pairs gather at lags that are beats apart, and what only shares the beat would be named."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """How well two sets of peaks fit.

    `aligned` pairs of peaks fit at one lag and `speed`, `expected` ones at the fuller of the other lags;
    `aligned_now` and `expected_now` are those in the part of the window that counts. `place` lies in the
    recording that fits: the middle of the window may not, where the recording begins or ends in it. `pitches`
    is how many half semitones the aligned pairs are of, counted as if each had as many.
    """

    aligned: int
    expected: int
    aligned_now: int
    expected_now: int
    speed: float
    place: int
    pitches: float

    @property
    def surprise(self) -> float:
        """Say how rarely so many fit by chance, see `surprise`."""
        return surprise(self.aligned, self.expected)

    @property
    def surprise_now(self) -> float:
        """Say the same of the part that counts."""
        return surprise(self.aligned_now, self.expected_now)


def align(index: SongIndex, place: int, asked: Peaks, middle: float, now: float) -> Alignment:
    """Lay `asked` over the index so that frame `middle` of it lies at `place`, at each speed.

    Frames from `now` on are the part that counts. Only pairs of about the same pitch are looked at, which
    bounds the work: some thousands.
    """
    times = asked.times - np.float32(middle)
    reach = TICKS_PER_FRAME * (np.abs(times).max(initial=0.0) * SPEEDS[-1]) + MAX_LAGS * LAG_TICKS
    # Of the type of what is searched: else numpy converts all of that first.
    ends = np.array([max(0, round(place - reach)), round(place + reach)], index.peak_places.dtype)
    first, last = np.searchsorted(index.peak_places, ends)
    ticks = index.peak_places[first:last].astype(np.int64) - place
    steps = index.peak_levels[first:last].astype(np.float32) / np.float32(LEVELS_PER_STEP)
    mine, theirs = _of_a_pitch(asked.steps, steps)
    asked_ticks = times * np.float32(TICKS_PER_FRAME)
    near = np.abs(asked_ticks[mine] - ticks[theirs]) < MAX_LAGS * LAG_TICKS + reach * (SPEEDS[-1] - 1.0)
    mine, theirs = mine[near], theirs[near]
    higher = asked.steps[mine] - steps[theirs]
    rows, pairs = np.nonzero(np.abs(higher - STEPS_FASTER[:, None]) < NEAR_STEPS)
    apart = asked_ticks[mine][pairs] - ticks[theirs][pairs] / SPEEDS[rows]
    lags = np.rint(apart / LAG_TICKS).astype(np.int64) + MAX_LAGS
    inside = (lags >= 0) & (lags < LAGS)
    rows, pairs, lags = rows[inside], pairs[inside], lags[inside]
    counts = np.bincount(rows * LAGS + lags, minlength=len(SPEEDS) * LAGS).reshape(len(SPEEDS), LAGS)
    best, lag = _fullest(counts)
    pairs, lags = pairs[rows == best], lags[rows == best]
    counts_now = np.bincount(lags[times[mine][pairs] >= now - middle], minlength=LAGS)
    aligned, expected = _against_others(counts[best], lag)
    aligned_now, expected_now = _against_others(counts_now, lag)
    agreeing = theirs[pairs[(lags >= lag) & (lags <= lag + 2)]]
    place += int(np.median(ticks[agreeing])) if len(agreeing) else 0
    speed, pitches = float(SPEEDS[best]), _pitches(steps[agreeing])
    return Alignment(aligned, expected, aligned_now, expected_now, speed, place, pitches)


def _of_a_pitch(asked: Floats, steps: Floats) -> tuple[Integers, Integers]:
    """Return which of `asked` and which of `steps` are of about one pitch, at any speed that is tried."""
    order = np.argsort(asked)
    ordered = asked[order]
    low = np.searchsorted(ordered, steps + (STEPS_FASTER[0] - NEAR_STEPS))
    counts = np.searchsorted(ordered, steps + (STEPS_FASTER[-1] + NEAR_STEPS)) - low
    theirs = np.repeat(np.arange(len(steps)), counts)
    within = np.arange(len(theirs)) - np.repeat(np.cumsum(counts) - counts, counts)
    return order[low[theirs] + within], theirs


def _fullest(counts: Integers) -> tuple[int, int]:
    """Return the speed and the lag around which most pairs lie, measured against the mean of that speed."""
    around = _in_three(counts)
    best, lag = np.unravel_index(int(np.argmax(around - around.mean(axis=1, keepdims=True))), around.shape)
    return int(best), int(lag)


def _against_others(counts: Integers, lag: int) -> tuple[int, int]:
    """Return how many pairs lie around `lag`, and around the fuller of the others that share none with it."""
    around = _in_three(counts)
    others = np.sort(np.concatenate([around[: max(0, lag - 2)], around[lag + 3 :]]))
    return int(around[lag]), int(others[int(FULL_SHARE * len(others))])


def _in_three(counts: Integers) -> Integers:
    """Return sums of three lags in a row."""
    return counts[..., :-2] + counts[..., 1:-1] + counts[..., 2:]


def _pitches(steps: Floats) -> float:
    """Return the inverse of Simpson's index of concentration: 1 of one pitch, n of n that are as common."""
    counts = np.bincount(np.rint(steps).astype(np.int64))
    return float(len(steps) ** 2 / max(1, np.square(counts).sum()))


def surprise(count: int, expected: int) -> float:
    """Return minus the decimal logarithm of a bound on how probable so many are by chance.

    Chernoff's bound for Poisson's distribution: P(X >= k) <= exp(k - m - k ln(k / m)).
    """
    if count <= expected:
        return 0.0
    return (count * math.log(count / max(expected, 0.5)) - count + expected) / math.log(10)
