"""Makes of recordings what is enrolled: voiceprints of speech that is one person's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.errors import EnrolmentError
from models.hearing import Hearing, Senses, conditioned
from models.interfaces import SAMPLE_RATE_HZ, Samples, Voiceprint
from models.voice.enrolled import MIN_SPEECH_S
from models.voice.voiceprint import unit

PIECE_S = 5.0
"""A recording's speech is taken in equal pieces of about this length, and every one of them counts."""
SPEECH_CLASS = 0
"""Of AudioSet, as YAMNet numbers its classes."""
MIN_SPEECH_SCORE = 0.5
"""YAMNet's second opinion on a piece: 0.8 to 1 for every speaker of ours, 0.0 for noise taken for speech."""
MIN_LIKENESS = 0.6
"""Recordings with a lower cosine are of two people: see docs/accuracy.md."""
MIN_LIKENESS_WITHIN = 0.7
"""So are pieces of one recording, which have the same microphone and room."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What a recording says of a voice."""

    voiceprint: Voiceprint
    speech_s: float


class Enrolment:
    """Takes recordings of one person; blocking, about two seconds a minute of speech."""

    def __init__(self, senses: Senses) -> None:
        self._senses = senses

    def take(self, samples: Samples) -> Recording:
        """Return the voice in a recording (16 kHz mono).

        Raises EnrolmentError: nobody speaks, for too short a time, or more than one person does.
        """
        pieces = [piece for piece in _pieces(Hearing(samples, self._senses).speech) if self._is_speech(piece)]
        speech_s = sum(len(piece) for piece in pieces) / SAMPLE_RATE_HZ
        if not pieces:
            raise EnrolmentError("nobody speaks in it")
        if speech_s < MIN_SPEECH_S:
            raise EnrolmentError(
                f"it holds {speech_s:.1f} s of speech, at least {MIN_SPEECH_S:g} s are needed"
            )
        found = [
            each for piece in pieces if (each := self._senses.embedder.embed(conditioned(piece))) is not None
        ]
        _, likeness = odd_one(found)
        if likeness < MIN_LIKENESS_WITHIN:
            raise EnrolmentError("more than one person seems to speak in it: cut out the one who is meant")
        return Recording(unit(np.mean(found, axis=0)), speech_s)

    def _is_speech(self, piece: Samples) -> bool:
        scores = self._senses.tagger.tag(piece)
        return bool(len(scores)) and float(scores[:, SPEECH_CLASS].mean()) >= MIN_SPEECH_SCORE


def _pieces(speech: Samples) -> list[Samples]:
    if not len(speech):
        return []
    return np.array_split(speech, max(1, round(len(speech) / (PIECE_S * SAMPLE_RATE_HZ))))


def one_speaker(recordings: Mapping[str, Recording]) -> None:
    """Raise EnrolmentError that names the recording which is not of the same person as the others."""
    names = list(recordings)
    odd, likeness = odd_one([each.voiceprint for each in recordings.values()])
    if likeness < MIN_LIKENESS:
        raise EnrolmentError(
            f"{names[odd]}: not the voice of the other {'file' if len(names) == 2 else 'files'} "
            f"(cosine {likeness:.2f}, at least {MIN_LIKENESS:g} is needed)"
        )


def odd_one(voiceprints: list[Voiceprint]) -> tuple[int, float]:
    """Return which one is least like the mean of the others, and their cosine; of two the second."""
    if len(voiceprints) < 2:
        return 0, 1.0
    matrix = np.array(voiceprints)
    if len(matrix) == 2:
        return 1, float(matrix[0] @ matrix[1])
    cosines = np.sum(matrix * unit(matrix.sum(axis=0) - matrix), axis=1)
    odd = int(cosines.argmin())
    return odd, float(cosines[odd])
