"""Where jobs do what blocks: nothing is left behind, whatever becomes of them."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.jobs.workshop import LOOK_S, NICE, READ_BYTES, TooLargeError, Workshop, WorkshopError, chunks_of
from tests.support.jobs_house import PATIENCE_S, until

LIMIT_BYTES = 1_000_000


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(name="workshop")
def _workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path, 1, LIMIT_BYTES)


async def test_a_bench_is_gone_afterwards(tmp_path: Path, workshop: Workshop) -> None:
    async def fail() -> None:
        async with workshop.bench() as bench, workshop.bench() as other:
            assert other != bench
            (bench / "made").write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert names(tmp_path / "jobs") == []
    workshop.close()


async def test_what_a_crash_left_is_swept(tmp_path: Path) -> None:
    left = tmp_path / "jobs" / "tmpabc"
    left.mkdir(parents=True)
    (left / "half.mp3").write_bytes(b"half")
    workshop = Workshop(tmp_path, 1, LIMIT_BYTES)
    assert names(tmp_path / "jobs") == []
    workshop.close()


async def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(WorkshopError, match="cannot use the folder"):
        Workshop(tmp_path / "data", 1, LIMIT_BYTES)


async def test_a_result_that_grows_too_large_is_ended(tmp_path: Path, workshop: Workshop) -> None:
    def work(cancelled: Callable[[], bool]) -> int:
        with result.open("wb") as file:
            while not cancelled():
                file.write(bytes(100_000))
                file.flush()
                ended.wait(0.01)
        return file.fileno() if not file.closed else -1

    ended = threading.Event()
    async with workshop.bench() as bench:
        result = bench / "result"
        with pytest.raises(TooLargeError, match=r"^the result is larger than 0\.001 GB, the most "):
            await workshop.run(work, ended.set, result)
        assert ended.is_set()
    assert names(tmp_path / "jobs") == []
    workshop.close()


async def test_who_is_cancelled_while_a_large_result_is_ended_is_cancelled(workshop: Workshop) -> None:
    def work(_: Callable[[], bool]) -> None:
        result.write_bytes(bytes(LIMIT_BYTES + 1))
        let_go.wait(PATIENCE_S)
        ended.set()

    found, let_go, ended = threading.Event(), threading.Event(), threading.Event()
    async with workshop.bench() as bench:
        result = bench / "result"
        task = asyncio.create_task(workshop.run(work, found.set, result))
        await until(found.is_set)
        task.cancel()
        await asyncio.sleep(0)
        assert not ended.is_set()
        let_go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()
    workshop.close()


@pytest.mark.parametrize("size", [LIMIT_BYTES, LIMIT_BYTES + 1])
async def test_a_result_that_was_written_quickly_is_looked_at_too(workshop: Workshop, size: int) -> None:
    async with workshop.bench() as bench:
        result = bench / "result"
        written = workshop.run(lambda _: result.write_bytes(bytes(size)), lambda: None, result)
        if size > LIMIT_BYTES:
            with pytest.raises(TooLargeError):
                await written
        else:
            assert await written == size
    workshop.close()


async def test_a_result_that_cannot_be_looked_at_leaves_no_thread_behind(workshop: Workshop) -> None:
    def work(_: Callable[[], bool]) -> None:
        unblocked.wait(2 * LOOK_S)
        ended.set()

    unblocked, ended = threading.Event(), threading.Event()
    async with workshop.bench() as bench:
        (bench / "file").touch()
        await workshop.run(work, unblocked.set, bench / "file" / "result")
        assert ended.is_set()
    workshop.close()


async def test_work_is_done_in_a_thread_that_steps_back(workshop: Workshop) -> None:
    def work(cancelled: Callable[[], bool]) -> tuple[str, bool, int]:
        nice = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        return threading.current_thread().name, cancelled(), nice

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    name, cancelled, nice = await workshop.run(work, lambda: None)
    assert name.startswith("job")
    assert cancelled is False
    assert nice >= NICE
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before

    def fail(_: Callable[[], bool]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await workshop.run(fail, lambda: None)
    workshop.close()


async def test_who_is_cancelled_goes_on_when_the_thread_has_ended(tmp_path: Path, workshop: Workshop) -> None:
    begun, unblocked, ended = threading.Event(), threading.Event(), threading.Event()

    def work(cancelled: Callable[[], bool]) -> None:
        begun.set()
        unblocked.wait(PATIENCE_S)
        if cancelled():
            ended.set()
            raise ZeroDivisionError  # what becomes of unwanted work is nobody's matter

    async def job() -> None:
        async with workshop.bench():
            await workshop.run(work, unblocked.set)

    task = asyncio.create_task(job())
    await until(begun.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert names(tmp_path / "jobs") == []
    workshop.close()


async def test_a_file_is_read_in_pieces(tmp_path: Path) -> None:
    data = bytes(range(256)) * (READ_BYTES // 256) + b"rest"
    (tmp_path / "file").write_bytes(data)
    told: list[int] = []
    chunks = [chunk async for chunk in chunks_of(tmp_path / "file", told.append)]
    assert b"".join(chunks) == data
    assert [len(chunk) for chunk in chunks] == [READ_BYTES, 4]
    assert told == [READ_BYTES, READ_BYTES + 4]
