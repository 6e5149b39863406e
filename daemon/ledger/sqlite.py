"""The ledger of a single daemon: one SQLite file, nothing to set up."""

from __future__ import annotations

import asyncio
import functools
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from daemon.ledger import schema
from daemon.ledger.interfaces import LedgerError
from daemon.ledger.lock import FolderLock
from daemon.ledger.sqlite_documents import SqliteDocuments
from daemon.ledger.sqlite_history import SqliteHistory
from daemon.ledger.sqlite_letters import SqliteDeadLetters
from daemon.ledger.sqlite_queue import LedgerClock, SqliteQueue
from daemon.ledger.writer import Writer

FILE_NAME = "ledger.sqlite3"

_STREAMS = 1
_CALLBACKS = 2
_JOBS = 3


@asynccontextmanager
async def dead_letters_beside(
    folder: Path, *, wall: Callable[[], float] = time.time, busy_timeout_s: float = 10.0
) -> AsyncIterator[SqliteDeadLetters]:
    """Open the dead letters in `folder` while a daemon may be using it. Raises LedgerError."""
    path = folder / FILE_NAME
    writer = Writer(
        connect=lambda: schema.connect_beside(path, busy_timeout_s),
        shut=lambda connection: connection.close(),
        explain=functools.partial(schema.explain, path=path),
    )
    await writer.start()
    try:
        yield SqliteDeadLetters(writer, wall)
    finally:
        await writer.close()


class SqliteLedger:
    """Everything durable of one daemon; made by `open`."""

    def __init__(self, lock: FolderLock, writer: Writer, clock: LedgerClock) -> None:
        self.writer = writer
        self._lock = lock
        self._streams = SqliteQueue(writer, clock, _STREAMS, ordered=False)
        self._callbacks = SqliteQueue(writer, clock, _CALLBACKS, ordered=True)
        self._dead_letters = SqliteDeadLetters(writer, clock.wall)
        self._history = SqliteHistory(writer, clock.wall)
        self._jobs = SqliteQueue(writer, clock, _JOBS, ordered=False)
        self._documents = SqliteDocuments(writer, clock.wall)

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        busy_timeout_s: float = 5.0,
    ) -> SqliteLedger:
        """Open the ledger in `folder`, creating both (mode 0700); all leases have lapsed.

        `wall` gives seconds since the epoch, `steady` seconds that never jump; another program may lock
        the file for `busy_timeout_s`. Raises LedgerError when another process has the folder, or the file
        cannot be used.
        """
        clock = LedgerClock(wall, steady)
        lock = await asyncio.to_thread(_occupy, folder)
        path = folder / FILE_NAME
        writer = Writer(
            connect=lambda: _connect(path, clock, busy_timeout_s),
            shut=schema.shut,
            explain=functools.partial(schema.explain, path=path),
        )
        try:
            await writer.start()
        except BaseException:
            lock.release()
            raise
        return cls(lock, writer, clock)

    @property
    def streams(self) -> SqliteQueue:
        """Live streams."""
        return self._streams

    @property
    def callbacks(self) -> SqliteQueue:
        """Undelivered callbacks, ordered."""
        return self._callbacks

    @property
    def dead_letters(self) -> SqliteDeadLetters:
        """Callbacks that were given up."""
        return self._dead_letters

    @property
    def history(self) -> SqliteHistory:
        """Callbacks of the last days."""
        return self._history

    @property
    def jobs(self) -> SqliteQueue:
        """Jobs that wait or are worked on."""
        return self._jobs

    @property
    def documents(self) -> SqliteDocuments:
        """States of jobs, assets."""
        return self._documents

    async def check(self) -> None:
        """Write something without a meaning, through to the disk. Raises LedgerError when that fails."""
        await self.writer.call(schema.touch, writes=True)

    async def close(self) -> None:
        """Finish what waits and close; leases of this process lapse, waiting takes raise LedgerError."""
        self._streams.close()
        self._callbacks.close()
        self._jobs.close()
        try:
            await self.writer.close()
        finally:
            self._lock.release()


def _occupy(folder: Path) -> FolderLock:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise LedgerError(f"cannot use the folder {folder}: {error.strerror}") from None
    return FolderLock(folder)


def _connect(path: Path, clock: LedgerClock, busy_timeout_s: float) -> sqlite3.Connection:
    connection = schema.connect(path, busy_timeout_s)
    now = clock.now()
    try:
        # After the wall clock was set back, what was postponed waits once more for its delay and no longer.
        connection.execute("UPDATE items SET due_at = ? + delay_s WHERE due_at > ? + delay_s", (now, now))
    except sqlite3.Error as error:
        connection.close()
        raise schema.explain(error, path) from None
    return connection
