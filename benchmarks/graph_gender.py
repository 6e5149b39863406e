"""Writes the layers of the network that tells women from men, whose numbers stay in the file that Ina ships.

    pip install h5py onnx
    .venv/bin/python -m benchmarks.graph_gender WEIGHTS --write models/voice/gender_network.onnx

WEIGHTS is weights.hdf5, as `audiowarden models fetch gender` keeps it: keras_male_female_cnn.hdf5 of
inaSpeechSegmenter 0.6.7. The two packages are needed here only: Keras stored each array as one stretch of
plain float32, so the graph names the stretches as ONNX's external data, and nothing has to be converted or
read as HDF5 when it runs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import h5py
from onnx import NodeProto, TensorProto, ValueInfoProto, helper

from models.voice.gender_network import BANDS, PATCH_FRAMES

OPSET, IR_VERSION = 13, 8
EPSILON = 1e-3
"""Of the batch normalisation (the model_config attribute of the file, as the layers below)."""
CONVOLUTIONS, DENSE_LAYERS = 5, 5
POOLS = {2: (1, 2), 4: (2, 2), 5: (28, 1)}
"""After which convolutions, over how many frames and bands."""


class Graph:
    """Nodes in a row, and the stretches of the weights' file that they need."""

    def __init__(self, weights: h5py.File, file_name: str) -> None:
        self.nodes: list[NodeProto] = []
        self.tensors: list[TensorProto] = []
        self._file_name = file_name
        self._arrays: dict[str, h5py.Dataset] = {}
        weights["model_weights"].visititems(self._note)

    def add(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Append a layer and return the name of its output."""
        output = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def array(self, layer: str, name: str) -> str:
        """Return the name of an array of the file, which becomes an input of a node."""
        label = f"{layer}/{name}"
        data = self._arrays[label]
        tensor = TensorProto(name=label, data_type=TensorProto.FLOAT, dims=data.shape)
        tensor.data_location = TensorProto.EXTERNAL
        place = {"location": self._file_name, "offset": data.id.get_offset(), "length": data.nbytes}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self.tensors.append(tensor)
        return label

    def normalised(self, values: str, number: int) -> str:
        """Append a batch normalisation and a rectifier."""
        layer = f"batch_normalization_{number}"
        arrays = [self.array(layer, name) for name in ("gamma", "beta", "moving_mean", "moving_variance")]
        return self.add("Relu", self.add("BatchNormalization", values, *arrays, epsilon=EPSILON))

    def _note(self, path: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            layer, *_, name = path.split("/")
            self._arrays[f"{layer}/{name.removesuffix(':0')}"] = item


def build(weights: h5py.File, file_name: str) -> bytes:
    """Return the graph: patches (n, 1, 68, 24) to logits (n, 2) of woman and man."""
    graph = Graph(weights, file_name)
    values = "patches"
    for number in range(1, CONVOLUTIONS + 1):
        layer = f"conv2d_{number}"
        # Keras has the channels last.
        kernel = graph.add("Transpose", graph.array(layer, "kernel"), perm=[3, 2, 0, 1])
        values = graph.normalised(graph.add("Conv", values, kernel, graph.array(layer, "bias")), number)
        if number in POOLS:
            values = graph.add("MaxPool", values, kernel_shape=POOLS[number], strides=POOLS[number])
    values = graph.add("Flatten", values)
    for number in range(1, DENSE_LAYERS + 1):
        layer = f"dense_{number}"
        values = graph.add("Gemm", values, graph.array(layer, "kernel"), graph.array(layer, "bias"))
        if number < DENSE_LAYERS:
            values = graph.normalised(values, CONVOLUTIONS + number)
    whole = helper.make_graph(
        graph.nodes,
        "gender",
        [_floats("patches", 1, PATCH_FRAMES, BANDS)],
        [_floats(values, 2)],
        graph.tensors,
    )
    model = helper.make_model(
        whole,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="audiowarden",
    )
    written: bytes = model.SerializeToString()
    return written


def _floats(name: str, *shape: int) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--write", type=Path, required=True, help="where the graph is put")
    options = parser.parse_args()
    with h5py.File(options.weights) as weights:
        options.write.write_bytes(build(weights, options.weights.name))
    print(f"{options.write}: {options.write.stat().st_size} bytes")


if __name__ == "__main__":
    main()
