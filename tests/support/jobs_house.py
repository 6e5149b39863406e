"""Jobs on a real ledger, with work that a test steers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.settings import JobSettings
from daemon.jobs.durable import DurableJobs
from daemon.jobs.interfaces import Job, JobKind, JobState
from daemon.ledger.sqlite import SqliteLedger
from pipeline.retry import Backoff

QUICK = Backoff(first_s=0.01, step_s=0.01, max_s=0.02, attempts=2)
ACCOUNTS = ("acme", "other", "third")
PATIENCE_S = 60.0


class Bench:
    """Work that waits until it is let go (a `JobWork`), and what was seen of it."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.cancelled: list[str] = []
        self.ends: list[tuple[str, JobState]] = []
        self.jobs: dict[str, Job] = {}
        self.at_once = self.most_at_once = 0
        self.go = asyncio.Event()
        self.answer: Callable[[Job], Mapping[str, Any]] = lambda job: {"made": job.key}

    async def work(self, job: Job) -> Mapping[str, Any]:
        self.begun.append(job.key)
        self.jobs[job.key] = job
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.go.wait()
            return self.answer(job)
        except asyncio.CancelledError:
            self.cancelled.append(job.key)
            raise
        finally:
            self.at_once -= 1

    async def ended(self, job: Job, state: JobState) -> None:
        self.ends.append((job.key, state))


@dataclass(slots=True)
class Outcomes:
    """Counts as the metrics do (a `JobObserver`)."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def job_ended(self, kind: str, outcome: str) -> None:
        self.counts[kind, outcome] += 1


@dataclass(frozen=True, slots=True)
class House:
    """What a test works with."""

    jobs: DurableJobs
    ledger: SqliteLedger
    outcomes: Outcomes

    async def empty(self) -> None:
        """Wait until nothing is left to be done."""

        async def done() -> bool:
            return await self.ledger.jobs.count() == 0 and not self.jobs.running()

        await until(done)


@asynccontextmanager
async def house(
    folder: Path,
    bench: Bench,
    *,
    polled: bool = True,
    started: bool = True,
    drain_s: float = 0.0,
    wall: Callable[[], float] = time.time,
    **settings: Any,
) -> AsyncIterator[House]:
    """Open the ledger in `folder` and do jobs of the kinds `export` and `extract`."""
    ledger = await SqliteLedger.open(folder, wall=wall)
    kind = JobKind(bench.work, polled, bench.ended)
    outcomes = Outcomes()
    jobs = DurableJobs(
        ledger.jobs,
        ledger.documents,
        {"export": kind, "extract": kind},
        ACCOUNTS,
        JobSettings(**settings),
        outcomes,
        backoff=QUICK,
        wall=wall,
    )
    running = asyncio.create_task(jobs.run(), name="jobs") if started else None
    try:
        yield House(jobs, ledger, outcomes)
    finally:
        await jobs.drain(drain_s)
        if running is not None:
            running.cancel()
            await asyncio.wait((running,))
        await ledger.close()


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until it holds. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.005)
