"""A ledger written by an earlier version is upgraded with everything in it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest

from daemon.ledger import schema
from daemon.ledger.interfaces import LedgerError, Record
from daemon.ledger.sqlite import FILE_NAME, SqliteLedger, dead_letters_beside

VERSION_1 = """
CREATE TABLE items (
    id INTEGER PRIMARY KEY AUTOINCREMENT, queue INTEGER NOT NULL, grp TEXT NOT NULL, key TEXT NOT NULL,
    lane TEXT NOT NULL, stopped INTEGER NOT NULL DEFAULT 0, offered INTEGER NOT NULL, due_at REAL NOT NULL,
    delay_s REAL NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0, put_at REAL NOT NULL,
    progress BLOB NOT NULL DEFAULT x''
) STRICT;
CREATE UNIQUE INDEX items_by_key ON items (queue, grp, key) WHERE stopped = 0;
CREATE INDEX items_by_group ON items (queue, grp, id);
CREATE INDEX items_offered ON items (queue, lane, due_at, id) WHERE offered = 1;
CREATE TABLE bodies (item INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT, queue INTEGER NOT NULL, grp TEXT NOT NULL, key TEXT NOT NULL,
    lane TEXT NOT NULL, body BLOB NOT NULL, progress BLOB NOT NULL, attempts INTEGER NOT NULL,
    reason TEXT NOT NULL, put_at REAL NOT NULL, buried_at REAL NOT NULL
) STRICT;
INSERT INTO items VALUES (7, 1, 'acme', 'url-1', '', 0, 1, 0, 0, 0, 0, '{"origin": 1.0, "next_index": 4}');
INSERT INTO bodies VALUES (7, 'request');
INSERT INTO items VALUES (8, 2, 's', '00000003', 'https://a', 0, 1, 0, 0, 0, 0, x'');
INSERT INTO bodies VALUES (8, '{"url": "https://a/b"}');
INSERT INTO dead_letters VALUES
    (5, 2, 's', '00000002', 'https://a', CAST('{"url": "https://a/b"}' AS BLOB), x'', 20, 'status 500', 1, 2);
PRAGMA user_version = 1;
"""


VERSION_2 = """
CREATE INDEX dead_letters_by_group ON dead_letters (grp, id);
CREATE INDEX dead_letters_by_age ON dead_letters (buried_at);
CREATE TABLE history (
    id INTEGER PRIMARY KEY, grp TEXT NOT NULL, place INTEGER NOT NULL, account TEXT NOT NULL,
    kept_at REAL NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX history_by_place ON history (grp, place);
CREATE INDEX history_by_age ON history (kept_at);
INSERT INTO history VALUES (1, 's', 3, 'acme', 9e9, x'789c010000ffff00000001');
PRAGMA user_version = 2;
"""


def write_version_2(folder: Path) -> Path:
    path = write_version_1(folder)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_2)
    return path


def write_version_1(folder: Path) -> Path:
    path = folder / FILE_NAME
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            VERSION_1.replace("'request'", "CAST('request' AS BLOB)")
            .replace(
                """'{"origin": 1.0, "next_index": 4}'""",
                """CAST('{"origin": 1.0, "next_index": 4}' AS BLOB)""",
            )
            .replace("""(8, '{"url": "https://a/b"}')""", """(8, CAST('{"url": "https://a/b"}' AS BLOB))""")
        )
    return path


async def test_a_file_of_version_1_is_upgraded_with_what_is_in_it(tmp_path: Path) -> None:
    path = write_version_1(tmp_path)
    for _ in range(2):  # the second time nothing is left to do
        ledger = await SqliteLedger.open(tmp_path)
        [stream] = await ledger.streams.take(9, 0)
        assert (stream.key, stream.body, stream.progress) == (
            "url-1", b"request", b'{"origin": 1.0, "next_index": 4}',
        )  # fmt: skip
        [letter] = await ledger.dead_letters.page(9)
        assert (letter.number, letter.key, letter.attempts) == (5, "00000002", 20)
        await ledger.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)

    ledger = await SqliteLedger.open(tmp_path)
    await ledger.callbacks.put("s", "00000004", b"x", record=Record("acme", "s", 4, b"{}"))
    assert await ledger.history.page("acme", "s", 0, 9, 99) is not None
    assert await ledger.dead_letters.replay(9, through=5) == [5]
    assert [lease.key for lease in await ledger.callbacks.take(9, 0)] == ["00000003"]
    await ledger.close()


async def test_a_file_of_version_2_is_upgraded_with_its_history(tmp_path: Path) -> None:
    write_version_2(tmp_path)
    for again in (False, True):
        ledger = await SqliteLedger.open(tmp_path)
        page = await ledger.history.page("acme", "s", 0, 9, 99)
        assert page is not None
        assert [record.place for record in page.records] == [3]
        assert await ledger.streams.count() == 1
        assert await ledger.documents.create("asset", "acme", "1", b"kept") is not again
        assert await ledger.documents.get("asset", "acme", "1") == b"kept"
        await ledger.close()


async def test_an_upgraded_file_is_a_new_file(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    for name, write in (("first", write_version_1), ("second", write_version_2)):
        (tmp_path / name).mkdir()
        write(tmp_path / name)
    tables = []
    for name in ("new", "first", "second"):
        await (await SqliteLedger.open(tmp_path / name)).close()
        with contextlib.closing(sqlite3.connect(tmp_path / name / FILE_NAME)) as connection:
            rows = connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
        tables.append([(name, "".join((sql or "").split())) for name, sql in rows])

    assert tables[0] == tables[1] == tables[2]


async def test_beside_a_daemon_nothing_is_upgraded_or_created(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger"):
        async with dead_letters_beside(tmp_path):
            pass
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - names are wanted
    write_version_1(tmp_path)
    with pytest.raises(LedgerError, match="is of version 1"):
        async with dead_letters_beside(tmp_path):
            pass


async def test_beside_a_daemon_letters_are_put_back(tmp_path: Path) -> None:
    write_version_1(tmp_path)
    ledger = await SqliteLedger.open(tmp_path)
    [waiting] = await ledger.callbacks.take(9, 0)
    async with dead_letters_beside(tmp_path) as letters:
        assert await letters.replay(9, through=await letters.last()) == [5]
    assert await ledger.callbacks.take(9, 0) == [], "the stream's oldest is being worked on"
    await waiting.done()
    assert [lease.key for lease in await ledger.callbacks.take(9, 0)] == ["00000002"]
    await ledger.close()


async def test_a_record_that_cannot_be_stored_takes_its_callback_with_it(tmp_path: Path) -> None:
    ledger = await SqliteLedger.open(tmp_path)
    await ledger.writer.call(lambda db: db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000), writes=False)
    record = Record("acme", "s", 0, os.urandom(20_000))
    with pytest.raises(LedgerError):
        await ledger.callbacks.put("s", "0", b"small", record=record)

    assert await ledger.callbacks.count() == 0
    await ledger.close()
