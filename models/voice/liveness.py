"""Whether nobody speaks live: synthetic speech, or a television or radio that plays into the microphone."""

from __future__ import annotations

import numpy as np

from config.taxonomy import Label, RiskType
from models.hearing import Hearing
from models.interfaces import SAMPLE_RATE_HZ, Samples
from models.results import SoundFinding
from models.voice.age import STRONGEST_PATCHES

SPEECH_SYNTHESIZER, TELEVISION, RADIO = 5, 518, 519
"""YAMNet's classes."""
MIN_SPEECH_S = 2.0
FRAME = 320
"""20 ms."""
DEAD_SHARE = 0.01
"""Of a stretch of speech: 20 ms frames in which every sample is zero. A room is never that quiet;
synthesisers are, but so are clients that cut pauses off, hence it counts only beside the tagger."""
PRIOR, TAGGER_WEIGHT, DEAD_WEIGHT = -3.0, 1.5, 2.5
"""Log odds: before anything is heard, for each e-fold of the tagger's score, for dead pauses."""
USUAL_SCORE, OFFSET = 0.03, 0.01
"""The highest mean score that live speech had (docs/accuracy.md), and what keeps 0 finite."""
SUREST = 0.8
"""Good synthesis has breath and a room: neither a hit nor its absence proves anything."""
MIN_PROBABILITY = 0.5
SYNTHETIC = Label(RiskType.VOICE, "unnatural", "synthetic")
REPLAYED = Label(RiskType.VOICE, "unnatural", "replayed")


class LivenessDetector:
    """A SoundDetector; hears crude cases only, see docs/accuracy.md."""

    risks = frozenset({RiskType.VOICE})

    def detect(self, hearing: Hearing) -> list[SoundFinding]:
        """Return what is more probable than not; nothing for less than 2 s of speech.

        Raises RecognitionError.
        """
        if len(hearing.speech) < MIN_SPEECH_S * SAMPLE_RATE_HZ:
            return []
        found = []
        synthetic = synthetic_probability(hearing)
        if synthetic >= MIN_PROBABILITY:
            found.append(SoundFinding(SYNTHETIC, synthetic, "liveness"))
        playing = np.sort(hearing.scores[:, [TELEVISION, RADIO]].max(axis=1))[-STRONGEST_PATCHES:]
        replayed = min(SUREST, float(playing.mean()))
        if replayed >= MIN_PROBABILITY:
            found.append(SoundFinding(REPLAYED, replayed, "liveness"))
        return found


def synthetic_probability(hearing: Hearing) -> float:
    """Return how probably a machine speaks. The window must have speech in it. Raises RecognitionError."""
    score = float(hearing.scores[:, SPEECH_SYNTHESIZER].mean())
    log_odds = PRIOR + TAGGER_WEIGHT * float(np.log((score + OFFSET) / USUAL_SCORE))
    if dead_share(hearing.samples, hearing.spans.speech) >= DEAD_SHARE:
        log_odds += DEAD_WEIGHT
    return min(SUREST, 1.0 / (1.0 + float(np.exp(-log_odds))))


def dead_share(samples: Samples, speech: tuple[tuple[float, float], ...]) -> float:
    """Return how much from the first to the last word, 0..1, is digital silence."""
    first = round(min(start_s for start_s, _ in speech) * SAMPLE_RATE_HZ)
    last = round(max(end_s for _, end_s in speech) * SAMPLE_RATE_HZ)
    talk = samples[first:last]
    frames = talk[: len(talk) // FRAME * FRAME].reshape(-1, FRAME)
    return float(np.mean(~frames.any(axis=1))) if len(frames) else 0.0
