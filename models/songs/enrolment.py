"""Makes of a recording what is enrolled, and refuses what nothing could be recognised by."""

from __future__ import annotations

from models.errors import EnrolmentError
from models.interfaces import SAMPLE_RATE_HZ, Samples
from models.songs.detector import plays
from models.songs.fingerprint import HOP_SAMPLES, Landmarks, enrolled_landmarks
from models.songs.index import SongIndex
from models.songs.search import search

MIN_DURATION_S = 5.0
MIN_LANDMARKS_S = 12.0
"""White and pink noise have about 5 a second, music 28 and more: see docs/accuracy.md."""
EXCERPT_S = 15.0


def landmarks_of(samples: Samples) -> Landmarks:
    """Return the landmarks of a recording (16 kHz mono); blocking, 0.2 s a minute.

    Raises EnrolmentError: it is too short, or has too little by which to know it again.
    """
    duration_s = len(samples) / SAMPLE_RATE_HZ
    if duration_s < MIN_DURATION_S:
        raise EnrolmentError(f"it lasts {duration_s:.1f} s, at least {MIN_DURATION_S:g} s are needed")
    landmarks = enrolled_landmarks(samples)
    if len(landmarks.hashes) < MIN_LANDMARKS_S * duration_s:
        raise EnrolmentError(
            "nothing in it could be recognised again: it seems to be noise or one steady tone"
        )
    return landmarks


def frames_of(samples: Samples) -> int:
    """Return how many frames of an index a recording takes."""
    return len(samples) // HOP_SAMPLES


def known_as(index: SongIndex, samples: Samples) -> str | None:
    """Return the name under which the middle of a recording is enrolled already."""
    middle, reach = len(samples) // 2, round(EXCERPT_S / 2 * SAMPLE_RATE_HZ)
    excerpt = samples[max(0, middle - reach) : middle + reach]
    return next((each.recording.name for each in search(index, excerpt) if plays(each)), None)
