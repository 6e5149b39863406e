"""A source whose audio is read and decoded in an ingest process."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import structlog

from pipeline.audio import LostWindow, Window
from pipeline.ingest.inbox import Inbox
from pipeline.ingest.workers import IngestWorker
from pipeline.pull import STOP_S
from pipeline.rooms.channel import Channel
from pipeline.rooms.voices import MAX_USERS
from pipeline.source import Position, SourceError, SourceFault

log = structlog.get_logger()

STOP_EXTRA_S = 1.0
"""On top of what the process itself gives a thread to end."""
LOOK_S = 0.5
"""While waiting for a source's end: how often to look whether its process still answers."""


class Workers(Protocol):
    """Processes that read streams."""

    async def worker_for(self, what: str | Channel) -> IngestWorker | None:
        """Return the process for a new source of an address or a channel; None while there is none."""


class RemoteSource:
    """A `Source` that behaves as a PulledSource does, or a RoomSource, in another process."""

    def __init__(
        self,
        workers: Workers,
        what: str | Channel,
        position: Position,
        *,
        name: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`name` stands in logs. `clock` gives seconds since the epoch; the process uses its own."""
        self._workers = workers
        self._what = what
        self._position = position
        self._name = name
        separate = isinstance(what, Channel) and not what.mixed
        self._inbox = Inbox(position, clock, voices=MAX_USERS if separate else 1)
        self._worker: IngestWorker | None = None
        self._number = 0
        self._began = False

    @property
    def live(self) -> bool:
        """Whether the end of the data means a lost connection rather than the end (known once opened)."""
        return self._inbox.live

    async def windows(self) -> AsyncIterator[Window | LostWindow]:
        """Yield windows in order until the audio ends or `stop` is called; raise SourceError on failure.

        May be called once. Leaving the iteration early ends the run.
        """
        if self._began:
            raise RuntimeError("a source runs once")
        self._began = True
        worker = await self._workers.worker_for(self._what)
        if self._inbox.stopping:
            return
        if worker is None:
            raise SourceError(SourceFault.CANNOT_OPEN, "no ingest process is ready")
        self._worker = worker
        number = self._number = worker.open(self._what, self._name, self._position, self._inbox)
        try:
            while (item := await self._inbox.get()) is not None:
                worker.take(number)
                yield item
        finally:
            await self.stop()

    async def stop(self) -> None:
        """End the run within a second or so, whatever the remote side does. Safe to call twice.

        The windows that were already heard, the partial one too, can still be taken.
        """
        self._inbox.stopping = True
        if self._worker is None:
            return
        self._worker.stop(self._number)
        due = time.monotonic() + STOP_S + STOP_EXTRA_S
        while not await self._inbox.wait_over(LOOK_S):
            if not self._worker.answers or time.monotonic() >= due:
                log.error("ingest_worker_does_not_stop", request_id=self._name, worker=self._worker.name)
                self._inbox.cut_off("the process that read the stream did not stop")
        self._worker.forget(self._number)
