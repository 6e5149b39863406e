"""Mel spectra in numpy, in the forms that the models here were trained with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models.fourier import powers
from models.interfaces import Samples

Spectrum = NDArray[np.float32]
"""Shape (frames, bins)."""

Scale = Literal["htk", "slaney", "sidekit"]

BLOCK_FRAMES = 64
SLANEY_LINEAR_HZ = 1000.0
SLANEY_HZ_PER_MEL = 200.0 / 3
SLANEY_LOG_STEP = np.log(6.4) / 27
"""Slaney's Auditory Toolbox: linear up to 1 kHz, 27 steps for a factor of 6.4 above."""


def mel_bands(
    frames: Samples,
    filters: NDArray[np.float32],
    fft: int,
    *,
    power: int,
    windowed: Callable[[Samples], Samples],
) -> Spectrum:
    """Return what `filters` make of the magnitudes (`power` 1) or powers (2) of frames.

    `filters` have shape (fft // 2 + 1, bands), the result (frames, bands). `windowed` returns some of
    `frames` made ready for the transform: what some at a time need stays in the processor's cache.
    """
    bands = np.empty((len(frames), filters.shape[1]), np.float32)
    for start in range(0, len(frames), BLOCK_FRAMES):
        squares = powers(windowed(frames[start : start + BLOCK_FRAMES]), fft)
        spectra = squares if power == 2 else np.sqrt(squares, out=squares)
        np.matmul(spectra, filters, out=bands[start : start + BLOCK_FRAMES])
    return bands


def framed(samples: Samples, length: int, hop: int) -> Samples:
    """Return a view of the frames that lie wholly within `samples`, shape (frames, length)."""
    if len(samples) < length:
        return np.zeros((0, length), np.float32)
    return sliding_window_view(samples, length)[::hop]


def mel_filters(
    bands: int, fft: int, rate_hz: int, low_hz: float, high_hz: float, scale: Scale
) -> NDArray[np.float32]:
    """Return triangular filters, shape (fft // 2 + 1, bands).

    `htk` triangles are linear in mel (2595 log10(1 + f/700)) and have height 1, as TensorFlow makes them for
    YAMNet; `slaney` ones are linear in hertz and have area 1, as librosa makes them; so are `sidekit` ones,
    but their edges lie where `htk` has them.
    """
    bins_hz = np.linspace(0.0, rate_hz / 2, fft // 2 + 1)
    to_mel = _slaney if scale == "slaney" else _htk
    edges = np.linspace(to_mel(np.array(low_hz)), to_mel(np.array(high_hz)), bands + 2)
    if scale == "htk":
        places = to_mel(bins_hz)
    else:
        places, edges = bins_hz, _slaney_hz(edges) if scale == "slaney" else _htk_hz(edges)
    rising = (places[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - places[:, None]) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0.0, np.minimum(rising, falling))
    if scale == "htk":
        filters[0] = 0.0  # TensorFlow leaves the constant part out
    else:
        filters *= 2.0 / (edges[2:] - edges[:-2])
    return filters.astype(np.float32)


def _htk(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1127.0 * np.log1p(frequency_hz / 700.0)


def _htk_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return 700.0 * np.expm1(mel / 1127.0)


def _slaney(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = frequency_hz / SLANEY_HZ_PER_MEL
    above = np.maximum(frequency_hz, SLANEY_LINEAR_HZ) / SLANEY_LINEAR_HZ
    knee = SLANEY_LINEAR_HZ / SLANEY_HZ_PER_MEL
    return np.where(frequency_hz < SLANEY_LINEAR_HZ, linear, knee + np.log(above) / SLANEY_LOG_STEP)


def _slaney_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    knee = SLANEY_LINEAR_HZ / SLANEY_HZ_PER_MEL
    logarithmic = SLANEY_LINEAR_HZ * np.exp(SLANEY_LOG_STEP * (np.maximum(mel, knee) - knee))
    return np.where(mel < knee, mel * SLANEY_HZ_PER_MEL, logarithmic)
