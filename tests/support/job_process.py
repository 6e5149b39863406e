"""A process that does jobs until it is killed, and prints which ones it begins and ends.

Arguments: the ledger's folder, and how many seconds a job's work takes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from config.settings import JobSettings
from daemon.jobs.durable import DurableJobs
from daemon.jobs.interfaces import Job, JobKind, JobState
from daemon.ledger.sqlite import SqliteLedger
from daemon.metrics import Metrics


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def main(folder: Path, work_s: float) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

    async def work(job: Job) -> Mapping[str, Any]:
        _say(f"begun {job.key}")
        await asyncio.sleep(work_s)
        return {"made": job.key}

    async def ended(job: Job, state: JobState) -> None:
        _say(f"{state.status} {job.key}")

    ledger = await SqliteLedger.open(folder)
    kinds = {"export": JobKind(work, ended=ended)}
    jobs = DurableJobs(ledger.jobs, ledger.documents, kinds, ["acme"], JobSettings(), Metrics())
    for key in ("1", "2", "3"):
        await jobs.submit("export", "acme", key, {"key": key})
    await jobs.run()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2])))
