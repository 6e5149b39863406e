"""How high somebody speaks: the fundamental frequency, by autocorrelation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models.fourier import inverse, powers
from models.interfaces import SAMPLE_RATE_HZ, Samples

LOWEST_HZ, HIGHEST_HZ = 65.0, 500.0
"""A bass's low notes and a small child's high ones (Hillenbrand et al. 1995: means of 131, 220 and 237 Hz for
men, women and children of ten to twelve)."""
WINDOW_S, HOP_S = 0.046, 0.02
"""Three periods of LOWEST_HZ, as Boersma takes them for speech."""
FFT = 1024
"""A frame and the longest lag fit in: what wraps around falls on longer lags only."""
LAG_RATE_HZ = 8_000
"""Autocorrelation is taken below 4 kHz only: there the harmonics are, above is breath."""
VOICED = 0.45
"""Normalised autocorrelation from which a frame is voiced (Boersma 1993, standard parameters)."""
OCTAVE_COST = 0.03
"""What a candidate loses for each octave below HIGHEST_HZ: two periods are as alike as one."""
QUIETER_DB = 25.0
"""Frames that are quieter than the loudest ones by more are pauses and breath."""
LOUD_PERCENTILE = 95
MIN_VOICED_S, MIN_PERIODICITY = 0.5, 0.6
"""Less voiced speech says nothing about a voice; babble of many and noise are less periodic than one voice,
which had 0.70 at the least in the recordings of docs/accuracy.md."""


@dataclass(frozen=True, slots=True)
class Pitch:
    """The voice of a stretch of speech."""

    voiced_s: float
    """How long the vocal cords were heard."""
    voiced_share: float
    """Of the frames that are not pauses, 0..1."""
    median_hz: float
    """0.0 where nothing is voiced."""
    spread_semitones: float
    """Half of what lies between the 16th and the 84th percentile: how lively the melody is."""
    periodicity: float
    """Median normalised autocorrelation of voiced frames, VOICED..1: how little breath is in them."""
    voiced_frames: NDArray[np.intp]
    """Where the voiced frames begin, in samples; each is WINDOW_S long. Shape (voiced,)."""

    @property
    def clear(self) -> bool:
        """Whether one voice is heard, and long enough to judge it."""
        return self.voiced_s >= MIN_VOICED_S and self.periodicity >= MIN_PERIODICITY


SILENT = Pitch(0.0, 0.0, 0.0, 0.0, 0.0, np.zeros(0, np.intp))
"""The pitch of nothing."""


def track_pitch(samples: Samples) -> Pitch:
    """Measure the pitch of `samples`, shape (n,), 16 kHz; a few milliseconds of one core for a second.

    P. Boersma (1993), "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise
    ratio of a sampled sound": the autocorrelation of a windowed frame, divided by the window's own, is
    highest at the period. Frames stand alone, a median over all of them needs no tracking.
    """
    width, hop = round(WINDOW_S * SAMPLE_RATE_HZ), round(HOP_S * SAMPLE_RATE_HZ)
    if len(samples) < width:
        return SILENT
    frames = sliding_window_view(samples, width)[::hop]
    frames = frames - frames.mean(axis=1, keepdims=True)
    loud_db = 10 * np.log10(np.mean(np.square(frames), axis=1) + 1e-12)
    heard = np.flatnonzero(loud_db > max(np.percentile(loud_db, LOUD_PERCENTILE) - QUIETER_DB, -70.0))
    if not len(heard):
        return SILENT
    likeness = _autocorrelation(frames[heard])
    first, last = int(LAG_RATE_HZ / HIGHEST_HZ), int(LAG_RATE_HZ / LOWEST_HZ)
    octaves = np.log2(np.arange(first, last + 1) / first)
    best = first + np.argmax(likeness[:, first : last + 1] - OCTAVE_COST * octaves, axis=1)
    rows = np.arange(len(heard))
    strength, period = _peak(likeness[rows, best - 1], likeness[rows, best], likeness[rows, best + 1], best)
    # At either end it is no peak: a rumble or a whistle.
    voiced = (strength >= VOICED) & (best > first) & (best < last)
    if not voiced.any():
        return SILENT
    pitches_hz = LAG_RATE_HZ / period[voiced]
    low_hz, median_hz, high_hz = np.percentile(pitches_hz, [16, 50, 84])
    return Pitch(
        voiced_s=float(voiced.sum() * HOP_S),
        voiced_share=float(voiced.mean()),
        median_hz=float(median_hz),
        spread_semitones=float(6 * np.log2(high_hz / low_hz)),
        periodicity=float(np.clip(np.median(strength[voiced]), 0.0, 1.0)),
        voiced_frames=heard[voiced] * hop,
    )


def _autocorrelation(frames: NDArray[np.float32]) -> NDArray[np.float64]:
    """Normalised, one row a frame, one column a lag at LAG_RATE_HZ."""
    window = np.hanning(frames.shape[1] + 2)[1:-1].astype(np.float32)
    kept = FFT * LAG_RATE_HZ // SAMPLE_RATE_HZ // 2 + 1
    # The window's own likeness is a last row.
    windowed = np.concatenate([frames * window, window[np.newaxis]])
    raw = inverse(powers(windowed, FFT)[:, :kept])[:, : kept // 2].astype(np.float64)
    normal = raw / (raw[:, :1] + 1e-12)
    likeness: NDArray[np.float64] = normal[:-1] / np.maximum(normal[-1], 1e-3)
    return likeness


def _peak(
    before: NDArray[np.float64], top: NDArray[np.float64], after: NDArray[np.float64], lag: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return height and place of the parabola through three neighbours."""
    bend = before - 2 * top + after
    shift = np.where(np.abs(bend) > 1e-9, 0.5 * (before - after) / np.where(bend == 0, 1, bend), 0.0)
    shift = np.clip(shift, -0.5, 0.5)
    return top - 0.25 * (before - after) * shift, lag.astype(np.float64) + shift
