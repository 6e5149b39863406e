"""Ingest processes in tests, as the daemon has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from config.settings import LogSettings, NetworkSettings
from pipeline.ingest.remote import RemoteSource
from pipeline.ingest.workers import HANG_S, IngestWorkers, Start
from pipeline.source import Position
from tests.support.listening import PATIENCE_S, PATIENT, QUICK

LOOPBACK = QUICK.model_copy(update={"allow_private_addresses": True})
PATIENT_LOOPBACK = PATIENT.model_copy(update={"allow_private_addresses": True})


class Ingest:
    """Running ingest processes."""

    def __init__(self, count: int, network: NetworkSettings, hang_s: float) -> None:
        self.lost = 0
        start = Start("daemon.ingest", network, LogSettings(level="warning", format="json"))
        self.workers = IngestWorkers(count, start, on_lost=self._count, hang_s=hang_s)

    def _count(self) -> None:
        self.lost += 1

    @property
    def pids(self) -> list[int]:
        """Of the processes that run now."""
        return [worker.pid for worker in self.workers.workers if worker.pid is not None]

    def source(self, url: str, position: Position | None = None) -> RemoteSource:
        """Make a source that one of them reads."""
        return RemoteSource(self.workers, url, position or Position(), name="test")


@asynccontextmanager
async def ingesting(
    count: int = 1, *, network: NetworkSettings = LOOPBACK, hang_s: float = HANG_S
) -> AsyncIterator[Ingest]:
    """Run ingest processes; all of them must be gone at the end."""
    ingest = Ingest(count, network, hang_s)
    running = asyncio.create_task(ingest.workers.run(), name="ingest")
    pids: list[int] = []
    try:
        await ingest.workers.wait_ready()
        yield ingest
        assert not running.done(), "only its owner ends it"
        pids = ingest.pids
    finally:
        running.cancel()
        await asyncio.wait((running,))
    assert running.cancelled(), running.exception()
    assert not [pid for pid in pids if alive(pid)]


async def until_heard_there(run: RemoteSource) -> None:
    """Wait until the process has said that audio of a live stream has arrived."""
    async with asyncio.timeout(PATIENCE_S):
        while not run.live:  # noqa: ASYNC110 - only who takes the windows is told
            await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
