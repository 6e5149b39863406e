"""Is anybody speaking: what a window is worth before a recogniser spends time on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import webrtcvad

from config.settings import SpeechSettings
from models.interfaces import AudioSpanDetector, Samples
from pipeline.audio import SAMPLE_RATE_HZ, Pcm

FRAME_SAMPLES = SAMPLE_RATE_HZ // 50
"""20 ms, one of the three lengths that webrtcvad takes."""
AGGRESSIVENESS = 2
"""Of 0..3: strict enough for white noise, lenient enough for speech at a fiftieth of its usual level."""
AUDIBLE_RMS = 0.001
"""-60 dB of full scale: below lies the noise of an idle microphone, and no word that anybody understands."""
LEVEL_SAMPLES = SAMPLE_RATE_HZ // 10
MIN_VOICE_S = 0.2
"""Shorter than any word; the second opinion's spans must last longer altogether."""


def speech_share(pcm: Pcm) -> float:
    """Return the share (0..1) of 20 ms frames that webrtcvad takes for speech; blocking, 2 ms for 10 s."""
    # A fresh detector each time: it adapts to what it hears, and a window must not depend on another stream.
    detector = webrtcvad.Vad(AGGRESSIVENESS)
    data = pcm.astype("<i2", copy=False).tobytes()
    size = 2 * FRAME_SAMPLES
    frames = len(data) // size
    if not frames:
        return 0.0
    speech: int = sum(
        detector.is_speech(data[place : place + size], SAMPLE_RATE_HZ)
        for place in range(0, frames * size, size)
    )
    return speech / frames


@dataclass(frozen=True, slots=True)
class Activity:
    """What goes on in a window."""

    silent: bool
    """Nothing is heard: no sound, or neither voice nor music in it."""
    worth: bool
    """Somebody speaks or sings (songs have words too), so that recognition may find something."""
    speech_s: float
    """Seconds of speech and singing."""


class SpeechGate:
    """Decides whether a window is worth recognising, the cheapest question first. Thread-safe."""

    def __init__(self, settings: SpeechSettings, second_opinion: AudioSpanDetector | None) -> None:
        """Without a second opinion webrtcvad alone decides; it takes much music and noise for speech."""
        self._min_share = settings.min_speech_share
        self._second_opinion = second_opinion

    def judge(self, samples: Samples, share: float) -> Activity:
        """Judge a window by its samples and its `speech_share`; blocking, up to 40 ms for 10 s."""
        if not audible(samples) or share < self._min_share:
            return Activity(silent=True, worth=False, speech_s=0.0)
        if self._second_opinion is None:
            return Activity(silent=False, worth=True, speech_s=share * len(samples) / SAMPLE_RATE_HZ)
        spans = self._second_opinion.detect(samples)
        voice_s = covered_s((*spans.speech, *spans.singing))
        worth = voice_s >= MIN_VOICE_S
        return Activity(silent=not worth and not spans.music, worth=worth, speech_s=voice_s)


def audible(samples: Samples) -> bool:
    """Say whether any tenth of a second is louder than an idle microphone."""
    whole = len(samples) // LEVEL_SAMPLES * LEVEL_SAMPLES
    pieces = samples[:whole].reshape(-1, LEVEL_SAMPLES)
    return bool(len(pieces)) and bool(np.mean(np.square(pieces), axis=1).max() >= AUDIBLE_RMS**2)


def covered_s(spans: Iterable[tuple[float, float]]) -> float:
    """Return how many seconds lie within at least one span."""
    total_s, reached_s = 0.0, 0.0
    for start_s, end_s in sorted(spans):
        total_s += max(0.0, end_s - max(start_s, reached_s))
        reached_s = max(reached_s, end_s)
    return total_s
