"""Finds which enrolled recording plays: many landmarks that agree on one place in time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.interfaces import Samples
from models.songs.fingerprint import ASKED_PARTNERS, ASKED_PEAKS_S, Landmarks, find_peaks, pair
from models.songs.index import GAP_FRAMES, Recording, SongIndex

SPEEDS = (1.0, 0.995, 1.005, 0.99, 1.01, 0.985, 1.015, 0.98, 1.02)
"""Playback speeds that are tried; those between lie near enough."""
PLACE_FRAMES = 3
"""Votes for places less than twice as far apart count together."""
MAX_SHARED = 200
"""Times the mean: a hash with more places than that says little, and would cost time."""
MAX_CANDIDATES = 6
MAX_MATCHES = 200_000
"""Of a window at one speed, the rarest hashes first: it bounds the time."""
SLOTS = 1 << 20
"""Of the table in which places are counted first; several share a slot, which only costs a second look."""
MIN_COUNT = 5
MAX_FULL = 64
HASHES = 300_000
"""About how many hashes occur at all."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Match:
    """A recording that may play.

    `votes` peaks of what is asked agree on its place, `votes_now` of them in the part that counts. `surprise`
    is the power of ten by which so many votes are rarer than once in a search, if they agreed by chance.
    """

    recording: Recording
    votes: int
    votes_now: int
    surprise: float
    speed: float


@dataclass(frozen=True, slots=True)
class _Matches:
    """Landmarks of the index that equal one that is asked, shape (n,) each.

    `cells` number the places in time where what is asked would begin, at one speed.
    """

    places: Integers
    cells: Integers
    anchors: Integers
    now: NDArray[np.bool_]


def search(index: SongIndex, samples: Samples, now: int = 0) -> list[Match]:
    """Return the likeliest recordings, the best first; votes from frame `now` of `samples` on are of now."""
    if not len(index.hashes):
        return []
    peaks = find_peaks(samples, per_s=ASKED_PEAKS_S)
    step = _cells_of_a_speed(index)
    pairs = pair(peaks, ASKED_PARTNERS)
    parts = [
        _matches(index, pairs.landmarks(speed), now * speed, number * step)
        for number, speed in enumerate(SPEEDS)
    ]
    matches = _joined(parts)
    found: dict[str, Match] = {}
    for cell in _candidates(matches.cells):
        match = _judge(index, matches, int(cell), step)
        if match is not None:
            known = found.get(match.recording.name)
            if known is None or known.surprise < match.surprise:
                found[match.recording.name] = match
    return sorted(found.values(), key=lambda each: -each.surprise)


def _cells_of_a_speed(index: SongIndex) -> int:
    last = index.recordings[-1]
    return (last.start + last.frames + 2 * GAP_FRAMES) // PLACE_FRAMES


def _matches(index: SongIndex, asked: Landmarks, now: float, first_cell: int) -> _Matches:
    """Look up every landmark: two binary searches each, in order, so that they hit the same memory."""
    order = np.argsort(asked.hashes)
    hashes, anchors = asked.hashes[order], asked.anchors[order]
    low = np.searchsorted(index.hashes, hashes, side="left")
    counts = np.searchsorted(index.hashes, hashes, side="right") - low
    counts[counts > MAX_SHARED * (1 + len(index.hashes) / HASHES)] = 0
    rarest = np.argsort(counts, kind="stable")
    counts[rarest[np.cumsum(counts[rarest]) > MAX_MATCHES]] = 0
    rows = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    places = index.places[low[rows] + within].astype(np.int64)
    cells = (places - anchors[rows] + GAP_FRAMES) // PLACE_FRAMES + first_cell
    return _Matches(places, cells, anchors[rows], anchors[rows] >= now)


def _joined(parts: list[_Matches]) -> _Matches:
    return _Matches(
        np.concatenate([each.places for each in parts]),
        np.concatenate([each.cells for each in parts]),
        np.concatenate([each.anchors for each in parts]),
        np.concatenate([each.now for each in parts]),
    )


def _candidates(cells: Integers) -> Integers:
    """Return the cells that, with their next one, hold most matches; the most first."""
    slots = cells % SLOTS
    counts = np.bincount(slots, minlength=SLOTS)
    counts += np.roll(counts, -1)
    full = np.partition(counts, -MAX_FULL)[-MAX_FULL]
    likely = cells[(counts[slots] >= max(full, MIN_COUNT)) | (counts[slots - 1] >= max(full, MIN_COUNT))]
    numbers, counts = np.unique(likely, return_counts=True)
    after = np.zeros_like(counts)
    after[:-1] = np.where(np.diff(numbers) == 1, counts[1:], 0)
    return numbers[np.argsort(-(counts + after), kind="stable")[:MAX_CANDIDATES]]


def _judge(index: SongIndex, matches: _Matches, cell: int, step: int) -> Match | None:
    """Count the votes of a cell and its next one."""
    chosen = (matches.cells == cell) | (matches.cells == cell + 1)
    recording = index.at(int(np.median(matches.places[chosen])))
    number = cell // step
    same = (matches.cells >= number * step) & (matches.cells < (number + 1) * step)
    own = (matches.places >= recording.start) & (matches.places < recording.start + recording.frames)
    chosen &= own
    votes = len(np.unique(matches.anchors[chosen]))
    votes_now = len(np.unique(matches.anchors[chosen & matches.now]))
    cells = recording.frames / PLACE_FRAMES
    expected = 2 * int((same & own).sum()) / max(1.0, cells)
    tries = len(SPEEDS) * index.frames / PLACE_FRAMES
    return Match(recording, votes, votes_now, _surprise(votes, expected, tries), SPEEDS[number])


def _surprise(votes: int, expected: float, tries: float) -> float:
    """Return minus the decimal logarithm of how often `tries` cells would bring so many votes by chance.

    The bound of Chernoff for Poisson's distribution: P(X >= k) <= exp(k - m - k ln(k / m)).
    """
    if votes <= expected:
        return -math.log10(max(1.0, tries))
    natural = votes * math.log(votes / max(expected, 1e-9)) - votes + expected
    return natural / math.log(10) - math.log10(max(1.0, tries))
