"""The callbacks of the last days in the SQLite ledger, for consumers that were down."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable

from daemon.ledger.interfaces import HistoryPage, Record
from daemon.ledger.writer import Writer

_END = -1
"""The place of a stream's mark that it has ended."""
_FAST = 1
"""zlib's level: callbacks of a stream are much alike, and the thread has more to do."""
_KEEP = "INSERT OR IGNORE INTO history (grp, place, account, kept_at, body) VALUES (?, ?, ?, ?, ?)"
_READ = "SELECT place, body FROM history WHERE grp = ? AND account = ? AND place >= ? ORDER BY place"
_EXPIRE = """
DELETE FROM history WHERE id IN (SELECT id FROM history WHERE kept_at < ? ORDER BY kept_at LIMIT ?)
"""


def keep(db: sqlite3.Connection, record: Record, now: float) -> None:
    """Store a record unless its place is taken; within the caller's transaction. `now` in epoch seconds."""
    body = zlib.compress(record.body, _FAST)
    db.execute(_KEEP, (record.group, record.place, record.account, now, body))
    if record.last:
        db.execute(_KEEP, (record.group, _END, record.account, now, b""))


class SqliteHistory:
    """What was called back (a `History`)."""

    def __init__(self, writer: Writer, wall: Callable[[], float]) -> None:
        self._writer = writer
        self._wall = wall

    async def page(
        self, account: str, group: str, start: int, limit: int, max_bytes: int
    ) -> HistoryPage | None:
        """Return up to `limit` records from place `start` on, or None."""

        def run(db: sqlite3.Connection) -> HistoryPage | None:
            if not db.execute(
                "SELECT 1 FROM history WHERE grp = ? AND account = ? LIMIT 1", (group, account)
            ).fetchone():
                return None
            ended = db.execute("SELECT 1 FROM history WHERE grp = ? AND place = ?", (group, _END)).fetchone()
            records: list[Record] = []
            size = 0
            more_from = None
            for place, packed in db.execute(_READ, (group, account, max(start, 0))):
                body = zlib.decompress(packed)
                size += len(body)
                if len(records) == limit or (records and size > max_bytes):
                    more_from = place
                    break
                records.append(Record(account, group, place, body))
            return HistoryPage(tuple(records), ended is not None, more_from)

        return await self._writer.call(run, writes=False)

    async def end(self, account: str, group: str) -> None:
        """Mark a stream as ended."""

        def run(db: sqlite3.Connection) -> None:
            db.execute(_KEEP, (group, _END, account, self._wall(), b""))

        await self._writer.call(run, writes=True)

    async def expire(self, age_s: float, limit: int) -> int:
        """Delete up to `limit` of what was put more than `age_s` ago; return how many."""
        before = self._wall() - age_s
        return await self._writer.call(lambda db: db.execute(_EXPIRE, (before, limit)).rowcount, writes=True)
