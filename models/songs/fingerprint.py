"""Fingerprints of recordings: triples of spectral peaks as hashes, and the peaks themselves.

Pairs of peaks (A. Wang, ISMIR 2003) are too common among thousands of songs, groups of more are rare: R.
Sonnleitner and G. Widmer, "Robust quad-based audio fingerprinting", IEEE/ACM TASLP 2016, use four. Here it is
three, by where the first is, roughly, and by how far in pitch and time the others lie from it, which a
change of speed by 2 % hardly moves. Triples say where in which recording to look; all peaks together then say
whether it plays (models/songs/alignment.py).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.interfaces import SAMPLE_RATE_HZ, Samples
from models.songs.peaks import FRAME_RATE_HZ, STEPS, Floats, Peaks, find_peaks

TICKS_PER_FRAME = 4
TICK_RATE_HZ = FRAME_RATE_HZ * TICKS_PER_FRAME
"""Places in the index are told in ticks of 8 ms."""
TICK_SAMPLES = round(SAMPLE_RATE_HZ / TICK_RATE_HZ)
LEVELS_PER_STEP = 256
"""Pitches in the index are told in so many levels of a step."""

ENROLLED_PER_CELL, ASKED_PER_CELL, ALIGNED_PER_CELL = 1, 2, 3
"""Peaks of a band and 0.4 s. A window brings more, as some belong to what is said over the music; triples are
made of the stronger ones only."""
ENROLLED_FOLLOWERS, ASKED_FOLLOWERS = 3, 8
ENROLLED_TRIPLES = 2
"""Of each first peak: with its next two, and with its next and the one after those."""
MAX_NEXT = 16
"""Times the followers: how many of the next peaks are looked at for them."""
MIN_APART, MAX_APART = 1.5, 31.5
"""Frames between the first peak and a later one: 50 ms to a second."""
MAX_STEPS_APART = 40.0

ROOT_STEPS, APART_STEPS = 2.0, 0.5
"""Steps that count as one pitch of the first peak, and as one distance of a later one."""
ROOTS, DISTANCES, DELAYS = 64, 2 * round(MAX_STEPS_APART / APART_STEPS) + 3, round(MAX_APART) + 2
DOUBTFUL = (0.35, 0.2, 0.25, 0.2, 0.25)
"""How near to the middle between two values a number is looked up at both. For the first peak it is 2 % of
speed, for the others what speech over the music moves them by."""
SPREAD = 0x9E3779B97F4A7C15
"""2^64 divided by the golden ratio: multiplied by it, numbers spread evenly (Knuth, TAOCP 6.4)."""

Hashes = NDArray[np.uint32]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What of a recording is kept.

    `hashes` (uint32) of triples with the `anchors` (ticks of their first peaks), shape (n,); all its peaks as
    `ticks` in order, and `levels` (uint16) of pitch, shape (m,).
    """

    hashes: Hashes
    anchors: Integers
    ticks: Integers
    levels: NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Question:
    """What a window is looked up by: `hashes` with the number of the first peak of each, shape (n,), and
    `peaks`: those among which the first are, and some more.
    """

    hashes: Hashes
    firsts: Integers
    anchors: Floats
    """Frames of the peaks that `firsts` number."""
    peaks: Peaks


def fingerprint(peaks: Peaks) -> Fingerprint:
    """Return what is enrolled of a recording's peaks: about 13 a second, and 26 hashes."""
    peaks = peaks.strongest(ENROLLED_PER_CELL)
    triples = _triples(peaks, ENROLLED_FOLLOWERS)
    triples = triples[:, _ranks_in_runs(triples[0]) < ENROLLED_TRIPLES]
    ticks = np.rint(peaks.times * TICKS_PER_FRAME).astype(np.int64)
    hashes = _hashed(np.rint(_numbers(peaks, triples)).astype(np.int64))
    levels = np.rint(np.clip(peaks.steps, 0, STEPS) * LEVELS_PER_STEP).astype(np.uint16)
    return Fingerprint(hashes, ticks[triples[0]], ticks, levels)


def question(samples: Samples) -> Question:
    """Return what a sound is looked up by; blocking, 10 ms for 16 s.

    A number between two values is looked up at both, one number at a time.
    """
    peaks = find_peaks(samples, ALIGNED_PER_CELL)
    asked = peaks.strongest(ASKED_PER_CELL)
    triples = _triples(asked, ASKED_FOLLOWERS)
    numbers = _numbers(asked, triples)
    nearest = np.rint(numbers).astype(np.int64)
    hashes, firsts = [_hashed(nearest)], [triples[0]]
    for place, doubtful in enumerate(DOUBTFUL):
        beyond = numbers[place] - nearest[place]
        unsure = np.abs(beyond) > 0.5 - doubtful
        others = nearest[:, unsure]
        others[place] += np.where(beyond[unsure] > 0, 1, -1)
        hashes.append(_hashed(others))
        firsts.append(triples[0, unsure])
    return Question(np.concatenate(hashes), np.concatenate(firsts), asked.times, peaks)


def _triples(peaks: Peaks, followers: int) -> Integers:
    """Return the numbers of first, second and third peaks, shape (3, n), in the order of the first: each with
    any two of its next `followers` in reach.
    """
    count = len(peaks.times)
    later = np.arange(count)[:, None] + np.arange(1, MAX_NEXT * followers + 1)
    inside = later < count
    later = np.minimum(later, max(0, count - 1))
    apart = peaks.times[later] - peaks.times[:, None]
    fits = inside & (apart >= MIN_APART) & (apart < MAX_APART)
    fits &= np.abs(peaks.steps[later] - peaks.steps[:, None]) < MAX_STEPS_APART
    order = np.cumsum(fits, axis=1)
    rows, columns = np.nonzero(fits & (order <= followers))
    chosen = np.full((count, followers), -1, np.int64)
    chosen[rows, order[rows, columns] - 1] = later[rows, columns]
    pairs = sorted(itertools.combinations(range(followers), 2), key=lambda pair: pair[1])
    second, third = np.array(pairs).T
    first = np.repeat(np.arange(count), len(pairs))
    triples = np.stack([first, chosen[:, second].ravel(), chosen[:, third].ravel()])
    return triples[:, triples[2] >= 0]


def _numbers(peaks: Peaks, triples: Integers) -> Floats:
    """Return what triples are told by, shape (5, n): the root, then distance and delay of the others."""
    first, *others = triples
    numbers = [peaks.steps[first] / ROOT_STEPS]
    for other in others:
        numbers.append((peaks.steps[other] - peaks.steps[first]) / APART_STEPS)
        numbers.append(peaks.times[other] - peaks.times[first])
    return np.stack(numbers)


def _hashed(numbers: Integers) -> Hashes:
    """Make one number of five, and spread it over 32 bits."""
    root, *others = numbers
    hashes = np.clip(root, 0, ROOTS - 1)
    for place, number in enumerate(others):
        size, shift = (DELAYS, 0) if place % 2 else (DISTANCES, DISTANCES // 2)
        hashes = hashes * size + np.clip(number + shift, 0, size - 1)
    spread: Hashes = (hashes.astype(np.uint64) * np.uint64(SPREAD) >> np.uint64(32)).astype(np.uint32)
    return spread


def _ranks_in_runs(sorted_numbers: Integers) -> Integers:
    """Number the members of each run of equal values from 0."""
    return np.arange(len(sorted_numbers)) - np.searchsorted(sorted_numbers, sorted_numbers, side="left")
