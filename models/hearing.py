"""One window of sound as detectors get it: what the shared models make of it is asked once, when needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np

from config.taxonomy import RiskType
from models.interfaces import (
    SAMPLE_RATE_HZ,
    AudioSpanDetector,
    GenderTeller,
    Samples,
    Scores,
    SoundTagger,
    SpeakerEmbedder,
    Voiceprint,
)
from models.results import AudioSpans, SoundFinding
from models.voice.formants import Formants, measure_formants
from models.voice.pitch import Pitch, track_pitch

SPEECH_RMS = 0.05
"""-26 dB of full scale. Without this, a speaker 30 dB quieter is 0.48 like himself (cosine), not 0.9."""
MASK_RMS = 0.001
"""34 dB below speech. Without it the empty bands of a clean line count, and with noise 20 dB below the voice
one of four windows is recognised instead of nearly all: docs/accuracy.md."""
USUAL_SAMPLES = 10 * SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Senses:
    """The models that several detectors listen with."""

    spans: AudioSpanDetector
    tagger: SoundTagger
    embedder: SpeakerEmbedder
    gender: GenderTeller


class Hearing:
    """A window of one stream; made for it, used by one thread at a time, and dropped.

    `samples` is the window, `before` the window that ended where it begins, None when there was none.
    """

    def __init__(
        self,
        samples: Samples,
        senses: Senses,
        before: Samples | None = None,
        spans: Callable[[], AudioSpans] | None = None,
    ) -> None:
        """`spans` tells what others may have asked already; None: nobody has."""
        self.samples = samples
        self.before = before
        self._senses = senses
        self._spans = spans

    @cached_property
    def spans(self) -> AudioSpans:
        """Where somebody speaks or sings, and where music plays."""
        return self._spans() if self._spans is not None else self._senses.spans.detect(self.samples)

    @cached_property
    def scores(self) -> Scores:
        """How probable each of AudioSet's classes is in each 0.96 s, shape (patches, 521)."""
        return self._senses.tagger.tag(self.samples)

    @cached_property
    def speech(self) -> Samples:
        """Only what is spoken, one piece after the other: shape (m,), empty when nobody speaks."""
        pieces = [
            self.samples[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]
            for start_s, end_s in without(self.spans.speech, self.spans.singing)
        ]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    @cached_property
    def voiceprint(self) -> Voiceprint | None:
        """Of the one who speaks; None when too little is spoken."""
        return self._senses.embedder.embed(conditioned(self.speech))

    @cached_property
    def female_log_odds(self) -> float | None:
        """How much speaks for a woman; None when too little is spoken."""
        return self._senses.gender.female_log_odds(self.speech)

    @cached_property
    def pitch(self) -> Pitch:
        """How high the one speaks; all zero when nobody does."""
        return track_pitch(self.speech)

    @cached_property
    def formants(self) -> Formants | None:
        """The resonances of the one who speaks; None when too little is spoken."""
        return measure_formants(self.speech, self.pitch)


class SoundDetector(Protocol):
    """Finds labels in the sound of a window; blocking, thread-safe."""

    @property
    def risks(self) -> frozenset[RiskType]:
        """What it can find; it is asked only for streams that want one of them."""

    def detect(self, hearing: Hearing) -> list[SoundFinding]:
        """Return the findings, of any of `risks`. Raises RecognitionError when a model fails."""


def conditioned(speech: Samples) -> Samples:
    """Bring speech to one loudness and lay a faint noise under it, the same for the same length.

    A voiceprint is to tell neither how far the microphone is nor how clean the line.
    """
    rms = float(np.sqrt(np.mean(np.square(speech)))) if len(speech) else 0.0
    levelled: Samples = speech * np.float32(SPEECH_RMS / max(rms, 1e-6))
    return levelled + _mask(max(len(speech), USUAL_SAMPLES))[: len(speech)]


@lru_cache(maxsize=2)
def _mask(length: int) -> Samples:
    """Return white noise; a longer one begins with a shorter one. A window's is made once."""
    return np.random.default_rng(0).standard_normal(length, np.float32) * np.float32(MASK_RMS)


def without(
    spans: tuple[tuple[float, float], ...], others: tuple[tuple[float, float], ...]
) -> list[tuple[float, float]]:
    """Return what of `spans` lies in none of `others`, in order."""
    left = sorted(spans)
    for cut_start, cut_end in others:
        left = [
            piece
            for start, end in left
            for piece in ((start, min(end, cut_start)), (max(start, cut_end), end))
            if piece[0] < piece[1]
        ]
    return left
