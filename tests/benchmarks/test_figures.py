"""What every benchmark does beside measuring."""

from __future__ import annotations

import json
import math
from pathlib import Path

from benchmarks.figures import write_figures


def test_figures_are_strict_json(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    write_figures(path, {"p99": math.inf, "steps": [{"cost": math.nan, "streams": 3}], "pair": (1.5, 2)})
    text = path.read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=lambda name: name) == {
        "p99": None,
        "steps": [{"cost": None, "streams": 3}],
        "pair": [1.5, 2],
    }


def test_nothing_is_written_unasked() -> None:
    write_figures(None, {"p99": math.inf})
