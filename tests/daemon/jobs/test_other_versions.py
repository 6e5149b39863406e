"""Jobs that another version of the program left in the ledger: told, counted, not waited for in vain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon.jobs.gauges import JobGauges
from daemon.jobs.interfaces import Job, JobState, JobStatus, NotUnderstoodError
from daemon.ledger.sqlite import SqliteLedger
from daemon.metrics import Metrics
from tests.support.jobs_house import Bench, House, house, until

GARBLED = (
    b"",
    b"\xff",
    b"[]",
    b'"x"',
    b"{}",
    b'{"request": 5}',
    b'{"version": 9, "wish": {}}',
    b"[" * 100_000,
)


def open_bench() -> Bench:
    bench = Bench()
    bench.go.set()
    return bench


async def put(folder: Path, group: str, key: str, body: bytes) -> None:
    """Put an item into the queue as another version would."""
    ledger = await SqliteLedger.open(folder)
    await ledger.jobs.put(group, key, body, lane="acme")
    await ledger.close()


def counted(made: House, kind: str) -> str:
    metrics = Metrics()
    metrics.collect(JobGauges(made.jobs))
    name = f'audiowarden_jobs_not_understood_total{{kind="{kind}"}} '
    lines = metrics.render().decode().splitlines()
    return "".join(line.removeprefix(name) for line in lines if line.startswith(name))


def told(logs: list[Any]) -> list[Any]:
    return [each for each in logs if each["event"] == "stored_job_not_understood"]


@pytest.mark.parametrize("body", GARBLED)
async def test_what_was_asked_for_cannot_be_read(body: bytes, tmp_path: Path) -> None:
    await put(tmp_path, "export acme", "k 1", body)
    bench = open_bench()
    with capture_logs() as logs:
        async with house(tmp_path, bench) as made:
            await made.empty()
            state = await made.jobs.state("export", "acme", "k")
            assert state is not None
            assert (state.status, state.error_code) == (JobStatus.FAILED, "not understood")
            assert "another version" in state.error
            assert [(key, end.status) for key, end in bench.ends] == [("k", JobStatus.FAILED)]
            assert (counted(made, "export"), counted(made, "extract")) == ("1.0", "0.0")
            # Who asks again asks in words of this version.
            await made.jobs.submit("export", "acme", "k", {}, again=True)
            await made.empty()
            assert (await made.jobs.submit("export", "acme", "k", {})).status is JobStatus.DONE
    assert (bench.begun, len(told(logs))) == (["k"], 1)


@pytest.mark.parametrize(("group", "key"), [("transcribe acme", "k 1"), ("export acme", "k"), ("x", "y")])
async def test_a_kind_of_another_version_is_left_to_it(group: str, key: str, tmp_path: Path) -> None:
    await put(tmp_path, group, key, b'{"request": {}}')
    bench = open_bench()
    with capture_logs() as logs:
        async with house(tmp_path, bench) as made:
            await until(lambda: counted(made, group.split()[0]) == "1.0")
            await made.jobs.submit("export", "acme", "other", {})
            await until(lambda: bench.begun == ["other"])
            await until(lambda: not made.jobs.running())
            assert await made.ledger.jobs.find(group, key) == b'{"request": {}}'
    assert [(each["group"], each["key"]) for each in told(logs)] == [(group, key)]
    # The version that knows it has it at once, and does not hear of tries that failed.
    ledger = await SqliteLedger.open(tmp_path, wall=lambda: 4e9)
    [lease] = await ledger.jobs.take(1, 1.0)
    assert (lease.key, lease.attempt) == (key, 0)
    await ledger.close()


async def test_a_request_that_its_work_does_not_know_fails(tmp_path: Path) -> None:
    def refuse(_: Job) -> dict[str, Any]:
        raise NotUnderstoodError

    bench = open_bench()
    bench.answer = refuse
    with capture_logs() as logs:
        async with house(tmp_path, bench) as made:
            await made.jobs.submit("export", "acme", "k", {"form": "hologram"})
            await made.empty()
            state = await made.jobs.state("export", "acme", "k")
            assert counted(made, "export") == "1.0"
    assert state is not None
    assert (state.status, state.error_code) == (JobStatus.FAILED, "not understood")
    # Another daemon of a cluster could have known it.
    assert (bench.begun, len(told(logs))) == (["k"] * 3, 1)


def state_of(**fields: Any) -> bytes:
    return json.dumps({"run": 3, "begun": 0, "state": {"status": "done", **fields}}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        b'{"run": 3}',
        state_of(status="melting"),
        state_of(progress="half"),
        state_of(result=5),
        state_of(error={"en": "It failed."}),
        state_of(error="\ud800"),
    ],
)
async def test_how_far_a_job_is_cannot_be_read(body: bytes, tmp_path: Path) -> None:
    bench = open_bench()
    with capture_logs() as logs:
        async with house(tmp_path, bench) as made:
            assert await made.ledger.documents.create("job export", "acme", "k", body)
            for state in (
                await made.jobs.state("export", "acme", "k"),
                await made.jobs.submit("export", "acme", "k", {}),
            ):
                assert state is not None
                assert (state.status, state.error_code) == (JobStatus.FAILED, "not understood")
            await made.jobs.submit("export", "acme", "k", {}, again=True)
            await made.empty()
            assert (await made.jobs.submit("export", "acme", "k", {})).status is JobStatus.DONE
            assert counted(made, "export") == "1.0"
    assert len(told(logs)) == 1


async def test_a_job_that_waits_is_done_though_its_state_cannot_be_read(tmp_path: Path) -> None:
    bench = open_bench()
    async with house(tmp_path, bench, started=False) as made:
        await made.jobs.submit("export", "acme", "k", {})
        assert await made.ledger.documents.replace("job export", "acme", "k", b"{}")
        assert await made.ledger.documents.replace("job asked export", "acme", "k", b"yesterday")
    async with house(tmp_path, bench) as made:
        await made.empty()
        assert (await made.jobs.submit("export", "acme", "k", {})).status is JobStatus.DONE
    assert bench.begun == ["k"]


async def test_what_a_later_version_adds_is_no_obstacle(tmp_path: Path) -> None:
    bench = open_bench()
    async with house(tmp_path, bench) as made:
        await made.jobs.submit("export", "acme", "k", {})
        await made.empty()
        [(_, body)] = await made.ledger.documents.page("job export", "acme", 9)
        document = json.loads(body)
        document |= {"version": 9, "state": {**document["state"], "ends_at": 5}}
        await made.ledger.documents.replace("job export", "acme", "k", json.dumps(document).encode())
        done = JobState(JobStatus.DONE, 1.0, {"made": "k"})
        assert await made.jobs.submit("export", "acme", "k", {}) == done
        assert counted(made, "export") == "0.0"
