"""Sounds without words for tests: mostly a glottal source through formants, after Klatt (1980).

A stand-in for recordings that a repository cannot carry: it shows that rules work, not how often they err.
YAMNet takes the moans, the screams, the shots and the siren for what they are, the dog for some animal,
and the laughter mostly for speech.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.interfaces import Samples

RATE_HZ = 16_000
Wave = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Breath:
    """How air sounds in the throat: its formants, and the noise beside them."""

    formants_hz: tuple[float, ...]
    bandwidths_hz: tuple[float, ...] = (90.0, 110.0, 170.0, 250.0)


OPEN = Breath((850.0, 1250.0, 2850.0, 3900.0))
"""A vowel like the one in `father`, of a woman (Peterson and Barney, 1952)."""
CENTRAL = Breath((500.0, 1350.0, 1690.0, 3300.0))
"""A vowel like the one in `bird`: the tongue lies where it rests."""


def vocalise(
    seconds: float,
    pitches_hz: Sequence[float],
    *,
    breath: Breath = OPEN,
    breathiness: float = 0.25,
    seed: int = 0,
) -> Wave:
    """Return one voiced sound of `seconds` whose pitch runs through `pitches_hz` in equal steps, peak 1."""
    random = np.random.default_rng(seed)
    count = round(seconds * RATE_HZ)
    places = np.linspace(0.0, 1.0, count)
    pitch_hz = np.interp(places, np.linspace(0.0, 1.0, len(pitches_hz)), pitches_hz)
    jitter = np.interp(places, np.linspace(0, 1, 40), random.normal(1.0, 0.012, 40))
    vibrato = 1 + 0.012 * np.sin(2 * np.pi * 5.3 * places * seconds)
    phase = np.cumsum(pitch_hz * jitter * vibrato) / RATE_HZ
    source = _glottal_flow(phase % 1.0)
    air = np.diff(random.normal(0.0, 1.0, count + 1)) * (0.3 + source / (source.max() + 1e-9))
    voiced = np.diff(source, prepend=0.0)
    voiced /= np.abs(voiced).max()
    mixed = voiced + breathiness * 0.25 * air
    sound: Wave = _resonate(mixed, breath) * _swell(count, 0.12, 0.3)
    sound /= np.abs(sound).max()
    return sound


def breathe(seconds: float, *, breath: Breath = OPEN, seed: int = 0) -> Wave:
    """Return the noise of breathing in or out for `seconds`, peak 1."""
    count = round(seconds * RATE_HZ)
    noise = np.random.default_rng(seed).normal(0.0, 1.0, count)
    wide = Breath(breath.formants_hz, tuple(3 * width for width in breath.bandwidths_hz))
    sound: Wave = _resonate(noise, wide) * _swell(count, 0.35, 0.5)
    sound /= np.abs(sound).max()
    return sound


def rest(seconds: float) -> Wave:
    """Return silence."""
    return np.zeros(round(seconds * RATE_HZ))


def moaning(seconds: float = 10.0, *, pitch_hz: float = 270.0, seed: int = 0) -> Samples:
    """Return somebody who moans: rises and falls of 0.5 to 1 s, with breath between, for `seconds`."""
    random = np.random.default_rng(seed)
    pieces: list[Wave] = []
    while sum(map(len, pieces)) < seconds * RATE_HZ:
        number = len(pieces)
        length_s = random.uniform(0.5, 1.0)
        low_hz = pitch_hz * random.uniform(0.8, 1.0)
        course = [low_hz, 1.35 * low_hz, 1.1 * low_hz, 0.9 * low_hz]
        voice = vocalise(length_s, course, breath=CENTRAL, breathiness=1.6, seed=seed + number)
        pieces += [0.6 * voice, rest(0.1), 0.12 * breathe(random.uniform(0.3, 0.6), seed=seed + number)]
        pieces.append(rest(random.uniform(0.05, 0.2)))
    return _clip(pieces, seconds)


def laughing(seconds: float) -> Samples:
    """Return somebody who laughs: runs of short, falling, breathy syllables at four a second."""
    pieces: list[Wave] = []
    while sum(map(len, pieces)) < seconds * RATE_HZ:
        for number in range(7):
            top_hz = 450.0 - 20.0 * number
            syllable = vocalise(0.14, [top_hz, 0.8 * top_hz], breathiness=1.0, seed=number)
            pieces += [0.6 * syllable, 0.2 * breathe(0.1, seed=number)]
        pieces += [0.2 * breathe(0.4, seed=9), rest(0.3)]
    return _clip(pieces, seconds)


def singing(seconds: float) -> Samples:
    """Return somebody who sings a slow scale without words, steady, with vibrato."""
    scale_hz = 220.0 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
    pieces: list[Wave] = []
    for number in range(int(seconds / 1.2) + 1):
        tone_hz = float(scale_hz[number % len(scale_hz)])
        pieces.append(0.6 * vocalise(1.2, [tone_hz, tone_hz], breathiness=0.05, seed=number))
    return _clip(pieces, seconds)


def barking(seconds: float) -> Samples:
    """Return a small dog: short bursts whose pitch falls fast."""
    throat = Breath((600.0, 1500.0, 2600.0, 3600.0), (200.0, 250.0, 300.0, 400.0))
    pieces: list[Wave] = []
    for number in range(int(seconds / 0.35) + 1):
        pieces += [
            0.9 * vocalise(0.1, [720.0, 900.0, 500.0], breath=throat, breathiness=0.5, seed=number),
            rest(0.25),
        ]
    return _clip(pieces, seconds)


def siren(seconds: float) -> Samples:
    """Return a siren that goes up and down every four seconds."""
    places_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    pitch_hz = 500.0 + 500.0 * np.abs(2 * (places_s / 4.0 % 1.0) - 1)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    sound: Wave = sum((np.sin(part * phase) / part for part in range(2, 8)), np.sin(phase))
    return _clip([0.4 * sound / np.abs(sound).max()], seconds)


def screaming(seconds: float) -> Samples:
    """Return somebody who screams: a strained voice, high, for more than a second each time."""
    strained = Breath((1100.0, 1800.0, 3000.0, 4000.0))
    pieces: list[Wave] = []
    for number in range(int(seconds / 1.7) + 1):
        pieces.append(
            vocalise(1.5, [700.0, 1050.0, 1000.0, 800.0], breath=strained, breathiness=0.8, seed=number)
        )
        pieces.append(rest(0.2))
    return _clip(pieces, seconds)


def shots(seconds: float, times_s: Sequence[float]) -> Samples:
    """Return a shot outdoors at each of `times_s`: a dull crack, its tail, and two echoes."""
    random = np.random.default_rng(3)
    length = round(0.9 * RATE_HZ)
    after_s = np.arange(length) / RATE_HZ
    crack = random.normal(0.0, 1.0, length) * (np.exp(-after_s / 0.015) + 0.1 * np.exp(-after_s / 0.2))
    bins_hz = np.fft.rfftfreq(length, 1 / RATE_HZ)
    dull = np.fft.irfft(np.fft.rfft(crack) / np.hypot(1.0, bins_hz / 400.0), length)
    sound = np.zeros(round((seconds + 2.0) * RATE_HZ))
    for time_s in times_s:
        for delay_s, share in ((0.0, 1.0), (0.12, 0.3), (0.23, 0.2), (0.35, 0.06)):
            start = round((time_s + delay_s) * RATE_HZ)
            sound[start : start + length] += share * dull
    return _clip([0.9 * sound / np.abs(sound).max()], seconds)


def _clip(pieces: Sequence[Wave], seconds: float) -> Samples:
    return np.concatenate(pieces)[: round(seconds * RATE_HZ)].astype(np.float32)


def _glottal_flow(phase: Wave) -> Wave:
    """Rosenberg's pulse: opens for 0.4 of a period, closes within 0.16."""
    opening, closing = 0.40, 0.16
    rising = 0.5 * (1 - np.cos(np.pi * phase / opening))
    falling = np.cos(0.5 * np.pi * (phase - opening) / closing)
    return np.where(phase < opening, rising, np.where(phase < opening + closing, falling, 0.0))


def _resonate(source: Wave, breath: Breath) -> Wave:
    """Filter by a cascade of resonators, in the spectrum."""
    size = len(source) + RATE_HZ // 5
    response = np.ones(size // 2 + 1, np.complex128)
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(size))
    for formant_hz, width_hz in zip(breath.formants_hz, breath.bandwidths_hz, strict=True):
        radius = np.exp(-np.pi * width_hz / RATE_HZ)
        turn = 2 * radius * np.cos(2 * np.pi * formant_hz / RATE_HZ)
        response *= (1 - turn + radius**2) / (1 - turn * z + radius**2 * z**2)
    return np.fft.irfft(np.fft.rfft(source, size) * response, size)[: len(source)]


def _swell(count: int, attack: float, release: float) -> Wave:
    places = np.linspace(0.0, 1.0, count)
    return np.minimum(1.0, np.minimum(places / attack, (1 - places) / release)) ** 0.8
