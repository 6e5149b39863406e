"""The service manager's notification protocol (sd_notify(3)): READY, STOPPING, WATCHDOG."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Mapping


class ServiceManager:
    """Talks to systemd when it started us; does nothing otherwise.

    A datagram to the socket in NOTIFY_SOCKET, `@` standing for the abstract namespace.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        watchdog_us = environ.get("WATCHDOG_USEC", "0")
        mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_s = int(watchdog_us) / 1e6 if watchdog_us.isdigit() and mine else 0.0

    def ready(self, status: str) -> None:
        """Say that the daemon serves."""
        self._send(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        """Say that the daemon is draining."""
        self._send("STOPPING=1\nSTATUS=draining streams")

    async def keep_alive(self, healthy: Callable[[], bool]) -> None:
        """Pet the watchdog at half its interval while `healthy`; runs until cancelled."""
        while self._address and self.watchdog_s > 0:
            if healthy():
                self._send("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_s / 2)

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A service manager that is gone must not take the daemon with it.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.connect(self._address)
            sender.sendall(message.encode())
