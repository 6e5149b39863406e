"""The resonances of the mouth that speaks: formants and brightness, by linear prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.fourier import inverse, powers
from models.interfaces import SAMPLE_RATE_HZ, Samples
from models.voice.pitch import WINDOW_S, Pitch

FFT = 1024
TOP_HZ = 5_500.0
"""Five formants of a woman lie below (Praat's advice); those of a man as well."""
ORDER = 11
"""Two poles for a formant and one for the slope."""
PRE_EMPHASIS = 0.97
FEWEST_FRAMES, MOST_FRAMES = 10, 120
"""Spread over the voiced ones: medians get no better beyond."""
WIDEST_HZ = 500.0
"""A wider pole is the slope of the spectrum, not a resonance."""
LOWEST_HZ = 200.0
"""Below lies the pitch itself."""
HIGHEST_THIRD_HZ = 4_000.0
"""Above a child's third formant (Hillenbrand et al. 1995: 3702 Hz in "ee"): there one was missed, as noise
makes it happen."""
BRIGHT_HZ = 1_000.0
"""What of a voice lies above makes it bright."""


@dataclass(frozen=True, slots=True)
class Formants:
    """Medians over the voiced frames, in hertz."""

    f1_hz: float
    f2_hz: float
    f3_hz: float
    mean_hz: float
    """Geometric mean of the three: it scales with the shortness of the vocal tract."""
    centroid_hz: float
    """Centre of gravity of the amplitude spectrum below 5.5 kHz."""
    brightness_db: float
    """Power above BRIGHT_HZ against that below."""


def measure_formants(samples: Samples, pitch: Pitch) -> Formants | None:
    """Measure the voiced frames that `pitch` found in `samples`; None where there are too few.

    Selective linear prediction (J. Makhoul 1975, "Linear prediction: a tutorial review"): the all-pole model
    is fitted to the power spectrum below TOP_HZ, its poles are the resonances.
    """
    starts = pitch.voiced_frames
    if len(starts) < FEWEST_FRAMES:
        return None
    starts = starts[np.linspace(0, len(starts) - 1, min(len(starts), MOST_FRAMES)).astype(int)]
    width = round(WINDOW_S * SAMPLE_RATE_HZ)
    kept = round(TOP_HZ / SAMPLE_RATE_HZ * FFT) // 2 * 2 + 1
    frames = samples[starts[:, None] + np.arange(width)]
    window = np.hamming(width).astype(np.float32)
    plain = powers(frames * window, FFT)[:, :kept]
    frames[:, 1:] -= np.float32(PRE_EMPHASIS) * frames[:, :-1].copy()
    medians = _medians(_resonances(powers(frames * window, FFT)[:, :kept]))
    if medians is None:
        return None
    f1_hz, f2_hz, f3_hz = medians
    bins_hz = np.arange(kept) * SAMPLE_RATE_HZ / FFT
    mean_power = plain.mean(axis=0, dtype=np.float64)
    amplitudes = np.sqrt(plain)
    high = mean_power[bins_hz >= BRIGHT_HZ].sum()
    low = mean_power[bins_hz < BRIGHT_HZ].sum()
    return Formants(
        f1_hz,
        f2_hz,
        f3_hz,
        mean_hz=float(np.cbrt(f1_hz * f2_hz * f3_hz)),
        centroid_hz=float((amplitudes * bins_hz).sum() / max(amplitudes.sum(), 1e-12)),
        brightness_db=float(10 * np.log10((high + 1e-12) / (low + 1e-12))),
    )


def _resonances(spectra: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return frequencies in hertz, rising in each row, NaN behind the last; shape (frames, ORDER // 2)."""
    likeness = inverse(spectra)[:, : ORDER + 1].astype(np.float64)
    likeness[:, 0] *= 1.0 + 1e-9
    lags = np.abs(np.arange(ORDER)[:, None] - np.arange(ORDER))
    predictors = np.linalg.solve(likeness[:, lags], likeness[:, 1:, None])[..., 0]
    companion = np.zeros((len(spectra), ORDER, ORDER))
    companion[:, 0] = predictors
    companion[:, np.arange(1, ORDER), np.arange(ORDER - 1)] = 1.0
    poles = np.linalg.eigvals(companion)
    rate_hz = 2 * (spectra.shape[1] - 1) * SAMPLE_RATE_HZ / FFT
    places_hz = np.angle(poles) * rate_hz / (2 * np.pi)
    widths_hz = -np.log(np.maximum(np.abs(poles), 1e-9)) * rate_hz / np.pi
    good = (places_hz > LOWEST_HZ) & (places_hz < TOP_HZ - LOWEST_HZ) & (widths_hz < WIDEST_HZ)
    return np.sort(np.where(good, places_hz, np.nan), axis=1)[:, : ORDER // 2]


def _medians(resonances: NDArray[np.float64]) -> tuple[float, float, float] | None:
    """Return the medians of the first, the second and the third, None when they are seldom three."""
    complete = resonances[resonances[:, 2] <= HIGHEST_THIRD_HZ]
    if len(complete) < FEWEST_FRAMES:
        return None
    f1_hz, f2_hz, f3_hz = np.median(complete[:, :3], axis=0)
    return float(f1_hz), float(f2_hz), float(f3_hz)
