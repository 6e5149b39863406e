"""Does one job under its lease, from taking it up to telling that it is over."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from config.errors import AudiowardenError
from config.settings import JobSettings
from daemon.jobs.book import JobBook, Stored
from daemon.jobs.interfaces import (
    Job,
    JobFailedError,
    JobKind,
    JobState,
    JobStatus,
    NotUnderstoodError,
)
from daemon.jobs.item import Item, JobName
from daemon.ledger.interfaces import Lease, LedgerError, Renewal
from daemon.logs import tell
from daemon.patience import patiently
from daemon.storage.undisturbed import undisturbed
from pipeline.retry import Backoff

log = structlog.get_logger()

RETRY = Backoff(first_s=5.0, step_s=5.0, max_s=30.0, attempts=5)
"""Five more tries within 75 s: a store that was down for a minute is met again."""
RENEW_S = 5.0
MAX_BEGUN = 5
"""A job that was begun so often without any end takes the daemon down with it."""
INTERNAL = "internal"
"""The `error_code` of a failure that is our own fault."""
INTERRUPTED = "interrupted"
"""The `error_code` of a job that was given up because the daemon died at it."""


class JobObserver(Protocol):
    """Counts jobs that are over."""

    def job_ended(self, kind: str, outcome: str) -> None:
        """Count one: `done`, `failed` or `cancelled`."""


@dataclass(slots=True)
class Active:
    """A job that is being worked on here."""

    name: JobName
    progress: float = 0.0

    def tell(self, progress: float) -> None:
        """Take note of how far it is; from any thread."""
        self.progress = min(1.0, max(0.0, progress))


class Worker:
    """Does jobs; one instance for all of them."""

    def __init__(
        self,
        kinds: Mapping[str, JobKind],
        book: JobBook,
        settings: JobSettings,
        observer: JobObserver,
        backoff: Backoff,
    ) -> None:
        self._kinds = kinds
        self._book = book
        self._observer = observer
        self._backoff = backoff
        self._watch_s = min(RENEW_S, settings.abandon_s / 4)
        self.changing = asyncio.Lock()
        """Held by whoever takes a job up, starts it anew or cancels it."""

    async def work(self, lease: Lease, item: Item, active: Active) -> None:
        """Do a job, or what is left to be done of it. When cancelled, the job waits again."""
        stored: Stored | None = None
        try:
            stored = await patiently(lambda: self._begin(lease, item))
            if stored is None:
                await patiently(lease.done)
                return
            delay_s = None
            if stored.state.status is JobStatus.WORKING:
                attempted = await self._attempt(lease, item, stored, active)
                if attempted is None:
                    return
                stored, delay_s = attempted
            if delay_s is None:
                await self._close(lease, item, stored)
            else:
                await self._put_back(lease, item, stored, delay_s)
        except asyncio.CancelledError:
            # Without a ledger the lease lapses with the process all the same.
            with contextlib.suppress(LedgerError):
                if stored is not None and stored.state.status is JobStatus.WORKING:
                    await self._book.write(item.name, _waiting(stored))
                await lease.release()
            raise

    async def _begin(self, lease: Lease, item: Item) -> Stored | None:
        """Take a job up; None: this run of it has been forgotten."""
        name, kind = item.name, self._kinds[item.name.kind]
        async with self.changing:
            stored = await self._book.read(name)
            if stored is not None and stored.run > item.run:
                return None
            if stored is None or stored.run < item.run:
                # Its start had been put into the queue, and then the daemon died.
                stored = Stored(item.run)
            if stored.state.over:
                # Its end had been written down, and then the daemon died.
                return stored
            if await lease.renew() is Renewal.STOP:
                state = JobState(JobStatus.CANCELLED)
            elif kind.polled and await self._book.abandoned(name):
                state = ABANDONED
            elif stored.begun >= MAX_BEGUN:
                message = f"The daemon ended {stored.begun} times while it worked on this."
                state = JobState(JobStatus.FAILED, error=message, error_code=INTERRUPTED)
            else:
                state = JobState(JobStatus.WORKING)
            begun = stored.begun + (state.status is JobStatus.WORKING)
            stored = replace(stored, begun=begun, state=state)
            await self._book.write(name, stored)
            return stored

    async def _attempt(
        self, lease: Lease, item: Item, stored: Stored, active: Active
    ) -> tuple[Stored, float | None] | None:
        """Return what is to be stored, and after how many seconds the job is tried again (None: never).

        None: another one has the job now.
        """
        name = item.name
        log.info("job_started", kind=name.kind, account=name.account, job=name.key, attempt=lease.attempt + 1)
        job = _job(item, active.tell)
        doing = _done(self._kinds[name.kind], item, job)
        work = asyncio.create_task(doing, name=f"work {name.kind} {name.key}")
        watch = asyncio.create_task(self._watch(lease, item), name=f"watch {name.kind} {name.key}")
        try:
            await asyncio.wait((work, watch), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended = work.done()
            work.cancel()
            watch.cancel()
            # A second cancellation must not leave work behind that nobody owns.
            await undisturbed(asyncio.wait((work, watch)))
        if not ended:
            return None if watch.result() is Renewal.LOST else (replace(stored, state=ABANDONED), None)
        try:
            finished = replace(stored, state=JobState(JobStatus.DONE, 1.0, await work))
            finished.write()
        except AudiowardenError as error:
            return self._failed(lease, item, stored, error)
        except (Exception, asyncio.CancelledError):
            log.exception("job_crashed", kind=name.kind, job=name.key)
            state = JobState(JobStatus.FAILED, error="internal error", error_code=INTERNAL)
            return replace(stored, state=state), None
        return finished, None

    def _failed(
        self, lease: Lease, item: Item, stored: Stored, error: AudiowardenError
    ) -> tuple[Stored, float | None]:
        if isinstance(error, NotUnderstoodError):
            self._book.unreadable.note(item.group, item.name.key)
        code = error.code if isinstance(error, JobFailedError) else ""
        delay_s = self._backoff.delay_s(lease.attempt + 1) if error.retryable else None
        status = JobStatus.FAILED if delay_s is None else JobStatus.WAITING
        state = JobState(status, error=str(error), error_code=code)
        name = item.name
        log.warning("job_failed", kind=name.kind, job=name.key, reason=str(error), delay_s=delay_s)
        return replace(_waiting(stored), state=state), delay_s

    async def _watch(self, lease: Lease, item: Item) -> Renewal:
        """Keep the lease alive; return when the work is to be given up, and why."""
        while True:
            await asyncio.sleep(self._watch_s)
            try:
                renewal = await lease.renew()
                if renewal in (Renewal.STOP, Renewal.LOST):
                    return renewal
                if self._kinds[item.name.kind].polled and await self._book.abandoned(item.name):
                    return Renewal.STOP
            except LedgerError as error:
                tell("ledger_unavailable", error)

    async def _put_back(self, lease: Lease, item: Item, stored: Stored, delay_s: float) -> None:
        await patiently(lambda: self._book.write(item.name, stored))
        await patiently(lambda: lease.release(delay_s, failed=True))

    async def _close(self, lease: Lease, item: Item, stored: Stored) -> None:
        """Keep the end of a job, tell of it, and take it out of the queue."""
        name, state, kind = item.name, stored.state, self._kinds[item.name.kind]
        await patiently(lambda: self._book.write(name, stored))
        job = _job(item, lambda _: None)
        if (ended := kind.ended) is not None:
            try:
                await patiently(lambda: ended(job, state))
            except Exception:
                log.exception("job_end_not_told", kind=name.kind, job=name.key)
        await patiently(lease.done)
        self._observer.job_ended(name.kind, state.status.value)
        log.info("job_ended", kind=name.kind, account=name.account, job=name.key, outcome=state.status.value)


ABANDONED = JobState(JobStatus.CANCELLED, error="Nobody has asked for it any more.")


async def _done(kind: JobKind, item: Item, job: Job) -> Mapping[str, Any]:
    if item.request is None:
        raise NotUnderstoodError
    return await kind.work(job)


def _job(item: Item, tell_progress: Callable[[float], None]) -> Job:
    name = item.name
    return Job(name.kind, name.account, name.key, item.request or {}, tell_progress, item.run)


def _waiting(stored: Stored) -> Stored:
    """Return a job that is put back in order: this time does not count as one without an end."""
    return replace(stored, begun=max(0, stored.begun - 1), state=JobState(JobStatus.WAITING))
