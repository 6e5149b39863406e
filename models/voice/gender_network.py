"""The network that tells women's voices from men's; the only user of its weights."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.interfaces import SAMPLE_RATE_HZ, Samples
from models.onnx import OnnxModel
from models.sound.mel import framed, mel_bands, mel_filters

GRAPH_FILE = "gender_network.onnx"
"""The layers, nearly without their numbers, made by `benchmarks/graph_gender.py`, which says how."""
WINDOW, HOP, FFT, BANDS = 400, 160, 512, 24
LOW_HZ, HIGH_HZ = 100.0, 8_000.0
PRE_EMPHASIS = 0.97
"""SIDEKIT's mel bands (A. Larcher, K. A. Lee and S. Meignier 2016), with which the network was trained."""
FLOOR = 1e-10
"""About what the rounding to 16 bits leaves in a band: digital silence must not stand out of a patch."""
PATCH_FRAMES = 68
"""The network hears 0.68 s at a time."""
MOST_PATCHES, CLOSEST_FRAMES = 5, 34
"""Spread over what is spoken, overlapping by half at most. Twelve were right no more often, together with the
voiceprint's head: docs/accuracy.md."""
MIN_SPEECH_S = 1.0
"""Less says nothing about a voice."""


class InaGenderNetwork:
    """A GenderTeller: the network of Ina's inaSpeechSegmenter; a window takes about 7 ms of one core.

    Five convolutions and five dense layers, trained on 2,284 speakers of French radio and television
    (D. Doukhan et al. 2018, "An open-source speaker gender detection framework for monitoring gender
    equality", ICASSP). The convolutions count in bytes: of 422 stretches of speech, clean and disturbed, that
    moved the log odds by 0.07 in the middle and by 0.65 at most, where they spread by 7.5.
    """

    def __init__(self, folder: Path) -> None:
        """Load the weights in `folder`. Raises WeightsError."""
        graph = resources.files("models.voice").joinpath(GRAPH_FILE).read_bytes()
        self._model = OnnxModel(folder / "weights.hdf5", graph)
        self._window = np.hanning(WINDOW).astype(np.float32)
        self._filters = mel_filters(BANDS, FFT, SAMPLE_RATE_HZ, LOW_HZ, HIGH_HZ, "sidekit")

    def female_log_odds(self, samples: Samples) -> float | None:
        """Return the log odds that a woman speaks in `samples`, None for less than MIN_SPEECH_S.

        The mean over the patches. Raises RecognitionError.
        """
        if len(samples) < MIN_SPEECH_S * SAMPLE_RATE_HZ:
            return None
        [logits] = self._model.run(self.patches(samples))
        return float((logits[:, 0] - logits[:, 1]).mean())

    def patches(self, samples: Samples) -> NDArray[np.float32]:
        """Return the log mel bands of up to MOST_PATCHES patches, each of mean 0 and spread 1.

        Shape (patches, 1, 68, 24).
        """
        # SIDEKIT emphasises frame by frame; only a frame's first sample differs, and its weight is 0.
        sharpened = np.append(samples[:1], samples[1:] - np.float32(PRE_EMPHASIS) * samples[:-1])
        frames = framed(sharpened, WINDOW, HOP)
        latest = len(frames) - PATCH_FRAMES
        count = min(MOST_PATCHES, 1 + latest // CLOSEST_FRAMES)
        starts = np.linspace(0, latest, count).astype(int)
        heard = frames[(starts[:, np.newaxis] + np.arange(PATCH_FRAMES)).ravel()]
        powers = mel_bands(heard, self._filters, FFT, power=2, windowed=lambda some: some * self._window)
        bands = np.log(np.maximum(powers, FLOOR)).reshape(count, PATCH_FRAMES, BANDS)
        mean, spread = bands.mean(axis=(1, 2), keepdims=True), bands.std(axis=(1, 2), keepdims=True)
        patches: NDArray[np.float32] = ((bands - mean) / np.maximum(spread, 1e-6)).astype(np.float32)
        return patches[:, np.newaxis]
