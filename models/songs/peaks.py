"""The peaks of a spectrogram: what of a sound survives speech over it, codecs, and a small change of speed.

After A. Wang, "An industrial-strength audio search algorithm", ISMIR 2003. Frequencies are measured on a
logarithmic scale and, like times, between the points of the grid by a parabola through three of them: peaks
of music under speech at the same loudness stay within 9 ms and a twelfth of a semitone (standard deviations
measured on 44 pieces).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models.fourier import transform
from models.interfaces import SAMPLE_RATE_HZ, Samples

RATE_HZ = SAMPLE_RATE_HZ // 2
"""Nothing above 3.6 kHz is looked at, so half of the samples do."""
FRAME_SAMPLES, HOP_SAMPLES = 1024, 256
"""At RATE_HZ: 128 and 32 ms."""
FRAME_RATE_HZ = RATE_HZ / HOP_SAMPLES
BIN_HZ = RATE_HZ / FRAME_SAMPLES
FIRST_BIN, LAST_BIN = 38, 460
"""297 to 3594 Hz: what telephones and 8 kHz recordings keep."""
NEAR_FRAMES, NEAR_BINS = 3, 5
"""A peak is the greatest within so many frames and bins on either side."""
BANDS = 5
"""Of equal width in octaves. Each has its own share of peaks: speech is loudest in the lower ones and must
not take them all."""
CELL_FRAMES = 12
"""0.4 s: the strongest peaks of each band are kept in so many frames."""
STEPS_PER_OCTAVE = 24
STEPS = STEPS_PER_OCTAVE * float(np.log2((LAST_BIN + 0.5) / FIRST_BIN))
SILENCE = 1e-4
"""Of power: about a thousand times that of the rounding of 16-bit samples."""
BLOCK_FRAMES = 32
"""Spectra are made so many at a time: what they need then stays in the processor's cache."""
AROUND_BINS = 16
"""A peak's prominence is over the mean of so many bins on either side."""

