"""A voice made of sines, and what an encoder makes of the silence after it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.interfaces import SAMPLE_RATE_HZ, Samples

SEED = 1
PITCH_HZ = (90.0, 200.0)
FORMANTS_HZ = ((300.0, 800.0), (900.0, 2200.0), (2300.0, 3000.0))
FORMANT_WIDTHS_HZ = (80.0, 120.0, 200.0)
"""Ranges of a voice's pitch and first three resonances, and their bandwidths, after Peterson and Barney,
"Control methods used in a study of the vowels" (1952)."""
SYLLABLE_S = (0.12, 0.30)
PAUSE_S = (0.02, 0.15)
LEVEL = 0.3
HIGHEST_HZ = 4_000.0


def babble(seconds: float) -> Samples:
    """Return vowels in a row, the same ones each time: not speech, but voice enough for an encoder."""
    random = np.random.default_rng(SEED)
    pieces: list[NDArray[np.float64]] = []
    length = round(seconds * SAMPLE_RATE_HZ)
    while sum(map(len, pieces)) < length:
        pieces.append(_syllable(random))
        pieces.append(np.zeros(round(random.uniform(*PAUSE_S) * SAMPLE_RATE_HZ)))
    return np.concatenate(pieces)[:length].astype(np.float32)


def _syllable(random: np.random.Generator) -> NDArray[np.float64]:
    time_s = np.arange(round(random.uniform(*SYLLABLE_S) * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    harmonics_hz = random.uniform(*PITCH_HZ) * np.arange(1, 45)
    harmonics_hz = harmonics_hz[harmonics_hz < HIGHEST_HZ]
    strengths = np.zeros_like(harmonics_hz)
    for place_hz, width_hz in zip(FORMANTS_HZ, FORMANT_WIDTHS_HZ, strict=True):
        distance = (harmonics_hz - random.uniform(*place_hz)) / width_hz
        strengths += 1.0 / (1.0 + distance**2)
    waves = np.sin(2 * np.pi * harmonics_hz[:, None] * time_s)
    voice: NDArray[np.float64] = strengths @ waves
    shaped: NDArray[np.float64] = voice / np.abs(voice).max() * LEVEL * np.hanning(len(voice)) ** 0.3
    return shaped


def halve(encoded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average each two neighbours in time: (n, positions, width) becomes (n, positions // 2, width)."""
    count, positions, width = encoded.shape
    pairs = encoded[:, : positions // 2 * 2].reshape(count, positions // 2, 2, width)
    halved: NDArray[np.float32] = pairs.mean(axis=2, dtype=np.float32)
    return halved


def pooled(encoded: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Average neighbours in time to `count` positions: (n, positions, width) becomes (n, count, width)."""
    parts = np.array_split(encoded, count, axis=1)
    shorter: NDArray[np.float32] = np.stack([part.mean(axis=1, dtype=np.float32) for part in parts], axis=1)
    return shorter
