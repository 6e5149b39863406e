"""The dead letters in the SQLite ledger: buried, looked at, put back, forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from daemon.ledger.interfaces import DeadLetter, Lease
from daemon.ledger.sqlite_queue import SqliteLease
from daemon.ledger.writer import Writer

_PAGE = """
SELECT id, grp, key, lane, body, attempts, reason, put_at, buried_at FROM dead_letters
WHERE id > :after ORDER BY id LIMIT :limit
"""
_PAGE_OF_GROUP = """
SELECT id, grp, key, lane, body, attempts, reason, put_at, buried_at FROM dead_letters
WHERE id > :after AND grp = :grp ORDER BY id LIMIT :limit
"""
_CHOOSE = "SELECT id FROM dead_letters WHERE id > :after AND id <= :through ORDER BY id LIMIT :limit"
_CHOOSE_OF_GROUP = """
SELECT id FROM dead_letters WHERE grp = :grp AND id > :after AND id <= :through ORDER BY id LIMIT :limit
"""
_PUT_BACK = """
INSERT OR IGNORE INTO items (queue, grp, key, lane, offered, due_at, put_at)
SELECT queue, grp, key, lane,
       NOT EXISTS (SELECT 1 FROM items WHERE items.queue = letter.queue AND items.grp = letter.grp), ?, put_at
FROM dead_letters AS letter WHERE letter.id = ?
"""
# Only callbacks are ever buried, and their queue is ordered: one is offered when nothing waits before it.
_EXPIRE = """
DELETE FROM dead_letters
WHERE id IN (SELECT id FROM dead_letters WHERE buried_at < ? ORDER BY buried_at LIMIT ?)
"""


class SqliteDeadLetters:
    """The callbacks that were given up (a `DeadLetters`)."""

    def __init__(self, writer: Writer, wall: Callable[[], float]) -> None:
        self._writer = writer
        self._wall = wall

    async def bury(self, lease: Lease, reason: str) -> None:
        """Move a leased item out of its queue into the dead letters, atomically."""
        if not isinstance(lease, SqliteLease):
            raise TypeError("only a lease of this ledger can be buried in it")
        await lease.queue.bury(lease, reason)

    async def page(self, limit: int, after: int = 0, *, group: str | None = None) -> list[DeadLetter]:
        """Return up to `limit` dead letters (of a group) with numbers above `after`, oldest first."""
        sql = _PAGE if group is None else _PAGE_OF_GROUP
        values = {"after": after, "limit": limit, "grp": group}

        def run(db: sqlite3.Connection) -> list[DeadLetter]:
            return [DeadLetter(*row) for row in db.execute(sql, values).fetchall()]

        return await self._writer.call(run, writes=False)

    async def count(self) -> int:
        """Count the dead letters."""

        def run(db: sqlite3.Connection) -> int:
            return int(db.execute("SELECT count(*) FROM dead_letters").fetchone()[0])

        return await self._writer.call(run, writes=False)

    async def last(self) -> int:
        """Return the highest number of a dead letter; 0 when there is none."""

        def run(db: sqlite3.Connection) -> int:
            return int(db.execute("SELECT coalesce(max(id), 0) FROM dead_letters").fetchone()[0])

        return await self._writer.call(run, writes=False)

    async def replay(
        self, limit: int, *, after: int = 0, through: int, group: str | None = None
    ) -> list[int]:
        """Put up to `limit` dead letters back into their queue, oldest first, atomically."""
        sql = _CHOOSE if group is None else _CHOOSE_OF_GROUP
        values = {"after": after, "through": through, "limit": limit, "grp": group}

        def run(db: sqlite3.Connection) -> list[int]:
            numbers = [number for (number,) in db.execute(sql, values).fetchall()]
            for number in numbers:
                self._put_back(db, number)
            return numbers

        return await self._writer.call(run, writes=True)

    async def expire(self, age_s: float, limit: int) -> int:
        """Delete up to `limit` of those that were buried more than `age_s` ago; return how many."""
        before = self._wall() - age_s
        return await self._writer.call(lambda db: db.execute(_EXPIRE, (before, limit)).rowcount, writes=True)

    def _put_back(self, db: sqlite3.Connection, number: int) -> None:
        added = db.execute(_PUT_BACK, (self._wall(), number))
        if added.rowcount:
            db.execute(
                "INSERT INTO bodies (item, body) SELECT ?, body FROM dead_letters WHERE id = ?",
                (added.lastrowid, number),
            )
        db.execute("DELETE FROM dead_letters WHERE id = ?", (number,))
