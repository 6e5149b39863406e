"""Jobs: one for the same request, a few at a time, in turn, tried again, cancelled, counted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from config.errors import AudiowardenError
from daemon.jobs.gauges import JobGauges
from daemon.jobs.interfaces import Job, JobFailedError, JobsFullError, JobState, JobStatus
from daemon.metrics import Metrics
from tests.support.jobs_house import Bench, house, until


async def test_who_asks_for_the_same_gets_the_same_job(tmp_path: Path) -> None:
    bench = Bench()
    async with house(tmp_path, bench) as made:
        states = await asyncio.gather(*(made.jobs.submit("export", "acme", "k", {"n": n}) for n in range(20)))
        assert {state.status for state in states} <= {JobStatus.WAITING, JobStatus.WORKING}
        await made.jobs.submit("export", "other", "k", {})
        await made.jobs.submit("extract", "acme", "k", {})
        bench.go.set()
        await made.empty()

        assert bench.begun == ["k", "k", "k"]
        assert await made.jobs.submit("export", "acme", "k", {}) == JobState(
            JobStatus.DONE, 1.0, {"made": "k"}
        )
        assert bench.begun == ["k", "k", "k"]
        assert made.outcomes.counts == {("export", "done"): 2, ("extract", "done"): 1}
        assert await made.jobs.state("export", "acme", "unknown") is None


async def test_what_is_over_is_started_anew_only_when_that_is_wanted(tmp_path: Path) -> None:
    bench = Bench()
    bench.go.set()
    async with house(tmp_path, bench) as made:
        for times in (1, 2, 3):
            await asyncio.gather(
                *(made.jobs.submit("export", "acme", "k", {"times": times}, again=True) for _ in range(5))
            )
            await made.empty()
            assert len(bench.begun) >= times
            assert bench.jobs["k"].request == {"times": times}
        assert [state.status for _, state in bench.ends] == [JobStatus.DONE] * len(bench.begun)


async def test_no_more_at_once_than_allowed_and_accounts_take_turns(tmp_path: Path) -> None:
    bench = Bench()
    async with house(tmp_path, bench, started=False) as made:
        for n in range(4):
            await made.jobs.submit("export", "acme", f"a{n}", {})
        for n in range(2):
            await made.jobs.submit("extract", "other", f"b{n}", {})
    async with house(tmp_path, bench, at_once=1) as made:
        bench.go.set()
        await made.empty()
    assert bench.begun == ["a0", "b0", "a1", "b1", "a2", "a3"]
    assert bench.most_at_once == 1

    bench = Bench()
    async with house(tmp_path, bench, at_once=3) as made:
        for n in range(9):
            await made.jobs.submit("export", "acme", f"c{n}", {})
        await until(lambda: bench.at_once == 3)
        bench.go.set()
        await made.empty()
    assert (len(bench.begun), bench.most_at_once) == (9, 3)


async def test_a_full_line_is_said_so_and_is_one_accounts_own(tmp_path: Path) -> None:
    async with house(tmp_path, Bench(), started=False, waiting=2) as made:
        for key in ("1", "2"):
            await made.jobs.submit("export", "acme", key, {})
        with pytest.raises(JobsFullError, match="2 jobs"):
            await made.jobs.submit("export", "acme", "3", {})
        assert await made.jobs.state("export", "acme", "3") is None
        assert (await made.jobs.submit("export", "acme", "2", {})).status is JobStatus.WAITING
        await made.jobs.submit("export", "other", "3", {})


@pytest.mark.parametrize(
    ("error", "begun", "state"),
    [
        (
            JobFailedError("It is gone.", "missing"),
            1,
            JobState(JobStatus.FAILED, error="It is gone.", error_code="missing"),
        ),
        (
            JobFailedError("The store is away.", "store", retryable=True),
            3,
            JobState(JobStatus.FAILED, error="The store is away.", error_code="store"),
        ),
        (AudiowardenError("It is refused."), 1, JobState(JobStatus.FAILED, error="It is refused.")),
        (
            ZeroDivisionError("secret"),
            1,
            JobState(JobStatus.FAILED, error="internal error", error_code="internal"),
        ),
    ],
)
async def test_a_failure_is_kept_and_tried_again_if_that_may_help(
    tmp_path: Path, error: Exception, begun: int, state: JobState
) -> None:
    bench = Bench()

    def fail(_: Job) -> dict[str, str]:
        raise error

    bench.answer = fail
    bench.go.set()
    async with house(tmp_path, bench) as made:
        await made.jobs.submit("export", "acme", "k", {})
        await made.empty()
        assert await made.jobs.state("export", "acme", "k") == state
        assert bench.ends == [("k", state)]
        assert made.outcomes.counts == {("export", "failed"): 1}
    assert len(bench.begun) == begun


async def test_a_store_that_comes_back_is_met_again(tmp_path: Path) -> None:
    bench = Bench()

    def second_time(_: Job) -> dict[str, str]:
        if len(bench.begun) < 2:
            raise JobFailedError("The store is away.", retryable=True)
        return {"at": "last"}

    bench.answer = second_time
    bench.go.set()
    async with house(tmp_path, bench) as made:
        await made.jobs.submit("export", "acme", "k", {})
        await made.empty()
        assert (await made.jobs.submit("export", "acme", "k", {})).result == {"at": "last"}
    assert [state.status for _, state in bench.ends] == [JobStatus.DONE]


async def test_what_is_no_json_is_a_failure(tmp_path: Path) -> None:
    bench = Bench()
    bench.answer = lambda _: {"a": object()}
    bench.go.set()
    async with house(tmp_path, bench) as made:
        await made.jobs.submit("export", "acme", "k", {})
        await made.empty()
        state = await made.jobs.state("export", "acme", "k")
    assert state is not None
    assert state.status is JobStatus.FAILED


async def test_only_what_waits_can_be_cancelled(tmp_path: Path) -> None:
    bench = Bench()
    async with house(tmp_path, bench, at_once=1) as made:
        await made.jobs.submit("export", "acme", "begun", {})
        await until(lambda: bench.begun == ["begun"])
        await made.jobs.submit("export", "acme", "waits", {})

        assert await made.jobs.cancel("export", "acme", "begun") is False
        assert await made.jobs.cancel("export", "other", "waits") is False
        assert await made.jobs.cancel("export", "acme", "waits")
        assert await made.jobs.cancel("export", "acme", "waits") is False
        state = await made.jobs.submit("export", "acme", "waits", {})
        assert state.status is JobStatus.CANCELLED
        bench.go.set()
        await made.empty()
        await until(lambda: len(bench.ends) == 2)
        assert bench.begun == ["begun"]

        await made.jobs.submit("export", "acme", "waits", {}, again=True)
        await made.empty()
        assert bench.begun == ["begun", "waits"]


async def test_progress_is_told_and_shown_in_the_metrics(tmp_path: Path) -> None:
    bench, metrics = Bench(), Metrics()
    async with house(tmp_path, bench, at_once=1) as made:
        metrics.collect(JobGauges(made.jobs))
        for key in ("first", "second", "third"):
            await made.jobs.submit("export", "acme", key, {})
        await until(lambda: bench.begun == ["first"])
        await asyncio.to_thread(bench.jobs["first"].tell_progress, 0.25)
        assert await made.jobs.submit("export", "acme", "first", {}) == JobState(JobStatus.WORKING, 0.25)

        await until(lambda: 'audiowarden_jobs_waiting{kind="export"} 2.0' in metrics.render().decode())
        text = metrics.render().decode()
        assert 'audiowarden_jobs_running{kind="export"} 1.0' in text
        assert 'audiowarden_jobs_running{kind="extract"} 0.0' in text
        assert 'audiowarden_job_progress{account="acme",job="first",kind="export"} 0.25' in text
        bench.go.set()
        await made.empty()
        await until(lambda: 'audiowarden_jobs_waiting{kind="export"} 0.0' in metrics.render().decode())
        assert "audiowarden_job_progress{" not in metrics.render().decode()
