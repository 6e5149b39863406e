"""The audio that benchmarks read: recordings of a folder, or speech made by the test voice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from faster_whisper import decode_audio

from config.settings import SpeechSettings
from models.interfaces import Samples
from models.sound.spans import OmniSpanDetector
from pipeline.audio import SAMPLE_RATE_HZ, WINDOW_SAMPLES, Pcm
from pipeline.speech import SpeechGate, speech_share
from tests.support.speech import join, speech_pcm

SUFFIXES = {".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus", ".aiff", ".aif"}
SENTENCES = (
    "Good evening everybody, and welcome back to the kitchen. Tonight we are cooking chicken with lemon.",
    "The weather will stay dry until the weekend, with some wind from the north in the afternoon.",
    "My brother bought an old boat last summer, and he has been repairing it ever since.",
    "If you take the second street on the left, you will see the station behind the church.",
    "She said that the train from the coast was late again, so nobody arrived before midnight.",
    "There are nine kinds of apples in this garden, but only two of them taste good in October.",
    "We could not hear the music from here, although the windows of the hall were open all evening.",
    "Please write your name on the first page, and put the paper into the box next to the door.",
)
"""Harmless talk, 5 to 7 seconds each."""


def recordings(folder: Path | None) -> list[Samples]:
    """Return every recording of the folder, or what the test voice says as one."""
    if folder is None:
        return [join(*(speech_pcm(each) for each in SENTENCES)).astype(np.float32) / np.float32(32768)]
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not files:
        raise SystemExit(f"no recordings in {folder}")
    return [np.asarray(decode_audio(str(path), SAMPLE_RATE_HZ), np.float32) for path in files]


def windows_with_speech(samples: Samples) -> list[Samples]:
    """Return the ten-second windows that the daemon would have recognised, the last partial one too."""
    gate = SpeechGate(SpeechSettings(), OmniSpanDetector())
    windows = [samples[start : start + WINDOW_SAMPLES] for start in range(0, len(samples), WINDOW_SAMPLES)]
    return [each for each in windows if gate.judge(each, speech_share(_pcm(each))).worth]


def _pcm(samples: Samples) -> Pcm:
    pcm: Pcm = np.clip(samples * 32768.0, -32768, 32767).astype(np.int16)
    return pcm
