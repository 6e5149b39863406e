"""What the library of networks does besides running them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_nobody_is_told_which_models_run(tmp_path: Path) -> None:
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    home.mkdir()
    scratch.mkdir()
    # Nothing of the environment that would name this a test: the library tells nobody of those.
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(home), "TMPDIR": str(scratch)}
    subprocess.run([sys.executable, "-c", "import models.onnx"], env=environ, check=True, timeout=100)
    assert [*home.rglob("*"), *scratch.rglob("*")] == [], "what is kept to be sent"
