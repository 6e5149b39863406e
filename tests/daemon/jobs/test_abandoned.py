"""What becomes of jobs that nobody asks for, and of what is known of old ones."""

from __future__ import annotations

from pathlib import Path

from config.settings import JobSettings
from daemon.jobs.book import JobBook
from daemon.jobs.interfaces import JobStatus
from daemon.jobs.item import JobName
from daemon.upkeep import DAY_S
from tests.support.jobs_house import Bench, house, until

HOUR_S = 3600.0


class Wall:
    """Time that a test lets pass."""

    def __init__(self) -> None:
        self.now_s = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now_s


async def test_a_job_that_nobody_asks_for_is_not_begun(tmp_path: Path) -> None:
    wall, bench = Wall(), Bench()
    bench.go.set()
    async with house(tmp_path, bench, started=False, wall=wall) as made:
        await made.jobs.submit("export", "acme", "left", {})
        await made.jobs.submit("export", "acme", "asked", {})
        wall.now_s += HOUR_S / 2
        await made.jobs.submit("export", "acme", "asked", {})
        wall.now_s += HOUR_S / 2 + 1
    async with house(tmp_path, bench, wall=wall) as made:
        await made.empty()
        state = await made.jobs.state("export", "acme", "left")
        assert state is not None
        assert state.status is JobStatus.CANCELLED
        assert made.outcomes.counts == {("export", "cancelled"): 1, ("export", "done"): 1}
    assert bench.begun == ["asked"]


async def test_work_is_cancelled_when_nobody_asks_any_more(tmp_path: Path) -> None:
    wall, bench = Wall(), Bench()
    async with house(tmp_path, bench, wall=wall, abandon_s=0.2) as made:
        await made.jobs.submit("export", "acme", "k", {})
        await until(lambda: bench.begun == ["k"])
        wall.now_s += HOUR_S
        await made.empty()
        assert bench.cancelled == ["k"]
        state = await made.jobs.submit("export", "acme", "k", {})
        assert (state.status, state.error) == (JobStatus.CANCELLED, "Nobody has asked for it any more.")
    assert [state.status for _, state in bench.ends] == [JobStatus.CANCELLED]


async def test_what_nobody_polls_is_done_whenever(tmp_path: Path) -> None:
    wall, bench = Wall(), Bench()
    bench.go.set()
    async with house(tmp_path, bench, polled=False, started=False, wall=wall) as made:
        await made.jobs.submit("extract", "acme", "k", {})
    wall.now_s += 9 * HOUR_S
    async with house(tmp_path, bench, polled=False, wall=wall) as made:
        await made.empty()
        assert made.outcomes.counts == {("extract", "done"): 1}


async def test_states_are_kept_for_as_long_as_is_set(tmp_path: Path) -> None:
    wall, bench = Wall(), Bench()
    bench.go.set()
    async with house(tmp_path, bench, wall=wall) as made:
        await made.jobs.submit("export", "acme", "k", {})
        await made.empty()
        book = JobBook(made.ledger.documents, JobSettings(keep_days=2), wall)
        wall.now_s += 2 * DAY_S - 60
        await book.expire(["export"])
        assert await book.read(JobName("export", "acme", "k")) is not None
        wall.now_s += 120
        await book.expire(["extract"])
        assert await book.read(JobName("export", "acme", "k")) is not None
        await book.expire(["export"])
        assert await book.read(JobName("export", "acme", "k")) is None
        assert await made.ledger.documents.page("job asked export", "acme", 9) == []
