"""What the local clip store deletes, what it leaves alone, and how it shares the machine meanwhile."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from daemon.storage.interfaces import StorageError
from daemon.storage.local import EXPIRY_STEP
from tests.support.clip_store import Clock, fetched, files, opened

HOUR_S = 3600
NAME = "5f0c_12.mp3"


async def test_expiry_takes_the_old_and_leaves_the_young(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, clock)
    await store.put("old.mp3", b"sound")
    clock.now_s += HOUR_S
    young = await store.put("young.mp3", b"sound")
    clock.now_s += HOUR_S
    assert await store.expire() == 1
    assert files(tmp_path) == ["2023-11-15/young.mp3"]
    assert await fetched(store, young) == b"sound"
    assert await store.expire() == 0


async def test_empty_days_go_but_not_before_they_are_over(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, clock)
    await store.put(NAME, b"sound")
    clock.now_s += 3 * HOUR_S
    assert await store.expire() == 1
    # 01:13 of the day the folder stands for: a clip may still be on its way into it.
    assert [path.name for path in (tmp_path / "clips").iterdir()] == ["2023-11-15"]
    clock.now_s += 24 * HOUR_S
    assert await store.expire() == 0
    assert list((tmp_path / "clips").iterdir()) == []


async def test_expiry_takes_what_a_crash_left_and_nothing_that_is_not_ours(
    tmp_path: Path, clock: Clock
) -> None:
    store = opened(tmp_path, clock)
    clips, elsewhere = tmp_path / "clips", tmp_path / "elsewhere"
    day = clips / "2023-11-10"
    for folder in (day, clips / "notes", elsewhere):
        folder.mkdir()
    (clips / "2023-11-09").symlink_to(elsewhere)
    old = (day / ".abc_1.part", day / "a.mp3")
    foreign = (day / "README", clips / "notes" / "a.mp3", clips / "a.mp3", elsewhere / "a.mp3")
    for path in (*old, *foreign):
        path.write_bytes(b"x")
        os.utime(path, (1, 1))
    assert await store.expire() == 1
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in foreign)


async def test_what_cannot_be_deleted_does_not_protect_the_rest(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, clock)
    stuck = tmp_path / "clips" / "2023-11-01" / "a.mp3"
    stuck.mkdir(parents=True)
    os.utime(stuck, (1, 1))
    await store.put(NAME, b"sound")
    clock.now_s += 2 * HOUR_S
    with pytest.raises(StorageError, match=r"^1 files or folders in \S+ cannot be deleted: Is a directory$"):
        await store.expire()
    assert files(tmp_path) == []


async def test_a_store_without_its_folder_says_so(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, clock)
    (tmp_path / "clips").rmdir()
    with pytest.raises(StorageError, match="No such file or directory"):
        await store.expire()
    # Storing makes it again: somebody tidied up, that is no reason to lose evidence.
    assert await fetched(store, await store.put(NAME, b"sound")) == b"sound"


def fill(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        path = folder / f"a_{number}.mp3"
        path.touch()
        os.utime(path, (1, 1))


async def test_the_loop_turns_between_the_steps_of_an_expiry(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, clock)
    fill(tmp_path / "clips" / "2023-11-01", 3 * EXPIRY_STEP + 1)
    expiry = asyncio.create_task(store.expire(), name="expiry")
    turns = 0
    while not expiry.done():
        await asyncio.sleep(0)
        turns += 1
    assert await expiry == 3 * EXPIRY_STEP + 1
    assert turns >= 4
    assert list((tmp_path / "clips").iterdir()) == []


async def test_a_cancelled_expiry_ends_with_its_step(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, clock)
    fill(tmp_path / "clips" / "2023-11-01", 3 * EXPIRY_STEP)
    expiry = asyncio.create_task(store.expire(), name="expiry")
    await asyncio.sleep(0)
    expiry.cancel()
    with pytest.raises(asyncio.CancelledError):
        await expiry
    await asyncio.get_running_loop().shutdown_default_executor()
    assert len(files(tmp_path)) >= 2 * EXPIRY_STEP
