"""All jobs of this daemon: kept in the ledger, a few at a time, in turn between accounts."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from config.settings import JobSettings
from daemon.jobs.book import JobBook, Stored
from daemon.jobs.interfaces import JobKind, JobsFullError, JobState, JobStatus
from daemon.jobs.item import Item, JobName, group_of, key_of
from daemon.jobs.worker import RETRY, Active, JobObserver, Worker
from daemon.ledger.interfaces import Documents, Lease, LedgerError, LimitReachedError, WorkQueue
from daemon.logs import tell
from daemon.patience import patiently
from pipeline.retry import Backoff

log = structlog.get_logger()

TAKE_WAIT_S = 5.0
COUNT_EVERY_S = 2.0
EXPIRE_EVERY_S = 600.0
LEAVE_S = 60.0
"""How often jobs are looked at again that none of this version's kinds is."""


class DurableJobs:
    """Jobs in the ledger (a `Jobs`). A job that was being worked on when the daemon died is begun again."""

    def __init__(
        self,
        queue: WorkQueue,
        documents: Documents,
        kinds: Mapping[str, JobKind],
        accounts: Iterable[str],
        settings: JobSettings,
        observer: JobObserver,
        *,
        backoff: Backoff = RETRY,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`accounts`: the names of those whose waiting jobs are counted; `wall` gives epoch seconds."""
        self._queue = queue
        self._kinds = kinds
        self._accounts = tuple(accounts)
        self._settings = settings
        self._book = JobBook(documents, settings, wall)
        self._worker = Worker(kinds, self._book, settings, observer, backoff)
        self._active: dict[asyncio.Task[None], Active] = {}
        self._served: set[str] = set()
        self._freed = asyncio.Event()
        self._draining = False
        self._counted: Counter[str] = Counter()

    async def submit(
        self, kind: str, account: str, key: str, request: Mapping[str, Any], *, again: bool = False
    ) -> JobState:
        """Start a job, or tell how far the one of the same identity is; durable when this returns.

        Raises LedgerError, and JobsFullError when the account has `jobs.waiting` of the kind already.
        """
        name = JobName(kind, account, key)
        if self._kinds[kind].polled:
            await self._book.asked(name)
        stored = await self._book.read(name)
        if stored is None or (again and stored.state.over):
            stored = await self._start(name, request, again=again)
        return self._shown(name, stored)

    async def state(self, kind: str, account: str, key: str) -> JobState | None:
        """Tell how far a job is, without polling it. Raises LedgerError."""
        name = JobName(kind, account, key)
        stored = await self._book.read(name)
        return None if stored is None else self._shown(name, stored)

    async def cancel(self, kind: str, account: str, key: str) -> bool:
        """Cancel a job that still waits; False: there is none, or it has begun. Raises LedgerError."""
        name = JobName(kind, account, key)
        async with self._worker.changing:
            stored = await self._book.read(name)
            if stored is None or stored.state.status is not JobStatus.WAITING:
                return False
            await self._book.write(name, replace(stored, state=JobState(JobStatus.CANCELLED)))
            await self._queue.stop(group_of(kind, account), key_of(name, stored.run))
        return True

    async def _start(self, name: JobName, request: Mapping[str, Any], *, again: bool) -> Stored:
        async with self._worker.changing:
            stored = await self._book.read(name)
            if stored is not None and not (again and stored.state.over):
                return stored
            # First into the queue: what is there without a document is done all the same.
            fresh = Stored(1 if stored is None else stored.run + 1)
            item = Item(name, fresh.run, request)
            try:
                await self._queue.put(
                    item.group, item.key, item.write(), lane=name.account, limit=self._settings.waiting
                )
            except LimitReachedError:
                raise JobsFullError(
                    f"{self._settings.waiting} jobs of this kind wait already: try later"
                ) from None
            await self._book.write(name, fresh)
            return fresh

    def _shown(self, name: JobName, stored: Stored) -> JobState:
        if stored.state.status is JobStatus.WORKING:
            for active in self.running():
                if active.name == name:
                    return replace(stored.state, progress=active.progress)
        return stored.state

    def running(self) -> list[Active]:
        """Return the jobs that are being worked on here."""
        return list(self._active.values())

    def waiting(self, kind: str) -> int:
        """Return how many jobs of a kind wait, as of the last look."""
        running = sum(active.name.kind == kind for active in self._active.values())
        return max(0, self._counted[kind] - running)

    @property
    def unreadable(self) -> Mapping[str, int]:
        """How many jobs of each kind other versions left that this one cannot read, since its start."""
        return self._book.unreadable.counts

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of all kinds."""
        return tuple(self._kinds)

    async def run(self) -> None:
        """Do jobs until cancelled; before that, `drain` ends those in progress."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._dispatch(), name="job dispatch")
            group.create_task(self._keep_house(), name="job upkeep")

    async def drain(self, timeout_s: float) -> None:
        """Begin nothing more, and wait for what is in progress; what is not ended then waits again."""
        self._draining = True
        self._freed.set()
        if not self._active:
            return
        _, late = await asyncio.wait(set(self._active), timeout=timeout_s)
        for task in late:
            task.cancel()
        if late:
            log.info("jobs_put_back", count=len(late))
            await asyncio.wait(late)

    async def _dispatch(self) -> None:
        while True:
            self._freed.clear()
            if self._draining or len(self._active) >= self._settings.at_once:
                await self._freed.wait()
                continue
            leases = await patiently(self._take)
            for lease in leases:
                await self._take_up(lease)

    async def _take(self) -> list[Lease]:
        """Lease a job that is due: of an account that has had none in this round, if there is one."""
        leases: list[Lease] = []
        if self._served:
            leases = await self._queue.take(1, 0.0, skip_lanes=self._served)
        if not leases:
            self._served.clear()
            leases = await self._queue.take(1, TAKE_WAIT_S)
        self._served.update(lease.lane for lease in leases)
        return leases

    async def _take_up(self, lease: Lease) -> None:
        if self._draining:
            with contextlib.suppress(LedgerError):
                await lease.release()
            return
        item = self._item_of(lease)
        if item is None:
            await self._leave(lease)
            return
        active = Active(item.name)
        task = asyncio.create_task(
            self._worker.work(lease, item, active), name=f"job {item.name.kind} {item.name.key}"
        )
        self._active[task] = active
        task.add_done_callback(self._ended)

    def _item_of(self, lease: Lease) -> Item | None:
        """Return which job it is; None: none of this version's."""
        try:
            item = Item.of(lease)
        except ValueError:
            return None
        return item if item.name.kind in self._kinds else None

    async def _leave(self, lease: Lease) -> None:
        """Leave a job to the version that knows its kind: nobody can ask this one about it."""
        self._book.unreadable.note(lease.group, lease.key)
        try:
            await lease.release(LEAVE_S)
        except LedgerError as error:
            tell("ledger_unavailable", error)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._active[task]
        self._freed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("job_worker_crashed", exc_info=error)

    async def _keep_house(self) -> None:
        """Forget old states, and count what waits."""
        expired_at = -EXPIRE_EVERY_S
        while True:
            try:
                for kind in self._kinds:
                    groups = [group_of(kind, account) for account in self._accounts]
                    self._counted[kind] = sum([await self._queue.count(group) for group in groups])
                if time.monotonic() - expired_at >= EXPIRE_EVERY_S:
                    await self._book.expire(self._kinds)
                    expired_at = time.monotonic()
            except LedgerError as error:
                tell("ledger_unavailable", error)
            await asyncio.sleep(COUNT_EVERY_S)
