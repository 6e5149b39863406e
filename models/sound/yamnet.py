"""Sound events by YAMNet, quantised; the only user of its weights."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from models.errors import WeightsError
from models.interfaces import SAMPLE_RATE_HZ, Samples, Scores
from models.onnx import OnnxModel
from models.sound.mel import framed, mel_bands, mel_filters

WINDOW, HOP, FFT, BANDS = 400, 160, 512, 64
LOW_HZ, HIGH_HZ = 125.0, 7500.0
LOG_OFFSET = 0.001
PATCH_FRAMES = 96
"""0.96 s. (YAMNet's params.py, TensorFlow models.)"""
MIN_REST_FRAMES = 10
"""What is left after the last whole patch is looked at from here on."""
CLASSES = 521
INPUT_SCALE, INPUT_ZERO = 0.047937885, 144
OUTPUT_SCALE, OUTPUT_ZERO = 0.75654173, 190
"""How the quantised model's bytes stand for log-mel values and for logits."""

AUDIO_SHAPE = b"\x05audio\x12\x16\n\x14\x08\x02\x12\x10\n\x02"
LAST_SHAPE = b"/model/Constant_output_0J\x10"
ANY_BATCH = {AUDIO_SHAPE + b"\x08\x01": AUDIO_SHAPE + b"\x12\x00", LAST_SHAPE + b"\x01": LAST_SHAPE + b"\x00"}
"""Where the network's file fixes its batch to one patch, and what makes it take any number: the input's first
dimension (a value of 1 becomes an empty name, onnx.proto's TensorShapeProto), and the shape before the last
layer (1 becomes Reshape's 0: as it was). One run for a window takes three fifths of the time of eleven, and
returns the same bytes.
"""

LARGEST_LOGIT = 30.0
"""Beyond, a probability is 0 or 1 in float32, and its exponential need not be taken."""


class YamnetTagger:
    """A SoundTagger; eleven patches of 0.96 s take 8 to 12 ms of one core."""

    def __init__(self, folder: Path) -> None:
        """Load the weights in `folder`. Raises WeightsError."""
        path = folder / "model.onnx"
        self._model = OnnxModel(path, _graph(path), whole_bytes=True)
        self.classes = _read_classes(folder / "classes.csv")
        """Display names by index."""
        self._window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
        self._filters = mel_filters(BANDS, FFT, SAMPLE_RATE_HZ, LOW_HZ, HIGH_HZ, "htk")

    def tag(self, samples: Samples) -> Scores:
        """Return how probable each class is in each 0.96 s, shape (patches, 521); 11 patches are 10 s, since
        the last one ends with `samples` and overlaps the one before. What is shorter than one patch is
        filled up with silence, and is none when shorter than half of one. Raises RecognitionError.
        """
        patches = self._patches(samples)
        quantised = np.clip(np.rint(patches / INPUT_SCALE) + INPUT_ZERO, 0, 255).astype(np.uint8)
        if not len(quantised):
            return np.zeros((0, CLASSES), np.float32)
        [logits] = self._model.run(quantised[:, np.newaxis])
        values = (logits.astype(np.float32) - OUTPUT_ZERO) * OUTPUT_SCALE
        scores: Scores = 1.0 / (1.0 + np.exp(-np.clip(values, -LARGEST_LOGIT, LARGEST_LOGIT)))
        return scores

    def _patches(self, samples: Samples) -> Samples:
        """Log-mel patches, shape (patches, 96, 64)."""
        frames = framed(samples, WINDOW, HOP)
        bands = mel_bands(frames, self._filters, FFT, power=1, windowed=self._window.__mul__)
        log_mel: Samples = np.log(bands + np.float32(LOG_OFFSET))
        if len(log_mel) < PATCH_FRAMES:
            if len(log_mel) < PATCH_FRAMES // 2:
                return np.zeros((0, PATCH_FRAMES, BANDS), np.float32)
            silence = ((0, PATCH_FRAMES - len(log_mel)), (0, 0))
            return np.pad(log_mel, silence, constant_values=np.log(LOG_OFFSET))[np.newaxis]
        whole, rest = divmod(len(log_mel), PATCH_FRAMES)
        patches = log_mel[: whole * PATCH_FRAMES].reshape(whole, PATCH_FRAMES, BANDS)
        if rest >= MIN_REST_FRAMES:
            patches = np.concatenate([patches, log_mel[np.newaxis, -PATCH_FRAMES:]])
        return patches


def _graph(path: Path) -> bytes:
    """Return the network's file for batches of any size. Raises WeightsError, also for another network."""
    try:
        graph = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error}; run `audiowarden models fetch yamnet`") from None
    for one, any_number in ANY_BATCH.items():
        if graph.count(one) != 1:
            text = f"cannot load {path}: it is another network; run `audiowarden models fetch yamnet`"
            raise WeightsError(text)
        graph = graph.replace(one, any_number)
    return graph


def _read_classes(path: Path) -> tuple[str, ...]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            names = tuple(row["display_name"] for row in csv.DictReader(file))
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise WeightsError(f"cannot read {path}: {error}") from None
    if len(names) != CLASSES:
        raise WeightsError(f"{path} names {len(names)} classes instead of {CLASSES}")
    return names
