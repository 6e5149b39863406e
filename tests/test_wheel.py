"""The wheel is complete: what is installed elsewhere reads its own data files."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
READ_EVERYTHING = """
import sys
sys.path.insert(0, sys.argv[1])
import config, daemon, models, pipeline
from config.lexicons import load_lexicons
from config.taxonomy import load_taxonomy
from daemon.cli.main import app
assert all(package.__file__.startswith(sys.argv[1]) for package in (config, daemon, models, pipeline))
assert len(load_lexicons()) == 21
assert len(load_taxonomy().names) > 90
"""


@pytest.fixture(name="wheel", scope="module")
def _wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "config",
        "models",
        "pipeline",
        "daemon",
    }
    for name in ("config/default.toml", "config/labels.toml", "config/lexicons/zh/ad.toml"):
        assert name in names


def test_an_installed_wheel_reads_its_own_files(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    subprocess.run(
        [sys.executable, "-c", READ_EVERYTHING, str(tmp_path / "site")], check=True, cwd=tmp_path, timeout=100
    )
