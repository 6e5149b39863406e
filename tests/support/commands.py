"""`audiowarden` as a person types it, in a process of its own, and recordings that nothing can be made of."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from pathlib import Path

from tests.support.speech import noise, silence, write_wav

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 100.0
LONG_S = 2 * 3600
LONG_RATE_HZ = 8_000


def run(*arguments: str, cwd: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a wide terminal and return what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "daemon", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environ},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def write_unusable(folder: Path) -> None:
    """Write `silence.wav`, `noise.wav`, `text.wav` and `two hours.wav` (sparse, of silence)."""
    write_wav(folder / "silence.wav", silence(20))
    write_wav(folder / "noise.wav", noise(20))
    (folder / "text.wav").write_text("This is a letter and no sound.\n" * 100, encoding="utf-8")
    path = folder / "two hours.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(LONG_RATE_HZ)
        file.setnframes(LONG_S * LONG_RATE_HZ)
        file.writeframes(b"")
    with path.open("r+b") as file:
        file.truncate(44 + 2 * LONG_S * LONG_RATE_HZ)
