"""The service manager's protocol, and the unit file."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.systemd import ServiceManager
from tests.support.daemon_process import DaemonProcess, configuration

UNIT = Path(__file__).parents[2] / "systemd" / "audiowarden.service"


class Notified:
    """The service manager's end of the socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(30)

    def receive(self) -> str:
        return self._socket.recv(4096).decode()

    def close(self) -> None:
        self._socket.close()


async def test_a_daemon_under_systemd_says_ready_alive_and_stopping(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    manager = Notified(path)
    try:
        environ = {**os.environ, "NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "400000"}
        async with DaemonProcess(configuration(tmp_path, model="tiny.en"), environ=environ) as daemon:
            ready = await asyncio.to_thread(manager.receive)
            assert ready == f"READY=1\nSTATUS=serving on {daemon.url}"
            assert [await asyncio.to_thread(manager.receive) for _ in range(2)] == ["WATCHDOG=1"] * 2
            assert await asyncio.to_thread(daemon.stop) == 0
        messages = [manager.receive()]
        while not messages[-1].startswith("STOPPING=1"):
            messages.append(manager.receive())
        assert set(messages[:-1]) <= {"WATCHDOG=1"}
    finally:
        manager.close()


async def test_without_a_service_manager_nothing_happens() -> None:
    manager = ServiceManager({})
    manager.ready("x")
    manager.stopping()
    await manager.keep_alive(lambda: True)


async def test_a_manager_that_is_gone_is_no_fault(tmp_path: Path) -> None:
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready("x")


def test_the_watchdog_of_another_process_is_not_ours() -> None:
    assert ServiceManager({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}).watchdog_s == 0
    assert ServiceManager({"WATCHDOG_USEC": "1000000"}).watchdog_s == 1.0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd-analyze")
def test_the_unit_is_valid(tmp_path: Path) -> None:
    """With a program that exists in place of the installed one."""
    text = UNIT.read_text(encoding="utf-8").replace("/opt/audiowarden/.venv/bin/audiowarden", sys.executable)
    unit = tmp_path / UNIT.name
    unit.write_text(text, encoding="utf-8")
    finished = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert UNIT.name not in finished.stderr


def test_systemd_waits_longer_than_the_drain() -> None:
    from config.settings import ServerSettings
    from daemon.lifecycle import STOP_GRACE_S

    line = next(line for line in UNIT.read_text().splitlines() if line.startswith("TimeoutStopSec="))
    assert float(line.partition("=")[2]) >= ServerSettings().drain_s + STOP_GRACE_S
