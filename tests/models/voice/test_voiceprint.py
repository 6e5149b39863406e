"""Voiceprints with the real weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.voice.voiceprint import VoiceprintEmbedder
from pipeline.audio import to_samples
from tests.support.speech import speech_pcm

FIRST = "The bakery on the corner opens at six, and the first bread is gone before seven."
SECOND = "In spring the river comes up to the garden fence, but the house has always stayed dry."


@pytest.fixture(scope="module")
def embedder(voiceprint_weights: Path) -> VoiceprintEmbedder:
    return VoiceprintEmbedder(voiceprint_weights)


def test_a_voice_is_like_itself_whatever_it_says(embedder: VoiceprintEmbedder) -> None:
    one, other = (embedder.embed(to_samples(speech_pcm(text))) for text in (FIRST, SECOND))
    assert one is not None
    assert other is not None
    assert one.shape == (256,)
    assert one.dtype == np.float32
    assert float(one @ one) == pytest.approx(1.0, abs=1e-5)
    assert float(one @ other) > 0.8


def test_another_voice_is_farther_away(embedder: VoiceprintEmbedder) -> None:
    spoken = to_samples(speech_pcm(FIRST))
    # Played a third faster it is a voice of another pitch and another mouth.
    places = np.arange(0, len(spoken) - 1, 1.35)
    higher = np.interp(places, np.arange(len(spoken)), spoken).astype(np.float32)
    one, other = embedder.embed(spoken), embedder.embed(higher)
    assert one is not None
    assert other is not None
    assert float(one @ other) < 0.6


def test_too_little_speech_has_no_voiceprint(embedder: VoiceprintEmbedder) -> None:
    assert embedder.embed(np.zeros(8_000, np.float32)) is None
