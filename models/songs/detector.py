"""Finds enrolled recordings in what is heard: anthems, banned recordings, copyrighted songs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from config.taxonomy import Label, RiskType
from models.hearing import Hearing
from models.interfaces import SAMPLE_RATE_HZ
from models.results import SoundFinding
from models.songs.index import SongIndex
from models.songs.peaks import FRAME_RATE_HZ
from models.songs.search import Match, search

LABELS = {
    RiskType.ANTHEN: Label(RiskType.ANTHEN, "recording", "anthem"),
    RiskType.BANEDAUDIO: Label(RiskType.BANEDAUDIO, "recording", "banned"),
    RiskType.COPYRIGHTSONGS: Label(RiskType.COPYRIGHTSONGS, "recording", "song"),
}
MIN_SURPRISE_NOW = 1.5
"""In the window itself: a recording that ended in the one before is not in this one."""
MIN_PITCHES = 3.5
"""Of what agrees. A sound of one or two pitches that repeats itself (a beep, a shot, a footstep) agrees with
whatever keeps its beat: at most 2.7 where such sounds would be named for songs, at least 3.8 where songs
played. See docs/accuracy.md."""
REMEMBERED_SAMPLES = 6 * SAMPLE_RATE_HZ
"""Of the window before: what two windows share of a recording is found with the second."""
SURPRISES = (4.0, 6.0, 15.0)
PROBABILITIES = (0.5, 0.85, 1.0)
"""Of surprises; 0.5 and 0.85 are the thresholds of the default policy. See docs/accuracy.md."""


class EnrolledSongDetector:
    """A SoundDetector; costs what a search costs, see models/songs/search.py."""

    risks = frozenset(LABELS)

    def __init__(self, index: Callable[[], SongIndex]) -> None:
        """`index` returns what is enrolled now; it must not block."""
        self._index = index

    def detect(self, hearing: Hearing) -> list[SoundFinding]:
        """Return each recording that plays in the window, heard together with the window before."""
        index = self._index()
        if not len(index):
            return []
        before = hearing.before[-REMEMBERED_SAMPLES:] if hearing.before is not None else hearing.samples[:0]
        now = round(len(before) / SAMPLE_RATE_HZ * FRAME_RATE_HZ)
        matches = search(index, np.concatenate([before, hearing.samples]), now)
        return [
            SoundFinding(LABELS[each.recording.risk], probability_of(each), "songs", each.recording.name)
            for each in matches
            if plays(each)
        ]


def plays(match: Match) -> bool:
    """Say whether enough agrees, enough of it now, and more than a beat."""
    alignment = match.alignment
    enough = alignment.surprise >= SURPRISES[0] and alignment.surprise_now >= MIN_SURPRISE_NOW
    return enough and alignment.pitches >= MIN_PITCHES


def probability_of(match: Match) -> float:
    """Return 0.5..1, rising with how surprising it would be that so much agrees by chance."""
    return float(np.interp(match.alignment.surprise, SURPRISES, PROBABILITIES))
