"""Does one job under its lease, from taking it up to telling that it is over."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from config.errors import AudiowardenError
from config.settings import JobSettings
from daemon.jobs.book import JobBook, JobName, Stored
from daemon.jobs.interfaces import Job, JobFailedError, JobKind, JobState, JobStatus
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


@dataclass(frozen=True, slots=True)
class Item:
    """What stands in the queue for a job."""

    name: JobName
    run: int
    request: Mapping[str, Any]

    @property
    def group(self) -> str:
        """The item's group in the queue."""
        return group_of(self.name.kind, self.name.account)

    @property
    def key(self) -> str:
        """The item's key in the queue: each run has its own."""
        return key_of(self.name, self.run)

    def write(self) -> bytes:
        """Return it as JSON."""
        document = {"name": self.name, "run": self.run, "request": self.request}
        return json.dumps(document, ensure_ascii=False).encode()

    @classmethod
    def read(cls, body: bytes) -> Item:
        """Read what `write` wrote. Raises ValueError, KeyError, TypeError."""
        document = json.loads(body)
        return cls(JobName(*document["name"]), int(document["run"]), document["request"])


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
        job = Job(name.kind, name.account, name.key, item.request, active.tell, item.run)
        work = asyncio.create_task(_done(self._kinds[name.kind], job), name=f"work {name.kind} {name.key}")
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
        job = Job(name.kind, name.account, name.key, item.request, lambda _: None, item.run)
        if (ended := kind.ended) is not None:
            try:
                await patiently(lambda: ended(job, state))
            except Exception:
                log.exception("job_end_not_told", kind=name.kind, job=name.key)
        await patiently(lease.done)
        self._observer.job_ended(name.kind, state.status.value)
        log.info("job_ended", kind=name.kind, account=name.account, job=name.key, outcome=state.status.value)


ABANDONED = JobState(JobStatus.CANCELLED, error="Nobody has asked for it any more.")


async def _done(kind: JobKind, job: Job) -> Mapping[str, Any]:
    return await kind.work(job)


def group_of(kind: str, account: str) -> str:
    """Return the group of an account's jobs of a kind."""
    return f"{kind} {account}"


def key_of(name: JobName, run: int) -> str:
    """Return the key of a run of a job."""
    return f"{name.key} {run}"


def _waiting(stored: Stored) -> Stored:
    """Return a job that is put back in order: this time does not count as one without an end."""
    return replace(stored, begun=max(0, stored.begun - 1), state=JobState(JobStatus.WAITING))
