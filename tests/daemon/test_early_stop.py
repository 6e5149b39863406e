"""Ending programs while they are being made ready: what they wait for must not hold them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon_process import configuration

HOST = "127.0.0.1"
SOON_S = 20.0
"""What is waited for says nothing for longer: pip tries six times for 15 s each."""


@pytest.fixture
def slow_index() -> Iterator[socket.socket]:
    """A package index that takes connections and says nothing."""
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(60)
        yield listener


def begun(folder: Path, index: socket.socket, *command: str) -> subprocess.Popen[bytes]:
    """Start a command that fetches its models from `index`."""
    config = configuration(folder)
    environ = {
        **os.environ,
        "PIP_INDEX_URL": f"http://{HOST}:{index.getsockname()[1]}/",
        "AUDIOWARDEN__RECOGNISER__CACHE_DIR": str(folder / "cache"),
        "AUDIOWARDEN__LOGS__FORMAT": "json",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "daemon", *command, "--config", str(config)],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def ended(process: subprocess.Popen[bytes], index: socket.socket, number: signal.Signals) -> tuple[int, str]:
    """Send a signal once the download has begun; return status and standard error."""
    with process:
        connection, _ = index.accept()
        with connection:
            process.send_signal(number)
            began_at = time.monotonic()
            try:
                _, said = process.communicate(timeout=30)
            finally:
                process.kill()
    assert time.monotonic() - began_at < SOON_S
    return process.returncode, said.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_daemon_stops_while_models_are_fetched(
    number: signal.Signals, tmp_path: Path, slow_index: socket.socket
) -> None:
    status, log = ended(begun(tmp_path, slow_index, "serve"), slow_index, number)
    assert status == 0
    assert "Traceback" not in log
    assert log.splitlines()[-1].count('"event": "stopped"') == 1


def test_ctrl_c_ends_a_command_while_models_are_fetched(tmp_path: Path, slow_index: socket.socket) -> None:
    process = begun(tmp_path, slow_index, "moderate", "nothing.wav")
    status, said = ended(process, slow_index, signal.SIGINT)
    assert status == 130
    assert said.strip().splitlines()[-1] == "audiowarden: interrupted"
    assert "Traceback" not in said
