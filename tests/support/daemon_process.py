"""A real daemon in a process of its own, as an operator would start it."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

ACCESS_KEY = "key-of-acme"
START_TIMEOUT_S = 100.0
STOP_TIMEOUT_S = 60.0


def configuration(folder: Path, *, extra: str = "", model: str = "base") -> Path:
    """Write a configuration for loopback into `folder` and return its path."""
    path = folder / "audiowarden.toml"
    path.write_text(
        f"""
data_dir = "data"
[server]
port = 0
[network]
allow_private_addresses = true
[recogniser]
model = "{model}"
device = "cpu"
# What a host carries is tried elsewhere: beside other tests windows seem dear at the start, and wait long.
max_load = 2
max_delay_s = 60
[[accounts]]
name = "acme"
access_key = "{ACCESS_KEY}"
{extra}
""",
        encoding="utf-8",
    )
    return path


class DaemonProcess:
    """`audiowarden serve` with its log in a file; killed when the block ends, unless it was stopped."""

    def __init__(
        self, config: Path, *, environ: dict[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        self._config = config
        self._environ = environ
        self._cwd = cwd
        self.log_path = config.parent / "log.jsonl"
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def start(self) -> None:
        """Start it and wait until it serves; blocking."""
        self._process = self._spawn()
        self.url = self.wait_for_event("serving", START_TIMEOUT_S)["url"]

    def wait_for_event(self, name: str, timeout_s: float) -> dict[str, Any]:
        """Wait for an event in the log of this start and return the first one; blocking."""
        assert self._process is not None
        deadline = time.monotonic() + timeout_s
        while not (found := self.events(name)):
            if self._process.poll() is not None:
                raise AssertionError(f"the daemon ended: {self._log_tail()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {timeout_s} s for {name}: {self._log_tail()}")
            time.sleep(0.05)
        return found[0]

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "daemon", "serve", "--config", str(self._config)]
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            return subprocess.Popen(
                command, stderr=log, stdin=subprocess.DEVNULL, env=self._environ, cwd=self._cwd
            )

    def _log_tail(self) -> str:
        return self.log_path.read_text(encoding="utf-8")[-4000:]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log's events of that name since the last start."""
        with self.log_path.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode().splitlines()
        return [event for event in map(_parse, lines) if event.get("event") == name]

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(STOP_TIMEOUT_S)

    def stop(self) -> int:
        """SIGTERM, and wait; return the exit status; blocking."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_TIMEOUT_S)

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self.start)
        except BaseException:
            self.kill()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.kill()


def _parse(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
