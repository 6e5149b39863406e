"""Silence is taken out of windows, and nothing else."""

from __future__ import annotations

import numpy as np

from models.interfaces import SAMPLE_RATE_HZ, Samples
from models.recognition.hush import babble, pooled
from models.recognition.squeeze import SHORT_FRAMES, fitted, squeeze

FULL_FRAMES = 1_050


def room(seconds: float, level: float = 0.001) -> Samples:
    """Return the noise of a quiet room."""
    noise = np.random.default_rng(3).standard_normal(round(seconds * SAMPLE_RATE_HZ)) * level
    return noise.astype(np.float32)


def test_keeps_voice_and_drops_the_silence_around_it() -> None:
    voice = babble(2.0)
    squeezed = squeeze(np.concatenate([room(4.0), voice, room(4.0)]))
    assert 2.0 <= len(squeezed) / SAMPLE_RATE_HZ <= 2.8
    assert np.sum(np.square(squeezed)) >= 0.999 * np.sum(np.square(voice))


def test_keeps_a_voice_that_is_much_quieter_than_another() -> None:
    quiet = babble(1.0) * 0.06
    squeezed = squeeze(np.concatenate([babble(1.0), room(4.0, 1e-4), quiet, room(4.0, 1e-4)]))
    assert 2.0 <= len(squeezed) / SAMPLE_RATE_HZ <= 4.0


def test_gives_few_frames_to_little_speech_and_leaves_full_windows_alone() -> None:
    little = np.concatenate([room(5.0), babble(2.0), room(3.0)])
    assert fitted(little, FULL_FRAMES)[1] == SHORT_FRAMES[0]
    full = babble(10.0)
    samples, frames = fitted(full, FULL_FRAMES)
    assert frames == FULL_FRAMES
    assert samples is full


def test_pooled_positions_are_means_in_order() -> None:
    encoded = np.arange(8, dtype=np.float32).reshape(1, 8, 1)
    assert pooled(encoded, 4)[0, :, 0].tolist() == [0.5, 2.5, 4.5, 6.5]
