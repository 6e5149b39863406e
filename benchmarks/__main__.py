"""`make bench`: every benchmark, one after the other."""

from __future__ import annotations

import importlib
import importlib.util

BENCHMARKS: dict[str, tuple[str, ...]] = {
    "recognition": (),
    "screening": ("--terms", "12", "--rounds", "2"),
    "ingest": ("--streams", "1,10", "--rounds", "1", "--span-s", "12"),
    "songs": (),
    "exports": ("--rounds", "3"),
    "api": (),
    # A rough limit in minutes; `python -m benchmarks.capacity` finds a better one.
    "capacity": ("--step-s", "20", "--resolution", "0.25", "--baseline", "0"),
}
"""Modules of this package, with what they are told."""


def main() -> None:
    """Run those that there are."""
    for name, arguments in BENCHMARKS.items():
        module = f"{__package__}.{name}"
        if importlib.util.find_spec(module) is not None:
            importlib.import_module(module).main(arguments)


if __name__ == "__main__":
    main()
