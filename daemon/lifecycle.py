"""From start to exit: signals, the service manager's watchdog, and a drain with a deadline."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import NoReturn

import structlog

from config.settings import Settings
from daemon.app import serving
from daemon.systemd import ServiceManager

log = structlog.get_logger()

STOP_GRACE_S = 15.0
"""Beyond the drain: for closing connections, models and the ledger."""
START_GRACE_S = 2.0
"""For putting down what had been started when the daemon is stopped before it serves."""


async def run(settings: Settings, manager: ServiceManager | None = None) -> int:
    """Serve until SIGTERM or SIGINT, drain, and return the exit status: 0 when stopped, 1 after a fault.

    A second signal ends the process at once. Raises AudiowardenError when the daemon cannot start.
    """
    manager = manager or ServiceManager()
    stop, started = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _on_signal, stop, number)
    serving_task = asyncio.create_task(_serve(settings, manager, stop, started), name="serve")
    stopping = asyncio.create_task(stop.wait(), name="stop signal")
    await asyncio.wait((serving_task, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not serving_task.done() and not started.is_set():
        await _leave(serving_task)
    if not serving_task.done():
        await asyncio.wait((serving_task,), timeout=settings.server.drain_s + STOP_GRACE_S)
    if not serving_task.done():
        log.error("stop_timed_out")
        serving_task.cancel()
        await asyncio.wait((serving_task,), timeout=STOP_GRACE_S)
        return 1
    return serving_task.result()


async def _leave(starting: asyncio.Task[int]) -> NoReturn:
    """End the process while it starts.

    Threads that load models or open the ledger cannot be ended, and Python would wait for them. Nothing needs
    their end: the ledger and the weights' folder are made for a process that is killed, and so are children.
    """
    starting.cancel()
    await asyncio.wait((starting,), timeout=START_GRACE_S)
    log.info("stopped", status=0, while_starting=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


async def _serve(
    settings: Settings, manager: ServiceManager, stop: asyncio.Event, started: asyncio.Event
) -> int:
    async with serving(settings) as daemon:
        started.set()
        manager.ready(f"serving on {daemon.url}")
        alive = asyncio.create_task(manager.keep_alive(lambda: not daemon.failed.is_set()), name="watchdog")
        signalled = asyncio.create_task(stop.wait(), name="signal")
        failed = asyncio.create_task(daemon.failed.wait(), name="failure")
        try:
            await asyncio.wait((signalled, failed), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (alive, signalled, failed):
                task.cancel()
        manager.stopping()
    status = 1 if daemon.failed.is_set() else 0
    log.info("stopped", status=status)
    return status


def _on_signal(stop: asyncio.Event, number: signal.Signals) -> None:
    if stop.is_set():
        # Whoever asks twice does not want to wait; the ledger is made for being killed.
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
    log.info("signal", name=number.name)
    stop.set()
