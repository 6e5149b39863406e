"""Networks written as ONNX graphs whose numbers lie elsewhere; the only importer of onnx."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

OPSET, IR_VERSION = 13, 8
INT8, INT32 = TensorProto.INT8, TensorProto.INT32
"""What Cast makes of numbers."""


class Layers:
    """Nodes in a row, and the numbers that they need."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._tensors: dict[str, TensorProto] = {}

    def add(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Append a layer and return the name of its output."""
        output = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def array(self, name: str, shape: Sequence[int], **place: object) -> str:
        """Return the name of an array of floats that the graph does not hold; `place` as ONNX's external data
        has it: location, offset, length.
        """
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape)
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self._tensors[name] = tensor
        return name

    def constant(self, value: object, kind: type[np.generic] = np.float32) -> str:
        """Return the name of a number, or of some, that the graph itself holds."""
        name = f"constant_{len(self._tensors)}"
        self._tensors[name] = numpy_helper.from_array(np.array(value, kind), name)
        return name

    def written(self, name: str, given: ValueInfoProto, told: Sequence[ValueInfoProto]) -> bytes:
        """Return the graph as a file has it."""
        graph = helper.make_graph(self._nodes, name, [given], told, self._tensors.values())
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="audiowarden",
        )
        content: bytes = model.SerializeToString()
        return content


def floats(name: str, *shape: int | str) -> ValueInfoProto:
    """Return what goes in or comes out; a size that has a name is free."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
