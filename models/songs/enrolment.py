"""Makes of a recording what is enrolled, and refuses what nothing could be recognised by."""

from __future__ import annotations

import numpy as np

from config.taxonomy import RiskType
from models.errors import EnrolmentError
from models.interfaces import SAMPLE_RATE_HZ, Samples
from models.songs.detector import plays
from models.songs.fingerprint import ENROLLED_PER_CELL, TICK_SAMPLES, fingerprint
from models.songs.index import NewRecording, SongIndex
from models.songs.peaks import find_peaks
from models.songs.search import search

MIN_DURATION_S = 5.0
CLEAR = 10.0
"""A peak is clear when it is so many times the mean power around it: of white noise one in 200 is."""
MIN_CLEAR_S = 0.5
"""White and pink noise have 0.1 clear peaks a second, 51 pieces of music 0.8 and more."""
MIN_HASHES_S = 8.0
"""Music has 20 and more."""
EXCERPT_S = 15.0


def new_recording(name: str, risk: RiskType, samples: Samples) -> NewRecording:
    """Return what is enrolled of a recording (16 kHz mono); blocking, 40 ms a minute.

    Raises EnrolmentError: it is too short, or has too little by which to know it again.
    """
    duration_s = len(samples) / SAMPLE_RATE_HZ
    if duration_s < MIN_DURATION_S:
        raise EnrolmentError(f"it lasts {duration_s:.1f} s, at least {MIN_DURATION_S:g} s are needed")
    peaks = find_peaks(samples, ENROLLED_PER_CELL)
    kept = fingerprint(peaks)
    steps = np.rint(peaks.steps[peaks.prominences >= CLEAR])
    # One steady tone says nothing, however clear it is.
    clear = len(steps) - int(np.unique(steps, return_counts=True)[1].max(initial=0))
    if clear < MIN_CLEAR_S * duration_s or len(kept.hashes) < MIN_HASHES_S * duration_s:
        raise EnrolmentError(
            "nothing in it could be recognised again: it seems to be noise or one steady tone"
        )
    return NewRecording(name, risk, len(samples) // TICK_SAMPLES, kept)


def known_as(index: SongIndex, samples: Samples) -> str | None:
    """Return the name under which the middle of a recording is enrolled already."""
    middle, reach = len(samples) // 2, round(EXCERPT_S / 2 * SAMPLE_RATE_HZ)
    excerpt = samples[max(0, middle - reach) : middle + reach]
    return next((each.recording.name for each in search(index, excerpt) if plays(each)), None)
