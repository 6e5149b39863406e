"""Songs by the thousand for measuring: of the peaks of real music, so that hashes are as common as there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from config.taxonomy import RiskType
from models.songs.fingerprint import TICK_RATE_HZ, fingerprint
from models.songs.index import NewRecording
from models.songs.peaks import (
    BANDS,
    CELL_FRAMES,
    FRAME_RATE_HZ,
    STEPS,
    STEPS_PER_OCTAVE,
    Floats,
    Peaks,
)

SONG_S = 180
SOURCE_PER_CELL = 4
"""Peaks that a piece is to be given with: more than are enrolled, as others may outdo them in a mixture."""
SLOWEST, FASTEST = 1.06, 1.33
"""Each piece is played faster or slower by this, so that no fragment played 2 % off is one of it, rightly."""
QUIETEST_DB = -12.0
TILT_DB = 6.0
"""Up to so much brighter or duller an octave."""


def synthetic_songs(pieces: Sequence[Peaks], numbers: Iterable[int]) -> Iterator[NewRecording]:
    """Yield a song of three minutes for each number, always the same.

    It is made of two pieces, played at other speeds, mixed and equalised. The peaks of both are moved in
    time and pitch as playback would move them, and the strongest of each band and 0.4 s are kept, as of a
    recording. So rhythms, intervals, repetitions and harmonics are real ones.
    """
    for number in numbers:
        random = np.random.default_rng(number)
        first, second = random.choice(len(pieces), 2, replace=False)
        loud = _played(pieces[first], random)
        quiet = _played(pieces[second], random)
        gain = 10 ** (random.uniform(QUIETEST_DB, 0.0) / 10)
        quiet = Peaks(quiet.times, quiet.steps, quiet.prominences * np.float32(gain), quiet.ranks)
        kept = fingerprint(_mixed(loud, quiet))
        yield NewRecording(f"song {number}", RiskType.COPYRIGHTSONGS, round(SONG_S * TICK_RATE_HZ), kept)


def _played(piece: Peaks, random: np.random.Generator) -> Peaks:
    """Return a piece at another speed from anywhere on, repeated until it is long enough."""
    speed = np.exp(random.choice([-1, 1]) * random.uniform(np.log(SLOWEST), np.log(FASTEST)))
    tilt_db = random.uniform(-TILT_DB, TILT_DB)
    frames = SONG_S * FRAME_RATE_HZ
    length = float(piece.times[-1]) / speed + 1
    rounds = np.arange(int(np.ceil(frames / length)) + 1) * length - random.uniform(0, length)
    times = (piece.times / speed + rounds[:, None]).ravel()
    steps = np.tile(piece.steps + STEPS_PER_OCTAVE * np.log2(speed), len(rounds))
    strengths = np.tile(piece.prominences, len(rounds)) * 10 ** (tilt_db / 10 * steps / STEPS_PER_OCTAVE)
    kept = (times >= 0) & (times < frames) & (steps >= 0) & (steps < STEPS)
    return Peaks(
        _single(times[kept]), _single(steps[kept]), _single(strengths[kept]), np.zeros(kept.sum(), int)
    )


def _mixed(one: Peaks, other: Peaks) -> Peaks:
    """Return the strongest peak of each band and 0.4 s."""
    times, steps, strengths = (
        np.concatenate(pair)
        for pair in (
            (one.times, other.times),
            (one.steps, other.steps),
            (one.prominences, other.prominences),
        )
    )
    bands = np.clip(BANDS * steps / STEPS, 0, BANDS - 1).astype(np.int64)
    cells = np.floor(times / CELL_FRAMES).astype(np.int64) * BANDS + bands
    order = np.lexsort((-strengths, cells))
    strongest = order[np.flatnonzero(np.diff(cells[order], prepend=-1))]
    strongest = strongest[np.argsort(times[strongest], kind="stable")]
    return Peaks(times[strongest], steps[strongest], strengths[strongest], np.zeros(len(strongest), int))


def _single(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Floats:
    return values.astype(np.float32)
