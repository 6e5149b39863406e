"""Voices to listen to: the test voice at other heights, vowels, and a tagger told what to say."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from models.hearing import Senses
from models.interfaces import Samples, Scores
from models.sound.spans import OmniSpanDetector
from models.sound.yamnet import YamnetTagger
from models.voice.gender_network import InaGenderNetwork
from models.voice.voiceprint import VoiceprintEmbedder
from pipeline.audio import SAMPLE_RATE_HZ, to_samples
from tests.support.speech import speech_pcm

LONG = (
    "The bakery on the corner opens at six, and the first bread is gone before seven. "
    "In spring the river comes up to the garden fence, but the house has always stayed dry."
)
CLASSES = 521


class ToldTagger:
    """A SoundTagger that gives chosen classes chosen scores in every patch."""

    classes: tuple[str, ...] = ()

    def __init__(self, scores: dict[int, float]) -> None:
        self._scores = scores

    def tag(self, samples: Samples) -> Scores:
        patches = np.zeros((max(1, round(len(samples) / SAMPLE_RATE_HZ / 0.96)), CLASSES), np.float32)
        for number, score in self._scores.items():
            patches[:, number] = score
        return patches


@cache
def real_senses(yamnet: Path, voiceprint: Path, gender: Path) -> Senses:
    return Senses(
        OmniSpanDetector(), YamnetTagger(yamnet), VoiceprintEmbedder(voiceprint), InaGenderNetwork(gender)
    )


def told(senses: Senses, scores: dict[int, float]) -> Senses:
    return Senses(senses.spans, ToldTagger(scores), senses.embedder, senses.gender)


def man() -> Samples:
    """Ten seconds of the test voice."""
    return to_samples(speech_pcm(LONG))[: 10 * SAMPLE_RATE_HZ]


def played(samples: Samples, factor: float) -> Samples:
    """Play faster: pitch and formants rise alike."""
    places = np.arange(0, len(samples) - 1, factor)
    faster: Samples = np.interp(places, np.arange(len(samples)), samples).astype(np.float32)
    return faster


def vowel(pitch_hz: float, formants_hz: tuple[float, ...], seconds: float = 1.5) -> Samples:
    """A buzz through two-pole resonators 80 Hz wide, with a little vibrato: an 'ah' or an 'ee'."""
    times_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    phase = pitch_hz * times_s + 0.1 * np.sin(2 * np.pi * 5 * times_s)
    spectrum = np.fft.rfft(np.diff(np.floor(phase), prepend=0.0))
    frequencies_hz = np.fft.rfftfreq(len(times_s), 1 / SAMPLE_RATE_HZ)
    turn = np.exp(-2j * np.pi * frequencies_hz / SAMPLE_RATE_HZ)
    for centre_hz in formants_hz:
        pole = np.exp((-np.pi * 80 + 2j * np.pi * centre_hz) / SAMPLE_RATE_HZ)
        spectrum = spectrum / ((1 - pole * turn) * (1 - np.conj(pole) * turn))
    spectrum[frequencies_hz < 50] = 0
    sound = np.fft.irfft(spectrum / (1 - 0.97 * turn), len(times_s))
    level: Samples = (0.3 * sound / np.abs(sound).max()).astype(np.float32)
    return level


def child() -> Samples:
    """Six seconds of a child's "ah", "ee" and "eh" (Hillenbrand et al. 1995), at 300 Hz."""
    vowels = ((1002.0, 1688.0, 2950.0), (452.0, 3081.0, 3702.0), (749.0, 2267.0, 3310.0))
    return np.concatenate([vowel(300.0, formants_hz) for formants_hz in vowels * 2])[: 6 * SAMPLE_RATE_HZ]