WINDOW = np.hanning(FRAME_SAMPLES + 1)[:-1].astype(np.float32)
HALF_BAND = (np.float32(16 / 32), np.float32(9 / 32), np.float32(-1 / 32))
"""The filter of 7 points -1 0 9 16 9 0 -1, which keeps what lies above half the band from folding into it."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Peaks:
    """Peaks in the order of time, float32 and shape (n,) each but for `ranks` (int64).

    `times` in frames, pitches in `steps` (half semitones) above FIRST_BIN, `prominences` as ratios of power,
    and `ranks`: how many of the same band and 0.4 s are stronger.
    """

    times: Floats
    steps: Floats
    prominences: Floats
    ranks: NDArray[np.int64]

    def strongest(self, per_cell: int) -> Peaks:
        """Return only so many of each band and 0.4 s."""
        kept = self.ranks < per_cell
        return Peaks(self.times[kept], self.steps[kept], self.prominences[kept], self.ranks[kept])


def find_peaks(samples: Samples, per_cell: int) -> Peaks:
    """Return the `per_cell` strongest peaks of each band and 0.4 s; blocking, 0.5 ms a second."""
    powers = _powers(_halved(samples))
    if len(powers) < 3:
        nothing = np.zeros(0, np.float32)
        return Peaks(nothing, nothing, nothing, np.zeros(0, np.int64))
    greatest = _greatest(_greatest(powers, NEAR_BINS, 1), NEAR_FRAMES, 0)
    is_peak = (powers == greatest) & (powers > SILENCE)
    is_peak[:, [0, -1]] = is_peak[[0, -1]] = False
    frames, bins = np.nonzero(is_peak)
    here = _logarithm(powers[frames, bins])
    higher = _vertex(_logarithm(powers[frames, bins - 1]), here, _logarithm(powers[frames, bins + 1]))
    later = _vertex(_logarithm(powers[frames - 1, bins]), here, _logarithm(powers[frames + 1, bins]))
    steps = STEPS_PER_OCTAVE * np.log2((bins + higher + (FIRST_BIN - 1)) / FIRST_BIN)
    bands = np.clip(BANDS * steps / STEPS, 0, BANDS - 1).astype(np.int64)
    ranks = _ranks(frames // CELL_FRAMES * BANDS + bands, here)
    times = frames + later
    kept = np.flatnonzero(ranks < per_cell)
    kept = kept[np.argsort(times[kept], kind="stable")]
    return Peaks(
        times[kept].astype(np.float32),
        steps[kept].astype(np.float32),
        _prominences(powers, frames[kept], bins[kept]),
        ranks[kept],
    )


def _halved(samples: Samples) -> Samples:
    """Return every second sample of what lies below a quarter of the sample rate."""
    count = len(samples) // 2
    padded = np.zeros(2 * count + 6, np.float32)
    padded[3 : 3 + 2 * count] = samples[: 2 * count]
    at = [padded[shift : shift + 2 * count : 2] for shift in range(7)]
    middle, near, far = HALF_BAND
    halved: Samples = middle * at[3] + near * (at[2] + at[4]) + far * (at[0] + at[6])
    return halved


def _powers(samples: Samples) -> Floats:
    """Return powers, shape (frames, bins from FIRST_BIN - 1 to LAST_BIN + 1)."""
    bins = slice(FIRST_BIN - 1, LAST_BIN + 2)
    width = bins.stop - bins.start
    if len(samples) < FRAME_SAMPLES:
        return np.zeros((0, width), np.float32)
    frames = sliding_window_view(samples, FRAME_SAMPLES)[::HOP_SAMPLES]
    powers = np.empty((len(frames), width), np.float32)
    windowed = np.empty((BLOCK_FRAMES, FRAME_SAMPLES), np.float32)
    for start in range(0, len(frames), BLOCK_FRAMES):
        block = frames[start : start + BLOCK_FRAMES]
        np.multiply(block, WINDOW, out=windowed[: len(block)])
        asked = transform(windowed[: len(block)], FRAME_SAMPLES)[:, bins]
        powers[start : start + len(block)] = np.square(asked.real) + np.square(asked.imag)
    return powers


def _greatest(powers: Floats, reach: int, axis: int) -> Floats:
    """Return the greatest within `reach` on either side along an axis, by windows of doubled width."""
    padding = [(0, 0), (0, 0)]
    padding[axis] = (reach, reach)
    result, width = np.pad(powers, padding), 1
    while width <= 2 * reach:
        shift = min(width, 2 * reach + 1 - width)
        first, last = [slice(None)] * 2, [slice(None)] * 2
        first[axis], last[axis] = slice(None, -shift), slice(shift, None)
        result = np.maximum(result[tuple(first)], result[tuple(last)])
        width += shift
    return result


def _logarithm(powers: Floats) -> Floats:
    logarithm: Floats = np.log(powers + np.float32(1e-12))
    return logarithm


def _vertex(before: Floats, here: Floats, after: Floats) -> Floats:
    """Return where between -0.5 and 0.5 the parabola through three points one apart is highest."""
    bend = np.minimum(before - 2 * here + after, np.float32(-1e-6))
    vertex: Floats = np.clip((before - after) / (2 * bend), -0.5, 0.5)
    return vertex


def _ranks(cells: NDArray[np.int64], levels: Floats) -> NDArray[np.int64]:
    """Return how many of the same cell are stronger."""
    order = np.lexsort((-levels, cells))
    ordered = cells[order]
    ranks = np.empty(len(cells), np.int64)
    ranks[order] = np.arange(len(cells)) - np.searchsorted(ordered, ordered, side="left")
    return ranks


def _prominences(powers: Floats, frames: NDArray[np.int64], bins: NDArray[np.int64]) -> Floats:
    around = np.clip(bins[:, None] + np.arange(-AROUND_BINS, AROUND_BINS + 1), 0, powers.shape[1] - 1)
    level: Floats = powers[frames[:, None], around].mean(axis=1) + np.float32(1e-12)
    prominences: Floats = powers[frames, bins] / level
    return prominences
