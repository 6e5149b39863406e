"""What is particular to the SQLite ledger: its folder, its file, its disk, its clock."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon.ledger import schema
from daemon.ledger.interfaces import LedgerError
from daemon.ledger.sqlite import FILE_NAME, SqliteLedger
from daemon.ledger.sqlite_queue import SqliteQueue
from tests.daemon.full_disk import full_disk


class Clock:
    """Wall and steady time, moved by hand."""

    def __init__(self, wall_s: float = 1_700_000_000.0) -> None:
        self.wall_s = wall_s
        self.steady_s = 50.0
        self.look_s = 0.0
        """How long it takes to look at either."""

    def advance(self, seconds: float) -> None:
        self.wall_s += seconds
        self.steady_s += seconds

    def wall(self) -> float:
        self.advance(self.look_s)
        return self.wall_s

    def steady(self) -> float:
        self.advance(self.look_s)
        return self.steady_s

    async def open(self, folder: Path) -> SqliteLedger:
        return await SqliteLedger.open(folder, wall=self.wall, steady=self.steady)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    opened = await SqliteLedger.open(tmp_path)
    yield opened
    await opened.close()


async def drain(queue: SqliteQueue) -> list[str]:
    keys = []
    while leases := await queue.take(100, 0):
        for lease in leases:
            keys.append(lease.key)
            await lease.done()
    return keys


async def test_folder_and_files_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    ledger = await SqliteLedger.open(folder)
    await ledger.streams.put("acme", "live", b"")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.iterdir()]}
    await ledger.close()

    assert modes.pop("data") == 0o700
    assert set(modes.values()) == {0o600}
    assert set(modes) >= {FILE_NAME, f"{FILE_NAME}-wal", "ledger.lock"}


async def test_a_second_daemon_is_refused(tmp_path: Path) -> None:
    ledger = await SqliteLedger.open(tmp_path)
    with pytest.raises(LedgerError) as caught:
        await SqliteLedger.open(tmp_path)
    await ledger.close()

    assert f"pid {os.getpid()}" in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    await (await SqliteLedger.open(tmp_path)).close()


async def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match=f"cannot use the folder {tmp_path}/file/data"):
        await SqliteLedger.open(tmp_path / "file" / "data")


async def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    newer = schema.VERSION + 1
    await (await SqliteLedger.open(tmp_path)).close()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute(f"PRAGMA user_version = {newer}")

    for _ in range(2):  # the lock was given back
        with pytest.raises(
            LedgerError,
            match=rf"newer audiowarden \(version {newer} of the file, this one knows {schema.VERSION}\)",
        ):
            await SqliteLedger.open(tmp_path)


async def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is no database " * 1000)
    with pytest.raises(LedgerError, match=f"{FILE_NAME} is damaged: move it away"):
        await SqliteLedger.open(tmp_path)


async def test_damage_while_running_fails_operations_and_nothing_else(
    ledger: SqliteLedger, tmp_path: Path
) -> None:
    for n in range(200):
        await ledger.streams.put("acme", f"{n}", bytes(4000))
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    size = (tmp_path / FILE_NAME).stat().st_size
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.seek(4096)
        # Of random bytes some could be taken for a page.
        file.write(b"\xff" * (size - 4096))

    for n in range(3):
        with pytest.raises(LedgerError, match="damaged"):
            await ledger.streams.put("other", f"{n}", bytes(4000))
        with pytest.raises(LedgerError, match="damaged"):
            await ledger.streams.take(500, 0)


async def test_a_check_needs_the_disk(ledger: SqliteLedger) -> None:
    await ledger.check()
    with full_disk(1000), pytest.raises(LedgerError):
        await ledger.check()
    await ledger.check()


async def test_a_full_disk_fails_what_does_not_fit(ledger: SqliteLedger) -> None:
    stored: list[str] = []

    async def put_for_ever() -> None:
        for n in itertools.count():
            await ledger.callbacks.put("stream", f"{n}", bytes(8000))
            stored.append(f"{n}")

    with full_disk(300_000):
        with pytest.raises(LedgerError, match="full"):
            await put_for_ever()
        results = await asyncio.gather(
            *(ledger.callbacks.put("more", f"{n}", bytes(8000)) for n in range(20)), return_exceptions=True
        )
        assert {type(result) for result in results} == {LedgerError}
        assert await ledger.callbacks.find("stream", "0") == bytes(8000)

    assert stored
    assert (await ledger.callbacks.put("stream", "after", b"")).created
    assert await drain(ledger.callbacks) == [*stored, "after"]


async def test_one_operation_that_does_not_fit_leaves_the_others(ledger: SqliteLedger) -> None:
    with full_disk(2_000_000):
        results = await asyncio.gather(
            *(ledger.streams.put("acme", f"{n}", bytes(8_000_000 if n == 3 else 10)) for n in range(10)),
            return_exceptions=True,
        )

    assert [n for n, result in enumerate(results) if isinstance(result, LedgerError)] == [3]
    assert await ledger.streams.count("acme") == 9


async def test_an_operation_that_cannot_be_stored_fails_alone(ledger: SqliteLedger) -> None:
    keys = [f"{n}" for n in range(20)]
    keys[7] = "\ud800"  # no UTF-8 for it
    results = await asyncio.gather(
        *(ledger.streams.put("acme", key, b"") for key in keys), return_exceptions=True
    )

    assert [n for n, result in enumerate(results) if isinstance(result, BaseException)] == [7]
    assert await ledger.streams.count("acme") == 19


async def test_an_operation_that_fails_halfway_leaves_no_trace(ledger: SqliteLedger) -> None:
    await ledger.writer.call(lambda db: db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000), writes=False)
    results = await asyncio.gather(
        *(ledger.callbacks.put("stream", f"{n}", bytes(20_000 if n % 2 else 10)) for n in range(10)),
        return_exceptions=True,
    )

    assert [n for n, result in enumerate(results) if isinstance(result, BaseException)] == [1, 3, 5, 7, 9]
    assert await ledger.callbacks.count() == 5
    assert await drain(ledger.callbacks) == ["0", "2", "4", "6", "8"]


async def test_a_file_locked_by_another_program_is_reported(tmp_path: Path) -> None:
    await (await SqliteLedger.open(tmp_path, busy_timeout_s=0.05)).close()
    ledger = await SqliteLedger.open(tmp_path, busy_timeout_s=0.05)
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked by another program"):
            await ledger.streams.put("acme", "live", b"")
        other.execute("ROLLBACK")

    assert (await ledger.streams.put("acme", "live", b"")).created
    await ledger.close()


async def test_a_wall_clock_set_back_while_running_changes_nothing(tmp_path: Path) -> None:
    clock = Clock()
    ledger = await clock.open(tmp_path)
    await ledger.callbacks.put("stream", "1", b"")
    [lease] = await ledger.callbacks.take(1, 0)
    await lease.release(60, failed=True)
    clock.wall_s -= 86_400
    await ledger.callbacks.put("other", "1", b"")

    assert [lease.group for lease in await ledger.callbacks.take(9, 0)] == ["other"]
    clock.advance(61)
    assert [lease.group for lease in await ledger.callbacks.take(9, 0)] == ["stream"]
    await ledger.close()


async def test_a_wall_clock_set_back_while_down_delays_no_longer_than_the_delay(tmp_path: Path) -> None:
    clock = Clock()
    ledger = await clock.open(tmp_path)
    await ledger.callbacks.put("fresh", "1", b"")
    await ledger.callbacks.put("postponed", "1", b"")
    for lease in await ledger.callbacks.take(9, 0):
        if lease.group == "postponed":
            await lease.release(60, failed=True)
    await ledger.close()

    clock.wall_s -= 365 * 86_400
    ledger = await clock.open(tmp_path)
    assert [lease.group for lease in await ledger.callbacks.take(9, 0)] == ["fresh"]
    clock.advance(61)
    assert [lease.group for lease in await ledger.callbacks.take(9, 0)] == ["postponed"]
    await ledger.close()


async def test_a_restart_does_not_shorten_a_delay(tmp_path: Path) -> None:
    clock = Clock()
    ledger = await clock.open(tmp_path)
    await ledger.callbacks.put("stream", "1", b"")
    [lease] = await ledger.callbacks.take(1, 0)
    await lease.release(60, failed=True)
    await ledger.close()

    clock.advance(50)
    ledger = await clock.open(tmp_path)
    assert await ledger.callbacks.take(9, 0) == []
    clock.advance(11)
    assert [lease.attempt for lease in await ledger.callbacks.take(9, 0)] == [1]
    await ledger.close()


async def test_a_slow_look_at_the_clocks_postpones_nothing_that_is_put_back(tmp_path: Path) -> None:
    clock = Clock()
    clock.look_s = 0.05
    ledger = await clock.open(tmp_path)
    clock.look_s = 0.0
    await ledger.callbacks.put("stream", "1", b"")
    [lease] = await ledger.callbacks.take(9, 0)
    await ledger.dead_letters.bury(lease, "status 500")
    await ledger.dead_letters.replay(9, through=await ledger.dead_letters.last())

    assert [lease.key for lease in await ledger.callbacks.take(9, 0)] == ["1"]
    await ledger.close()


async def test_taking_does_not_read_what_waits_behind_the_head(ledger: SqliteLedger) -> None:
    await asyncio.gather(*(ledger.callbacks.put("stream", f"{n}", b"", lane="a") for n in range(2000)))
    steps = await _steps_of_a_take(ledger)
    await asyncio.gather(*(ledger.callbacks.put("stream", f"{n}", b"", lane="a") for n in range(2000, 8000)))

    assert await _steps_of_a_take(ledger) <= steps + 20


async def _steps_of_a_take(ledger: SqliteLedger) -> int:
    """Count the database's virtual-machine steps of a take: its cost, whatever else the machine does."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    await ledger.writer.call(lambda db: db.set_progress_handler(count, 1), writes=False)
    [lease] = await ledger.callbacks.take(1, 0)
    await ledger.writer.call(lambda db: db.set_progress_handler(None, 0), writes=False)
    await lease.release()
    return steps
