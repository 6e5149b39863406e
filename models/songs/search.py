"""Finds which enrolled recording plays: hashes name the likeliest places, peaks say which are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.interfaces import Samples
from models.songs.alignment import Alignment, align
from models.songs.fingerprint import TICKS_PER_FRAME, Integers, Question, question
from models.songs.index import GAP_TICKS, Recording, SongIndex
from models.songs.table import HASH_BITS, HashTable

CELL_TICKS = 32
"""0.26 s: hashes that say places less than twice as far apart count together. At 2 % of speed, places drift
by 0.32 s within the 16 s that are asked."""
MAX_MATCHES = 150_000
"""Of a window, the rarest hashes first: it bounds the time."""
MIN_VOTES = 2
MAX_CANDIDATES = 8
"""Among 10,000 songs the right place was never further back than third of 76 (docs/accuracy.md)."""


@dataclass(frozen=True, slots=True)
class Match:
    """A recording that may play: how many hashes named the place, and how well the peaks fit there."""

    recording: Recording
    votes: int
    alignment: Alignment


def search(index: SongIndex, samples: Samples, now: int = 0) -> list[Match]:
    """Return the likeliest recordings, the best first; what is of now begins at frame `now` of `samples`."""
    if not len(index.table):
        return []
    asked = question(samples)
    if not len(asked.hashes):
        return []
    middle = float(asked.peaks.times.mean())
    found: dict[str, Match] = {}
    for place, votes in _candidates(*_matches(index.table, asked, middle)):
        alignment = align(index, place, asked.peaks, middle, now)
        match = Match(index.at(alignment.place), votes, alignment)
        known = found.get(match.recording.name)
        if known is None or known.alignment.surprise < alignment.surprise:
            found[match.recording.name] = match
    return sorted(found.values(), key=lambda each: -each.alignment.surprise)


def _matches(table: HashTable, asked: Question, middle: float) -> tuple[Integers, Integers]:
    """Return where the middle of what is asked would lie, by each entry that equals a hash of it, and the
    number of the peak with which the hash begins. Rows are read in ascending order, near to each other.
    """
    order = np.argsort(asked.hashes)
    hashes, firsts = asked.hashes[order], asked.firsts[order]
    left = HASH_BITS - table.bits
    rows = (hashes >> np.uint32(left)).astype(np.int64)
    low = table.starts[rows].astype(np.int64)
    counts = table.starts[rows + 1] - low
    if counts.sum() > MAX_MATCHES:
        rarest = np.argsort(counts)
        counts[rarest[np.cumsum(counts[rarest]) > MAX_MATCHES]] = 0
    which = np.repeat(np.arange(len(counts)), counts)
    entries = np.arange(len(which)) + np.repeat(low - np.cumsum(counts) + counts, counts)
    rests = (hashes & np.uint32((1 << left) - 1)).astype(table.rests.dtype)
    equal = table.rests[entries] == rests[which]
    which, entries = which[equal], entries[equal]
    shifts = np.rint((asked.anchors - middle) * TICKS_PER_FRAME).astype(np.int64)
    return table.places[entries] - shifts[firsts[which]], firsts[which]


def _candidates(places: Integers, firsts: Integers) -> list[tuple[int, int]]:
    """Return the places that most peaks name, and how many do; the most first."""
    peaks = int(firsts.max(initial=0)) + 1
    votes = np.sort((places + GAP_TICKS) // CELL_TICKS * peaks + firsts)
    votes = votes[np.diff(votes, prepend=-1) > 0]
    cells, counts = _runs(votes // peaks)
    following = np.flatnonzero(np.diff(cells) == 1)
    together = counts.copy()
    together[following] += counts[following + 1]
    likeliest = np.argsort(-together, kind="stable")[: 2 * MAX_CANDIDATES]
    chosen: dict[int, int] = {}
    for cell, number in zip(cells[likeliest].tolist(), together[likeliest].tolist(), strict=True):
        if number >= MIN_VOTES and cell - 1 not in chosen and cell + 1 not in chosen:
            chosen[cell] = number
    likeliest_first = list(chosen.items())[:MAX_CANDIDATES]
    return [((cell + 1) * CELL_TICKS - GAP_TICKS, number) for cell, number in likeliest_first]


def _runs(ordered: NDArray[np.int64]) -> tuple[Integers, Integers]:
    """Return the values that occur, and how often."""
    begins = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    return ordered[begins], np.diff(begins, append=len(ordered))
