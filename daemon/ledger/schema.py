"""The ledger's SQLite file: its tables, how it is opened, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from daemon.ledger.interfaces import LedgerError

VERSION = 3
"""Kept in `PRAGMA user_version`; raised with every change of the tables, together with a migration."""

_TABLES = """
CREATE TABLE items (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    queue    INTEGER NOT NULL,
    grp      TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    lane     TEXT    NOT NULL,
    stopped  INTEGER NOT NULL DEFAULT 0,
    offered  INTEGER NOT NULL,
    due_at   REAL    NOT NULL,
    delay_s  REAL    NOT NULL DEFAULT 0,
    attempt  INTEGER NOT NULL DEFAULT 0,
    put_at   REAL    NOT NULL,
    progress BLOB    NOT NULL DEFAULT x''
) STRICT;
CREATE UNIQUE INDEX items_by_key ON items (queue, grp, key) WHERE stopped = 0;
CREATE INDEX items_by_group ON items (queue, grp, id);
CREATE INDEX items_offered ON items (queue, lane, due_at, id) WHERE offered = 1;

CREATE TABLE bodies (
    item INTEGER PRIMARY KEY,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE dead_letters (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    queue     INTEGER NOT NULL,
    grp       TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    lane      TEXT    NOT NULL,
    body      BLOB    NOT NULL,
    progress  BLOB    NOT NULL,
    attempts  INTEGER NOT NULL,
    reason    TEXT    NOT NULL,
    put_at    REAL    NOT NULL,
    buried_at REAL    NOT NULL
) STRICT;
"""
_MIGRATIONS = {
    1: """
CREATE INDEX dead_letters_by_group ON dead_letters (grp, id);
CREATE INDEX dead_letters_by_age ON dead_letters (buried_at);

CREATE TABLE history (
    id      INTEGER PRIMARY KEY,
    grp     TEXT    NOT NULL,
    place   INTEGER NOT NULL,
    account TEXT    NOT NULL,
    kept_at REAL    NOT NULL,
    body    BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX history_by_place ON history (grp, place);
CREATE INDEX history_by_age ON history (kept_at);
""",
    2: """
CREATE TABLE documents (
    id        INTEGER PRIMARY KEY,
    kind      TEXT NOT NULL,
    account   TEXT NOT NULL,
    key       TEXT NOT NULL,
    stored_at REAL NOT NULL,
    body      BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX documents_by_key ON documents (kind, account, key);
CREATE INDEX documents_by_age ON documents (kind, stored_at);
""",
}
"""By version: what turns a file of that version into one of the next. A new file goes through all of them."""
# items.offered: may be taken once it is due. In an ordered queue only a group's oldest item is offered, so
#   that a take costs the same whether 10 or 100,000 items wait behind it.
# items.due_at: epoch seconds; delay_s: what it was postponed by, so that a clock set back cannot stall it.
# history.place: -1 marks a stream that has ended; its body is empty.
# bodies: apart, because an item's row is rewritten at every release and a body can be a megabyte.


def connect(path: Path, busy_timeout_s: float) -> sqlite3.Connection:
    """Open the ledger's file, creating it when it is not there. Raises LedgerError."""
    try:
        # SQLite gives its -wal and -shm files the permissions of the main file.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None)
    except OSError as error:
        raise LedgerError(f"cannot open the ledger {path}: {error.strerror}") from None
    except sqlite3.Error as error:
        raise explain(error, path) from None
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, path) from None
    except LedgerError:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise LedgerError(
            f"the ledger {path} was written by a newer audiowarden (version {version} of the file, this one "
            f"knows {VERSION}): upgrade audiowarden, or use another data_dir"
        )
    if version == 0:
        # Only possible while the file is empty: lets the file shrink again after a consumer's long outage.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = FAST")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    if version < VERSION:
        steps = [_TABLES] if version == 0 else []
        steps += [step for since, step in sorted(_MIGRATIONS.items()) if since >= version]
        connection.executescript(
            f"BEGIN IMMEDIATE; {' '.join(steps)} PRAGMA user_version = {VERSION}; COMMIT;"
        )


def connect_beside(path: Path, busy_timeout_s: float) -> sqlite3.Connection:
    """Open a ledger that a daemon may be using at the same time; creates and changes nothing.

    Raises LedgerError, also for a file of another version.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise LedgerError(f"there is no ledger {path}: no daemon has run with this data_dir yet") from None
    except OSError as error:
        raise LedgerError(f"cannot open the ledger {path}: {error.strerror}") from None
    try:
        # As root too: SQLite gives -wal and -shm to the owner of the main file.
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", timeout=busy_timeout_s, isolation_level=None, uri=True
        )
    except sqlite3.Error as error:
        raise explain(error, path) from None
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = FAST")
    except sqlite3.Error as error:
        connection.close()
        raise explain(error, path) from None
    if version != VERSION:
        connection.close()
        raise LedgerError(
            f"the ledger {path} is of version {version}, this audiowarden needs {VERSION}: "
            "use the same audiowarden as the daemon, and start the daemon once after an upgrade"
        )
    return connection


def shut(connection: sqlite3.Connection) -> None:
    """Give free pages back to the disk, fold the write-ahead log into the file, close."""
    try:
        connection.execute("PRAGMA incremental_vacuum(10000)").fetchall()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()


def explain(error: sqlite3.Error, path: Path) -> LedgerError:
    """Say in one sentence what an SQLite error means for the operator."""
    # The low byte is the primary code: https://www.sqlite.org/rescode.html
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return LedgerError(f"the disk of the ledger {path} is full")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LedgerError(f"the ledger {path} is locked by another program")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return LedgerError(f"the ledger {path} is damaged: move it away, or restore a copy, and start again")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return LedgerError(f"the ledger {path} cannot be written: check its owner and permissions")
    if code == sqlite3.SQLITE_IOERR:
        return LedgerError(f"the disk of the ledger {path} fails or is full ({error})")
    return LedgerError(f"the ledger {path} failed: {error}")


def touch(connection: sqlite3.Connection) -> None:
    """Write the version again, within the caller's transaction: it changes nothing and needs the disk."""
    connection.execute(f"PRAGMA user_version = {VERSION}")
