"""The protocols behind which models stand; a further model is one file that implements one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.results import AudioSpans, TextFinding, Transcript

SAMPLE_RATE_HZ = 16_000
"""What every model here listens to."""
Samples = NDArray[np.float32]
"""Mono audio, shape (n,), float32 in -1..1, 16 kHz."""
Scores = NDArray[np.float32]
"""Probabilities 0..1, shape (patches, 521): AudioSet classes in the order of YAMNet's class map."""
Voiceprint = NDArray[np.float32]
"""Shape (256,), of length 1: the cosine of two is their scalar product."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One window to recognise. `language` is an ISO 639-1 code, or None to detect it.

    `identify` asks which language is spoken, even where one is given: the words are read in the given one all
    the same. It costs about a tenth of a reading more.
    """

    samples: Samples
    language: str | None
    identify: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """A first reading. `doubtful` asks for a second one (a loop, or a low confidence)."""

    transcript: Transcript
    doubtful: bool


class SpeechRecogniser(Protocol):
    """A recogniser that reads several windows at once.

    Methods block and are called from the batcher's own threads, several at a time up to `workers`.
    They raise RecognitionError when the model fails.
    """

    @property
    def workers(self) -> int:
        """How many threads may call at once."""

    @property
    def batch_size(self) -> int:
        """How many windows one call reads best."""

    @property
    def languages(self) -> frozenset[str]:
        """The ISO 639-1 codes this model can be told to expect."""

    def read(self, batch: Sequence[Utterance]) -> list[Attempt]:
        """Read a batch fast; one attempt per utterance, in order."""

    def read_again(self, utterance: Utterance) -> Transcript:
        """Read one doubtful window slowly, with full context; inventions are dropped here for good."""

    def close(self) -> None:
        """Free the model's memory."""


class AudioSpanDetector(Protocol):
    """Finds speech, singing and music; blocking, thread-safe, tens of milliseconds a window."""

    def detect(self, samples: Samples) -> AudioSpans:
        """Return the spans within `samples`. Raises RecognitionError."""


class SoundTagger(Protocol):
    """Names sounds; blocking, thread-safe, tens of milliseconds a window."""

    @property
    def classes(self) -> tuple[str, ...]:
        """AudioSet's names of the 521 classes, in the order of the scores."""

    def tag(self, samples: Samples) -> Scores:
        """Return how probable each of AudioSet's 521 classes is in each 0.96 s of `samples`."""


class SpeakerEmbedder(Protocol):
    """Tells voices apart; blocking, thread-safe, up to a tenth of a second a window."""

    def embed(self, samples: Samples) -> Voiceprint | None:
        """Return the voiceprint of the one who speaks in `samples`; None: too short."""


class GenderTeller(Protocol):
    """Tells women's voices from men's; blocking, thread-safe, tens of milliseconds a window."""

    def female_log_odds(self, samples: Samples) -> float | None:
        """Return the log odds that a woman speaks in `samples`, uncalibrated; None: too short."""


class TextClassifier(Protocol):
    """Finds risks in a text; blocking, thread-safe, a few milliseconds."""

    def classify(self, text: str, language: str) -> list[TextFinding]:
        """Return the findings; `language` is an ISO 639-1 code or empty when unknown."""
