"""Owns the processes that join rooms: one for each application, as a vendor's client serves one in each."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import Callable

import structlog

from pipeline.ingest.workers import HANG_S, START_S, IngestWorker, Start
from pipeline.rooms.channel import Channel
from pipeline.source import SourceError, SourceFault

log = structlog.get_logger()

MAX_APPLICATIONS = 16
"""Processes at the same time. Beyond, one without rooms makes way, or the room is not joined."""


class RoomWorkers:
    """Starts a process with the first room of an application; `run` owns them."""

    def __init__(
        self,
        start: Start,
        *,
        on_lost: Callable[[], None],
        hang_s: float = HANG_S,
        applications: int = MAX_APPLICATIONS,
    ) -> None:
        """`on_lost` is called for every process that was lost and will be started anew."""
        self._start = start
        self._applications = applications
        self._on_lost = on_lost
        self._hang_s = hang_s
        self._numbers = itertools.count(1)
        self._names = itertools.count(1)
        self._workers: dict[str, IngestWorker] = {}
        self._tasks: dict[IngestWorker, asyncio.Task[None]] = {}
        self._awaited: Counter[str] = Counter()
        """How many sources wait for an application's process to be ready."""

    @property
    def running(self) -> int:
        """How many processes take rooms now."""
        return sum(worker.ready.is_set() for worker in self._workers.values())

    @property
    def pids(self) -> list[int]:
        """Of the processes that run now."""
        return [worker.pid for worker in self._tasks if worker.pid is not None]

    async def run(self) -> None:
        """Keep what was started until cancelled, which ends all processes within seconds."""
        try:
            await asyncio.Event().wait()
        finally:
            for task in self._tasks.values():
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks.values())

    async def worker_for(self, what: str | Channel) -> IngestWorker | None:
        """Return the channel's process, started if need be; None when it does not get ready.

        Raises SourceError when there are too many applications.
        """
        if not isinstance(what, Channel):
            raise TypeError("addresses are pulled, not joined")
        app_id = what.app_id
        worker = self._workers.get(app_id) or self._new(app_id)
        self._awaited[app_id] += 1
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(worker.ready.wait(), START_S)
        finally:
            self._awaited[app_id] -= 1
            self._awaited += Counter()
        return worker if worker.answers else None

    def _new(self, app_id: str) -> IngestWorker:
        if len(self._workers) >= self._applications:
            idle = [each for each, worker in self._workers.items() if self._is_idle(each, worker)]
            if not idle:
                reason = f"rooms of {self._applications} applications are joined already"
                raise SourceError(SourceFault.CANNOT_OPEN, reason)
            self._tasks[self._workers.pop(idle[0])].cancel()
        name = f"rooms-{next(self._names)}"
        worker = IngestWorker(name, self._start, self._numbers, self._on_lost, self._hang_s)
        self._workers[app_id] = worker
        task = self._tasks[worker] = asyncio.create_task(worker.run(), name=f"ingest {name}")
        task.add_done_callback(lambda _: self._ended(app_id, worker))
        return worker

    def _ended(self, app_id: str, worker: IngestWorker) -> None:
        """Forget a worker whose task has ended, so that the next room starts another one."""
        task = self._tasks.pop(worker)
        if self._workers.get(app_id) is worker:
            del self._workers[app_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("room_worker_crashed", worker=worker.name, exc_info=error)

    def _is_idle(self, app_id: str, worker: IngestWorker) -> bool:
        return not worker.load and not self._awaited.get(app_id)
