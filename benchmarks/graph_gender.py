"""Writes the layers of the network that tells women from men, whose numbers stay in the file that Ina ships.

    pip install h5py onnx
    .venv/bin/python -m benchmarks.graph_gender WEIGHTS VOICES --write models/voice/gender_network.onnx

WEIGHTS is weights.hdf5, as `audiowarden models fetch gender` keeps it: keras_male_female_cnn.hdf5 of
inaSpeechSegmenter 0.6.7. The two packages are needed here only: Keras stored each array as one stretch of
plain float32, so the graph names the stretches as ONNX's external data, and nothing has to be converted or
read as HDF5 when it runs.

The convolutions count in bytes, which takes half of the time. Weights become bytes when the network is
loaded; what goes from layer to layer needs a range, which is measured here: the largest value on VOICES, the
recordings that `benchmarks.synthetic_voices` makes, with a faint noise under them: digital silence, far below
all speech, would take most of the range for itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from faster_whisper import decode_audio
from numpy.typing import NDArray

from benchmarks.layers import INT8, INT32, Layers, floats
from models.hearing import conditioned
from models.onnx import OnnxModel
from models.voice.gender_network import BANDS, PATCH_FRAMES, InaGenderNetwork

EPSILON = 1e-3
"""Of the batch normalisation (the model_config attribute of the file, as the layers below)."""
CONVOLUTIONS, DENSE_LAYERS = 5, 5
POOLS = {2: (1, 2), 4: (2, 2), 5: (28, 1)}
"""After which convolutions, over how many frames and bands."""
LARGEST_WEIGHT = 63.0
"""Seven bits of eight: a processor without VNNI adds two products in 16 bits, which more would exceed."""
PATCHES_ZERO = 128
"""The byte that stands for 0 in a patch, whose values have both signs; behind a rectifier it is 0."""


class Graph(Layers):
    """Layers whose numbers are stretches of the weights' file."""

    def __init__(self, weights: h5py.File, file_name: str) -> None:
        super().__init__()
        self._file_name = file_name
        self._arrays: dict[str, h5py.Dataset] = {}
        weights["model_weights"].visititems(self._note)

    def stored(self, layer: str, name: str) -> str:
        """Return the name of an array of the file, which becomes an input of a node."""
        label = f"{layer}/{name}"
        data = self._arrays[label]
        place = {"location": self._file_name, "offset": data.id.get_offset(), "length": data.nbytes}
        return self.array(label, data.shape, **place)

    def normalised(self, values: str, number: int) -> str:
        """Append a batch normalisation and a rectifier."""
        return self.add(
            "Relu", self.add("BatchNormalization", values, *self._normalisation(number), epsilon=EPSILON)
        )

    def convolution(self, values: str, number: int, range_: float | None) -> str:
        """Append a convolution, normalisation included, and a rectifier; `range_` is that of one byte of
        `values`, None to reckon with floats.
        """
        layer = f"conv2d_{number}"
        gamma, beta, mean, variance = self._normalisation(number)
        gain = self.add("Div", gamma, self.add("Sqrt", self.add("Add", variance, self.constant(EPSILON))))
        # Keras has the channels last.
        kernel = self.add("Transpose", self.stored(layer, "kernel"), perm=[3, 2, 0, 1])
        kernel = self.add("Mul", kernel, self.add("Reshape", gain, self.constant([-1, 1, 1, 1], np.int64)))
        bias = self.add("Sub", self.stored(layer, "bias"), mean)
        bias = self.add("Add", self.add("Mul", bias, gain), beta)
        if range_ is not None:
            largest = self.add("ReduceMax", self.add("Abs", kernel), axes=[1, 2, 3], keepdims=0)
            scale = self.add("Div", largest, self.constant(LARGEST_WEIGHT))
            zero = self.add("Cast", self.add("Mul", scale, self.constant(0.0)), to=INT8)
            kernel = self._in_bytes(kernel, scale, zero, axis=0)
            scale = self.add("Mul", scale, self.constant(range_))
            whole = self.add("Cast", self.add("Round", self.add("Div", bias, scale)), to=INT32)
            bias = self.add("DequantizeLinear", whole, scale, axis=0)
        return self.add("Relu", self.add("Conv", values, kernel, bias))

    def rounded(self, values: str, range_: float, zero: int) -> str:
        """Append what makes bytes of values, `range_` for each, of which `zero` stands for 0."""
        return self._in_bytes(values, self.constant(range_), self.constant(zero, np.uint8))

    def _in_bytes(self, values: str, scale: str, zero: str, **attributes: object) -> str:
        rounded = self.add("QuantizeLinear", values, scale, zero, **attributes)
        return self.add("DequantizeLinear", rounded, scale, zero, **attributes)

    def _normalisation(self, number: int) -> list[str]:
        layer = f"batch_normalization_{number}"
        return [self.stored(layer, name) for name in ("gamma", "beta", "moving_mean", "moving_variance")]

    def _note(self, path: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            layer, *_, name = path.split("/")
            self._arrays[f"{layer}/{name.removesuffix(':0')}"] = item


def build(weights: h5py.File, file_name: str, ranges: Sequence[float] | None) -> bytes:
    """Return the graph: patches (n, 1, 68, 24) to logits (n, 2) of woman and man.

    `ranges` are of the bytes of the patches and of what each convolution makes; None: it reckons with floats
    and returns what each convolution makes as well.
    """
    graph = Graph(weights, file_name)
    values = "patches"
    if ranges is not None:
        values = graph.rounded(values, ranges[0], PATCHES_ZERO)
    made = []
    for number in range(1, CONVOLUTIONS + 1):
        values = graph.convolution(values, number, None if ranges is None else ranges[number - 1])
        made.append(values)
        if ranges is not None:
            values = graph.rounded(values, ranges[number], 0)
        if number in POOLS:
            values = graph.add("MaxPool", values, kernel_shape=POOLS[number], strides=POOLS[number])
            if ranges is not None:
                values = graph.rounded(values, ranges[number], 0)
    values = graph.add("Flatten", values)
    for number in range(1, DENSE_LAYERS + 1):
        layer = f"dense_{number}"
        values = graph.add("Gemm", values, graph.stored(layer, "kernel"), graph.stored(layer, "bias"))
        if number < DENSE_LAYERS:
            values = graph.normalised(values, CONVOLUTIONS + number)
    told = [floats(values, "n", 2)]
    if ranges is None:
        told += [floats(each, "n", "channels", "frames", "bands") for each in made]
    return graph.written("gender", floats("patches", "n", 1, PATCH_FRAMES, BANDS), told)


def measure(weights: Path, graph: bytes, voices: Path) -> list[float]:
    """Return how much one step of a byte stands for: in patches, then behind each convolution."""
    listener, network = InaGenderNetwork(weights.parent), OnnxModel(weights, graph)
    largest: list[list[float]] = []
    for path in sorted(voices.glob("[fm]-*.wav")):
        patches: NDArray[np.float32] = listener.patches(conditioned(decode_audio(str(path))))
        _, *made = network.run(patches)
        largest.append([float(each.max()) for each in (np.abs(patches), *made)])
    if not largest:
        raise SystemExit(f"{voices} has no recordings named f-*.wav or m-*.wav")
    first, *others = np.max(largest, axis=0).tolist()
    return [first / (255 - PATCHES_ZERO), *(each / 255 for each in others)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("voices", type=Path)
    parser.add_argument("--write", type=Path, required=True, help="where the graph is put")
    options = parser.parse_args()
    with h5py.File(options.weights) as weights:
        ranges = measure(options.weights, build(weights, options.weights.name, None), options.voices)
        options.write.write_bytes(build(weights, options.weights.name, ranges))
    print(f"{options.write}: {options.write.stat().st_size} bytes; one step: {[round(x, 5) for x in ranges]}")


if __name__ == "__main__":
    main()
