"""Is anybody speaking: what a window is worth before a recogniser spends time on it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import webrtcvad

from config.settings import SpeechSettings
from models.interfaces import AudioSpanDetector, Samples
from models.results import AudioSpans, Transcript
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

TALK_SHARE = 0.4
"""From this share on a stream that was talking is believed to go on; a talker's pauses leave 0.5 to 0.9."""
PLAIN_CHARACTERS = 8
PLAIN_LOG_PROBABILITY = -0.6
PLAIN_NO_SPEECH = 0.3
"""What a reading must have to pass for speech by itself. Of our recordings nearly every window of speech has
it, and none of noise: what is invented there is shorter, or less sure than -1.2."""


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


class Opinion:
    """What the second opinion says of one window: asked once, by whichever thread needs it first."""

    def __init__(self, detector: AudioSpanDetector, samples: Samples) -> None:
        """`samples` must stay as they are."""
        self._detector = detector
        self._samples = samples
        self._lock = threading.Lock()
        self._spans: AudioSpans | None = None

    def __call__(self) -> AudioSpans:
        """Return the spans; blocking, 20 ms for 10 s the first time. Raises RecognitionError."""
        with self._lock:
            if self._spans is None:
                self._spans = self._detector.detect(self._samples)
            return self._spans


@dataclass(frozen=True, slots=True)
class Activity:
    """What goes on in a window."""

    silent: bool
    """Nothing is heard: no sound, or neither voice nor music in it."""
    worth: bool
    """Somebody speaks or sings (songs have words too), so that recognition may find something."""
    assumed: bool = False
    """Taken for granted because the stream was talking just before; to be asked again if few words come."""
    spans: AudioSpans | None = field(default=None, compare=False)
    """What the second opinion heard, when it was asked."""
    opinion: Opinion | None = field(default=None, compare=False)
    """What tells it when it is needed after all."""


class SpeechGate:
    """Decides whether a window is worth recognising, the cheapest question first. Thread-safe."""

    def __init__(self, settings: SpeechSettings, second_opinion: AudioSpanDetector | None) -> None:
        """Without a second opinion webrtcvad alone decides; it takes much music and noise for speech."""
        self._min_share = settings.min_speech_share
        self._second_opinion = second_opinion

    def judge(self, samples: Samples, share: float, *, talking: bool = False) -> Activity:
        """Judge a window by its samples and its `speech_share`; blocking, up to 20 ms for 10 s.

        `talking` says that plain speech was heard in the window before: then the second opinion, which costs
        a tenth of recognition, is spared as long as the share is that of talk.
        """
        if not audible(samples) or share < self._min_share:
            return Activity(silent=True, worth=False)
        if self._second_opinion is None:
            return Activity(silent=False, worth=True)
        opinion = Opinion(self._second_opinion, samples)
        if talking and share >= TALK_SHARE:
            return Activity(silent=False, worth=True, assumed=True, opinion=opinion)
        return by_opinion(opinion)


def by_opinion(opinion: Opinion) -> Activity:
    """Judge a window by the second opinion; blocking. Raises RecognitionError."""
    spans = opinion()
    worth = covered_s((*spans.speech, *spans.singing)) >= MIN_VOICE_S
    return Activity(silent=not worth and not spans.music, worth=worth, spans=spans, opinion=opinion)


def is_plain_speech(transcript: Transcript) -> bool:
    """Say whether a text is so sure and so long that nobody needs to be asked whether somebody spoke."""
    return (
        len(transcript.text) >= PLAIN_CHARACTERS
        and not transcript.second_try
        and transcript.average_log_probability >= PLAIN_LOG_PROBABILITY
        and transcript.no_speech_probability <= PLAIN_NO_SPEECH
    )


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
