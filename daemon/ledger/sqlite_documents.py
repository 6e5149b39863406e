"""The small documents in the SQLite ledger: states of jobs, assets."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from daemon.ledger.writer import Writer

_CREATE = "INSERT OR IGNORE INTO documents (kind, account, key, stored_at, body) VALUES (?, ?, ?, ?, ?)"
_GET = "SELECT body FROM documents WHERE kind = ? AND account = ? AND key = ?"
_REPLACE = "UPDATE documents SET stored_at = ?, body = ? WHERE kind = ? AND account = ? AND key = ?"
_PAGE = "SELECT key, body FROM documents WHERE kind = ? AND account = ? AND key > ? ORDER BY key LIMIT ?"
_DELETE = "DELETE FROM documents WHERE kind = ? AND account = ? AND key = ?"
_EXPIRE = """
DELETE FROM documents WHERE id IN
    (SELECT id FROM documents WHERE kind = ? AND stored_at < ? ORDER BY stored_at LIMIT ?)
"""


class SqliteDocuments:
    """Documents by (kind, account, key) (a `Documents`)."""

    def __init__(self, writer: Writer, wall: Callable[[], float]) -> None:
        self._writer = writer
        self._wall = wall

    async def create(self, kind: str, account: str, key: str, body: bytes) -> bool:
        """Store a document unless there is one; say whether it was stored."""
        return await self._change(_CREATE, kind, account, key, self._wall(), body)

    async def get(self, kind: str, account: str, key: str) -> bytes | None:
        """Return a document; None: there is none."""

        def run(db: sqlite3.Connection) -> bytes | None:
            row = db.execute(_GET, (kind, account, key)).fetchone()
            return None if row is None else bytes(row[0])

        return await self._writer.call(run, writes=False)

    async def replace(self, kind: str, account: str, key: str, body: bytes) -> bool:
        """Store a document in the place of one; False: there is none, and nothing was stored."""
        return await self._change(_REPLACE, self._wall(), body, kind, account, key)

    async def page(self, kind: str, account: str, limit: int, after: str = "") -> list[tuple[str, bytes]]:
        """Return up to `limit` documents, (key, body), with keys above `after`, by key."""

        def run(db: sqlite3.Connection) -> list[tuple[str, bytes]]:
            return [(str(key), bytes(body)) for key, body in db.execute(_PAGE, (kind, account, after, limit))]

        return await self._writer.call(run, writes=False)

    async def delete(self, kind: str, account: str, key: str) -> bool:
        """Delete a document; say whether there was one."""
        return await self._change(_DELETE, kind, account, key)

    async def expire(self, kind: str, age_s: float, limit: int) -> int:
        """Delete up to `limit` documents of a kind that were stored over `age_s` ago; return how many."""
        values = (kind, self._wall() - age_s, limit)
        return await self._writer.call(lambda db: db.execute(_EXPIRE, values).rowcount, writes=True)

    async def _change(self, sql: str, *values: object) -> bool:
        return await self._writer.call(lambda db: db.execute(sql, values).rowcount > 0, writes=True)
