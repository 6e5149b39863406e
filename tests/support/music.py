"""Music for tests: chords, melodies, a bass and drums; another piece for every seed."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.interfaces import Samples
from pipeline.audio import SAMPLE_RATE_HZ, Pcm

MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)


@cache
def music(seed: int, seconds: float = 40.0) -> Samples:
    """Return a piece of music, shape (n,), 16 kHz, at most half of full scale."""
    random = np.random.default_rng(seed)
    sound = np.zeros(round(seconds * SAMPLE_RATE_HZ))
    beat_s = 60.0 / random.uniform(70, 150)
    root, scale = int(random.integers(40, 56)), (MAJOR, MINOR)[int(random.integers(2))]
    chords = random.integers(0, 7, 8)
    rhythm = random.random((2, 16))
    brightness = random.uniform(0.3, 0.8)
    step = 7

    def note(start_s: float, degree: int, length_s: float, level: float) -> None:
        hz = 440.0 * 2.0 ** ((root + 12 * (degree // 7) + scale[degree % 7] - 69) / 12)
        tone = _tone(hz, length_s, brightness, random.uniform(1, 4))
        _add(sound, start_s, level * tone)

    for beat in range(int(seconds / beat_s)):
        chord, start_s = int(chords[beat // 4 % 8]), beat * beat_s
        if beat % 2 == 0:
            for third in (0, 2, 4):
                note(start_s, chord + third + 7, 2 * beat_s, 0.12)
        note(start_s, chord - 7, beat_s, 0.25)
        for half in (0.0, 0.5):
            step = int(np.clip(step + random.integers(-3, 4), 4, 20))
            note(start_s + half * beat_s, step + 7, beat_s / 2, 0.2)
        for quarter in range(4):
            drums = rhythm[:, (4 * beat + quarter) % 16] < (0.3, 0.5)
            decay = np.exp(-np.arange(2400) / SAMPLE_RATE_HZ * (25 if drums[0] else 80))
            if drums.any():
                _add(sound, start_s + quarter * beat_s / 4, 0.1 * decay * random.normal(size=2400))
    sound += random.normal(0.0, 0.002, len(sound))
    return np.asarray(sound / np.abs(sound).max() * 0.5, np.float32)


def played_at(samples: Samples, speed: float) -> Samples:
    """Return what is heard when it is played so many times as fast: tempo and pitch change."""
    times = np.arange(int(len(samples) / speed)) * speed
    return np.asarray(np.interp(times, np.arange(len(samples)), samples), np.float32)


def mixed(samples: Samples, pcm: Pcm) -> Samples:
    """Return a sound with another one, repeated to its length, over it at the same RMS."""
    over = np.resize(pcm.astype(np.float32), len(samples))
    return np.asarray(0.5 * (samples + over * (_rms(samples) / _rms(over))), np.float32)


def to_pcm(samples: Samples) -> Pcm:
    """Return 16-bit samples."""
    return np.asarray(np.clip(np.rint(samples * 32767.0), -32768, 32767), np.int16)


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def _tone(hz: float, length_s: float, brightness: float, decay: float) -> NDArray[np.float64]:
    times_s = np.arange(round(length_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    harmonics = [
        brightness**number * np.sin(2 * np.pi * hz * (number + 1) * times_s)
        for number in range(6)
        if hz * (number + 1) < 7500
    ]
    return np.asarray(np.sum(harmonics, axis=0) * np.exp(-times_s * decay) * np.minimum(1.0, times_s * 200))


def _add(sound: NDArray[np.float64], start_s: float, part: NDArray[np.float64]) -> None:
    start = round(start_s * SAMPLE_RATE_HZ)
    room = sound[start : start + len(part)]
    room += part[: len(room)]
