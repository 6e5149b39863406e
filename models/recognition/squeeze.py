"""Takes the silence out of a window, so that only what may hold words is encoded.

Measured on 77 utterances of 2 to 5 s (LibriSpeech, synthetic voices) in windows of silence: 4.3 % of words
wrong instead of 4.4 % encoded whole, for 35 % less CPU; in noise of -45 dB 4.3 and 4.5 %. Of windows of two
utterances with a pause between them, most of which are encoded whole, 15.0 and 15.0 %, and in the noise 8.1
and 8.3 %. Without MARGIN_FRAMES 0.4 points more were wrong; with a third length of 850 frames 4 points more
of the latter.
"""

from __future__ import annotations

import math

import numpy as np

from models.errors import RecognitionError
from models.interfaces import SAMPLE_RATE_HZ, Samples

FRAME_SAMPLES = 320
FRAME_S = FRAME_SAMPLES / SAMPLE_RATE_HZ
KEPT_S = 0.3
"""Silence that stays on either side of sound: quiet consonants lie there, and a pause parts sentences."""
FLOOR_DB = -60.0
NOISE_PERCENTILE = 10.0
ABOVE_NOISE_DB = 6.0
NEVER_ABOVE_PEAK_DB = 25.0
"""What is within 25 dB of the loudest frame is kept however loud the noise seems to be."""
ALWAYS_BELOW_PEAK_DB = 45.0
WINDOW_FRAMES = 1_050
"""Mel frames of a window that are encoded: 10 s and half a second of silence."""
SILENCE_FRAMES = 50
FULL_FRAMES = 3_000
"""What the model was trained with, 30 s: the longest window."""
SHORT_FRAMES = (350, 600)
"""Mel frames that are encoded where they hold a squeezed window and MARGIN_FRAMES of silence."""
MARGIN_FRAMES = 80
HOP_SAMPLES = 160


def frames_for(samples: Samples) -> int:
    """Mel frames that hold the window and some silence: whole seconds, at least a usual window's.

    Raises RecognitionError when the model holds no window as long.
    """
    seconds = math.ceil(len(samples) / SAMPLE_RATE_HZ)
    if seconds * 100 > FULL_FRAMES:
        raise RecognitionError(f"a window of {seconds} s is longer than the model's {FULL_FRAMES // 100} s")
    return min(FULL_FRAMES, max(WINDOW_FRAMES, seconds * 100 + SILENCE_FRAMES))


def fitted(samples: Samples, frames: int) -> tuple[Samples, int]:
    """Return what to encode of a window and how many mel frames hold it, one of SHORT_FRAMES or `frames`.

    A window that needs `frames` comes back whole: there is nothing to win, and pauses help to read it.
    """
    squeezed = squeeze(samples)
    needed = len(squeezed) // HOP_SAMPLES + MARGIN_FRAMES
    for short in SHORT_FRAMES:
        if needed <= short:
            return squeezed, short
    return samples, frames


def squeeze(samples: Samples) -> Samples:
    """Return the samples (float32, 16 kHz, mono) without silence longer than twice KEPT_S, in order.

    A frame of 20 ms is sound when it is 6 dB above the window's tenth percentile, or within 25 dB of its
    loudest frame. What is all sound or all silence comes back as it was.
    """
    count = len(samples) // FRAME_SAMPLES
    if count == 0:
        return samples
    frames = samples[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES)
    level_db = 10.0 * np.log10(np.mean(np.square(frames), axis=1) + 1e-12)
    peak_db = float(level_db.max())
    noise_db = float(np.percentile(level_db, NOISE_PERCENTILE)) + ABOVE_NOISE_DB
    bound_db = max(FLOOR_DB, peak_db - ALWAYS_BELOW_PEAK_DB, min(noise_db, peak_db - NEVER_ABOVE_PEAK_DB))
    width = 2 * round(KEPT_S / FRAME_S) + 1
    kept = np.convolve(level_db > bound_db, np.ones(width), mode="same")[:count] > 0.5
    if kept.all() or not kept.any():
        return samples
    end = count * FRAME_SAMPLES
    squeezed: Samples = np.concatenate([frames[kept].reshape(-1), samples[end:] if kept[-1] else samples[:0]])
    return squeezed
