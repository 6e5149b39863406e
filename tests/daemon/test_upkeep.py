"""What is forgotten and when; the ledger's file stays as large as what it keeps."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from config.settings import CallbackSettings
from daemon.ledger.interfaces import Record
from daemon.ledger.sqlite import FILE_NAME, SqliteLedger
from daemon.upkeep import DAY_S, HOUR_S, STEP, Upkeep


class House:
    """A ledger whose days pass as the test says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_s = 1_700_000_000.0
        self.stream = 0
        self.ledger: SqliteLedger

    async def open(self) -> None:
        self.ledger = await SqliteLedger.open(self.folder, wall=lambda: self.now_s)

    async def called_back(self, count: int) -> None:
        """Put and deliver callbacks of a new stream."""
        self.stream += 1
        name = f"s{self.stream}"
        await asyncio.gather(
            *(
                self.ledger.callbacks.put(
                    f"{name} {n}", "", b"", record=Record("acme", name, n, os.urandom(2000))
                )
                for n in range(count)
            )
        )
        leases = await self.ledger.callbacks.take(count, 0)
        await asyncio.gather(*(lease.done() for lease in leases))
        assert await self.ledger.callbacks.count() == 0

    async def bury(self, count: int) -> None:
        for n in range(count):
            await self.ledger.callbacks.put("dead", f"{n} {self.now_s}", b"")
            [lease] = await self.ledger.callbacks.take(1, 0)
            await self.ledger.dead_letters.bury(lease, "status 500")

    async def kept(self) -> int:
        """Count the streams of which history knows."""
        pages = [
            await self.ledger.history.page("acme", f"s{n + 1}", 0, 1, 10_000) for n in range(self.stream)
        ]
        return sum(page is not None for page in pages)

    def pages(self) -> int:
        with contextlib.closing(sqlite3.connect(self.folder / FILE_NAME)) as connection:
            return int(connection.execute("PRAGMA page_count").fetchone()[0])


@pytest.fixture(name="made")
async def _made(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path)
    await made.open()
    yield made
    await made.ledger.close()


def upkeep(made: House, **settings: float) -> Upkeep:
    return Upkeep(made.ledger.dead_letters, made.ledger.history, CallbackSettings(**settings))  # type: ignore[arg-type]  # keyword by keyword


async def test_each_is_forgotten_at_its_age(made: House) -> None:
    keeper = upkeep(made, dead_letter_days=7, history_hours=72)
    await made.called_back(3)
    await made.bury(2)
    made.now_s += 72 * HOUR_S - 1
    await made.called_back(1)
    await keeper.once()
    assert (await made.kept(), keeper.dead_letters) == (2, 2)

    made.now_s += 2
    await keeper.once()
    assert (await made.kept(), keeper.dead_letters) == (1, 2)

    made.now_s += 4 * DAY_S
    await made.bury(1)
    with structlog.testing.capture_logs() as logs:
        await keeper.once()
    assert (await made.kept(), keeper.dead_letters) == (0, 1)
    assert [(each["event"], each["count"]) for each in logs] == [("dead_letters_expired", 2)]


async def test_what_was_kept_goes_when_nothing_is_to_be_kept_any_more(made: House) -> None:
    await made.called_back(2)
    made.now_s += 1
    await upkeep(made, history_hours=0).once()
    assert await made.kept() == 0


async def test_a_day_after_a_day_the_file_stays_as_large_as_what_it_keeps(made: House) -> None:
    keeper = upkeep(made, history_hours=1)
    sizes = []
    for _ in range(5):
        await made.called_back(2 * STEP + 50)
        made.now_s += 2 * HOUR_S
        await keeper.once()
        assert await made.kept() == 0
        sizes.append(made.pages())
    assert sizes[-1] <= sizes[0] * 1.1
