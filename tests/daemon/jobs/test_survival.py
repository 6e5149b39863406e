"""What becomes of jobs when the daemon stops or is killed in the middle of one."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from config.settings import JobSettings
from daemon.jobs.book import JobBook
from daemon.jobs.interfaces import JobStatus
from daemon.jobs.item import JobName
from daemon.jobs.worker import MAX_BEGUN
from tests.support.jobs_house import PATIENCE_S, Bench, house, until


async def killed_after(folder: Path, line: str, work_s: float) -> list[str]:
    """Run jobs in a process of their own, kill it when it prints `line`; return what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.job_process", str(folder), str(work_s),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or lines[-1] != line:
        raw = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
        assert raw, lines
        lines.append(raw.decode().strip())
    process.kill()
    await process.wait()
    return lines


async def test_a_job_that_was_killed_is_done_once_after_the_restart(tmp_path: Path) -> None:
    assert await killed_after(tmp_path, "begun 2", 60.0) == ["begun 1", "begun 2"]
    bench = Bench()
    bench.go.set()
    async with house(tmp_path, bench) as made:
        await made.empty()
        assert sorted(bench.begun) == ["1", "2", "3"]
        assert [(key, state.status) for key, state in sorted(bench.ends)] == [
            (key, JobStatus.DONE) for key in ("1", "2", "3")
        ]
        assert (await made.jobs.submit("export", "acme", "2", {})).result == {"made": "2"}


async def test_a_job_that_kills_the_daemon_every_time_is_given_up(tmp_path: Path) -> None:
    await killed_after(tmp_path, "begun 1", 60.0)
    await killed_after(tmp_path, "begun 1", 60.0)
    bench, name = Bench(), JobName("export", "acme", "1")
    bench.go.set()
    async with house(tmp_path, bench, started=False) as made:
        book = JobBook(made.ledger.documents, JobSettings())
        stored = await book.read(name)
        assert stored is not None
        assert (stored.begun, stored.state.status) == (2, JobStatus.WORKING)
        await book.write(name, replace(stored, begun=MAX_BEGUN))
    async with house(tmp_path, bench, at_once=1) as made:
        await made.empty()
        state = await made.jobs.state(*name)
        assert state is not None
        assert (state.status, state.error_code) == (JobStatus.FAILED, "interrupted")
        assert sorted(bench.begun) == ["2", "3"]
        assert made.outcomes.counts == {("export", "failed"): 1, ("export", "done"): 2}


async def test_stopping_puts_back_what_is_not_done_in_time(tmp_path: Path) -> None:
    for _ in range(MAX_BEGUN + 1):  # an orderly stop is never held against a job
        bench = Bench()
        async with house(tmp_path, bench, at_once=1) as made:
            await made.jobs.submit("export", "acme", "k", {})
            await until(lambda bench=bench: bench.begun == ["k"])  # type: ignore[misc]  # bound at once
        assert (bench.cancelled, bench.ends) == (["k"], [])

    bench = Bench()
    async with house(tmp_path, bench, drain_s=PATIENCE_S) as made:
        await until(lambda: bench.begun == ["k"])
        asyncio.get_running_loop().call_later(0.1, bench.go.set)
    assert (bench.cancelled, [state.status for _, state in bench.ends]) == ([], [JobStatus.DONE])


async def test_an_end_that_was_not_told_is_told_after_the_restart(tmp_path: Path) -> None:
    """The daemon dies after the end was written down and before the job left the queue."""
    bench = Bench()
    bench.go.set()
    async with house(tmp_path, bench, started=False) as made:
        await made.jobs.submit("export", "acme", "k", {})
        [document] = await made.ledger.documents.page("job export", "acme", 9)
        body = document[1].replace(b'"waiting"', b'"done"')
        assert await made.ledger.documents.replace("job export", "acme", "k", body)
    async with house(tmp_path, bench) as made:
        await made.empty()
    assert bench.begun == []
    assert [(key, state.status) for key, state in bench.ends] == [("k", JobStatus.DONE)]


async def test_a_start_that_was_cut_short_is_made_good(tmp_path: Path) -> None:
    """The daemon dies after the job went into the queue and before its state was written down."""
    bench = Bench()
    bench.go.set()
    async with house(tmp_path, bench, started=False) as made:
        await made.jobs.submit("export", "acme", "k", {"n": 1})
        assert await made.ledger.documents.delete("job export", "acme", "k")
    async with house(tmp_path, bench) as made:
        await made.jobs.submit("export", "acme", "k", {"n": 1})
        await made.empty()
        assert await made.jobs.state("export", "acme", "k") is not None
    assert bench.begun == ["k"]
