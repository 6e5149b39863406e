"""Fingerprints of recordings: pairs of spectral peaks, as hashes with times.

After A. Wang, "An industrial-strength audio search algorithm", ISMIR 2003: the strongest points of a
spectrogram survive noise and codecs, and two of them with their distance in time say where in a recording
they are. Frequencies are measured on a logarithmic scale between the bins, so that a window can be looked
for at other speeds by scaling its peaks instead of its sound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.interfaces import SAMPLE_RATE_HZ, Samples
from models.sound.mel import spectrum

FRAME_SAMPLES = 2048
HOP_SAMPLES = 512
FRAME_RATE_HZ = SAMPLE_RATE_HZ / HOP_SAMPLES
BIN_HZ = SAMPLE_RATE_HZ / FRAME_SAMPLES
LOWEST_HZ, HIGHEST_HZ = 250.0, 3600.0
"""What telephones and 8 kHz recordings keep."""
BAND_EDGES_HZ = (250.0, 500.0, 1000.0, 2000.0, 3600.0)
"""Every band gets its share of peaks: speech is loudest in the lower ones and must not take them all."""
NEAR_FRAMES, NEAR_BINS = 4, 5
"""A peak is the greatest within so many frames and bins on either side."""
MIN_PROMINENCE_DB = 14.0
"""Of an enrolled peak over the mean level around it; white noise seldom has more."""
ENROLLED_PEAKS_S, ASKED_PEAKS_S = 4, 10
"""Peaks a second and band: a window brings more, as some belong to what is said over the music."""
ENROLLED_PARTNERS, ASKED_PARTNERS = 3, 12
MIN_APART, MAX_APART = 3, 63
"""Frames between the two peaks of a pair."""
MAX_APART_OCTAVES = 1.0
STEPS_PER_OCTAVE = 48
BLOCK_FRAMES = 2000
"""Spectra are made so many at a time, which bounds the memory that a long recording takes."""

FIRST_BIN = int(LOWEST_HZ / BIN_HZ)
LAST_BIN = int(HIGHEST_HZ / BIN_HZ) + 1
SILENCE_DB = -50.0
"""Of the spectrum of full scale noise: less is the rounding of 16-bit samples."""
MAX_NEXT = 80
"""How many of the following peaks are looked at for partners."""
WINDOW = np.hanning(FRAME_SAMPLES).astype(np.float32)

Frames = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Peaks:
    """Spectral peaks in order of time: `frames` (int64) and `octaves` above LOWEST_HZ (float64),
    shape (n,).
    """

    frames: Frames
    octaves: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Landmarks:
    """What pairs of peaks are looked up by, shape (n,) each: `hashes` (uint32) and frames of `anchors`."""

    hashes: NDArray[np.uint32]
    anchors: Frames


def enrolled_landmarks(samples: Samples) -> Landmarks:
    """Return what of a recording is kept: few pairs, the most prominent ones."""
    peaks = find_peaks(samples, per_s=ENROLLED_PEAKS_S, min_prominence_db=MIN_PROMINENCE_DB)
    return pair(peaks, ENROLLED_PARTNERS).landmarks()


def find_peaks(samples: Samples, *, per_s: int, min_prominence_db: float = 0.0) -> Peaks:
    """Return the `per_s` strongest peaks of every second and band."""
    levels = _levels_db(samples)
    if not len(levels):
        return Peaks(np.zeros(0, np.int64), np.zeros(0))
    greatest = _greatest(_greatest(levels, NEAR_FRAMES, 0), NEAR_BINS, 1)
    around = _mean_near(levels)
    is_peak = (levels >= greatest) & (levels - around >= min_prominence_db) & (levels > SILENCE_DB)
    is_peak[:, [0, -1]] = False
    frames, bins = np.nonzero(is_peak)
    left, middle, right = (levels[frames, bins + shift] for shift in (-1, 0, 1))
    # The vertex of the parabola through three points, in bins.
    curve = np.minimum(left - 2 * middle + right, -1e-6)
    shift = np.clip(0.5 * (left - right) / curve, -0.5, 0.5)
    hz = (bins + shift + FIRST_BIN) * BIN_HZ
    kept = _strongest(frames, hz, middle, per_s)
    return Peaks(frames[kept], np.log2(np.maximum(hz[kept], LOWEST_HZ) / LOWEST_HZ))


def _levels_db(samples: Samples) -> NDArray[np.float32]:
    """Return the levels, shape (frames, bins from FIRST_BIN to before LAST_BIN), in dB."""
    count = max(0, 1 + (len(samples) - FRAME_SAMPLES) // HOP_SAMPLES)
    levels = np.empty((count, LAST_BIN - FIRST_BIN), np.float32)
    for start in range(0, count, BLOCK_FRAMES):
        begin, end = start * HOP_SAMPLES, (start + BLOCK_FRAMES - 1) * HOP_SAMPLES + FRAME_SAMPLES
        block = spectrum(samples[begin:end], WINDOW, HOP_SAMPLES, FRAME_SAMPLES, power=1)
        levels[start : start + BLOCK_FRAMES] = 20 * np.log10(block[:, FIRST_BIN:LAST_BIN] + 1e-6)
    return levels


def _greatest(levels: NDArray[np.float32], reach: int, axis: int) -> NDArray[np.float32]:
    """Return the greatest within `reach` on either side along an axis."""
    result = levels.copy()
    for shift in range(1, reach + 1):
        ahead, behind = [slice(None)] * 2, [slice(None)] * 2
        ahead[axis], behind[axis] = slice(shift, None), slice(None, -shift)
        first, last = tuple(behind), tuple(ahead)
        np.maximum(result[first], levels[last], out=result[first])
        np.maximum(result[last], levels[first], out=result[last])
    return result


def _mean_near(levels: NDArray[np.float32], reach: int = 16) -> NDArray[np.float32]:
    """Return the mean over `reach` bins on either side of the same frame."""
    padded = np.pad(levels, ((0, 0), (reach + 1, reach)), mode="reflect")
    sums = np.cumsum(padded, axis=1, dtype=np.float64)
    width = 2 * reach + 1
    return ((sums[:, width:] - sums[:, :-width]) / width).astype(np.float32)


def _strongest(
    frames: Frames, hz: NDArray[np.float64], levels: NDArray[np.float32], per_s: int
) -> NDArray[np.int64]:
    """Return which peaks are among the `per_s` strongest of their second and band, in order of time."""
    bands = np.searchsorted(BAND_EDGES_HZ[1:-1], hz)
    cells = (frames // round(FRAME_RATE_HZ)) * len(BAND_EDGES_HZ) + bands
    order = np.lexsort((-levels, cells))
    ordered = cells[order]
    first = np.searchsorted(ordered, ordered, side="left")
    return np.sort(order[np.arange(len(order)) - first < per_s])


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of peaks, shape (n,) each: `frames` of the first, frames `apart`, `octaves` of the first above
    LOWEST_HZ, and the octaves from the first to the second, `higher`.
    """

    frames: Frames
    apart: Frames
    octaves: NDArray[np.float64]
    higher: NDArray[np.float64]

    def landmarks(self, speed: float = 1.0) -> Landmarks:
        """Return the pairs as they were before playback at `speed`: lower by it, and further apart.

        Hashes hold the anchor's frequency, the ratio of both, and the time between them.
        """
        pitch = np.floor((self.octaves - np.log2(speed)) * STEPS_PER_OCTAVE).astype(np.int64) & 0xFF
        ratio = np.rint(self.higher * STEPS_PER_OCTAVE).astype(np.int64) + 128
        apart = np.rint(self.apart * speed).astype(np.int64)
        hashes = ((pitch << 16) | (ratio << 8) | apart).astype(np.uint32)
        return Landmarks(hashes, np.rint(self.frames * speed).astype(np.int64))


def pair(peaks: Peaks, partners: int) -> Pairs:
    """Return each peak with its next `partners` ones in reach."""
    count = len(peaks.frames)
    places = np.arange(count)
    # The peaks are in order of time: those in reach of each are the next ones.
    reached = np.searchsorted(peaks.frames, peaks.frames + MAX_APART, side="right")
    counts = np.minimum(reached, places + MAX_NEXT) - places
    first = np.repeat(places, counts)
    second = first + np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    apart = peaks.frames[second] - peaks.frames[first]
    higher = peaks.octaves[second] - peaks.octaves[first]
    near = (apart >= MIN_APART) & (np.abs(higher) < MAX_APART_OCTAVES)
    first, apart, higher = first[near], apart[near], higher[near]
    kept = np.arange(len(first)) - np.searchsorted(first, first, side="left") < partners
    first = first[kept]
    return Pairs(peaks.frames[first], apart[kept], peaks.octaves[first], higher[kept])
