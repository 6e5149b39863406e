"""From start to exit: signals, the service manager's watchdog, and a drain with a deadline."""

from __future__ import annotations

import asyncio
import signal

import structlog

from config.settings import Settings
from daemon.app import serving
from daemon.systemd import ServiceManager

log = structlog.get_logger()

STOP_GRACE_S = 15.0
"""Beyond the drain: for closing connections, models and the ledger."""


async def run(settings: Settings, manager: ServiceManager | None = None) -> int:
    """Serve until SIGTERM or SIGINT, drain, and return the exit status: 0 when stopped, 1 after a fault.

    A second signal ends the process at once. Raises AudiowardenError when the daemon cannot start.
    """
    manager = manager or ServiceManager()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _on_signal, stop, number)
    serving_task = asyncio.create_task(_serve(settings, manager, stop), name="serve")
    stopping = asyncio.create_task(stop.wait(), name="stop signal")
    await asyncio.wait((serving_task, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not serving_task.done():
        await asyncio.wait((serving_task,), timeout=settings.server.drain_s + STOP_GRACE_S)
    if not serving_task.done():
        log.error("stop_timed_out")
        serving_task.cancel()
        await asyncio.wait((serving_task,), timeout=STOP_GRACE_S)
        return 1
    return serving_task.result()


async def _serve(settings: Settings, manager: ServiceManager, stop: asyncio.Event) -> int:
    async with serving(settings) as daemon:
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
