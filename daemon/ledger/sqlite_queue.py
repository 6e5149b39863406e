"""A durable work queue in the SQLite ledger, and the leases it hands out."""

from __future__ import annotations

import asyncio
import functools
import math
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from daemon.ledger.interfaces import Lease, LimitReachedError, Put, Record, Renewal, Saving
from daemon.ledger.sqlite_history import keep
from daemon.ledger.writer import Writer

_SHORTEST_WAIT_S = 0.001

_LANES = """
WITH RECURSIVE lanes (lane) AS (
    SELECT min(lane) FROM items WHERE offered = 1 AND queue = :queue
    UNION ALL
    SELECT (SELECT min(lane) FROM items WHERE offered = 1 AND queue = :queue AND lane > lanes.lane)
    FROM lanes WHERE lanes.lane IS NOT NULL
)
SELECT lane FROM lanes WHERE lane IS NOT NULL
"""
_OFFERS = """
SELECT due_at, id FROM items WHERE offered = 1 AND queue = ? AND lane = ? ORDER BY due_at, id LIMIT ?
"""
_FETCH = """
SELECT id, grp, key, lane, body, progress, attempt, stopped
FROM items JOIN bodies ON bodies.item = items.id WHERE items.id = ?
"""
_FIND = """
SELECT id, body FROM items JOIN bodies ON bodies.item = items.id
WHERE stopped = 0 AND queue = ? AND grp = ? AND key = ?
"""
_COUNT = "SELECT count(*) FROM items WHERE stopped = 0 AND queue = ?"
_ADD = """
INSERT INTO items (queue, grp, key, lane, offered, due_at, put_at) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_BURY = """
INSERT INTO dead_letters (queue, grp, key, lane, body, progress, attempts, reason, put_at, buried_at)
SELECT queue, grp, key, lane, body, progress, attempt + 1, ?, put_at, ?
FROM items JOIN bodies ON bodies.item = items.id WHERE items.id = ?
"""


class LedgerClock:
    """Epoch seconds that never jump: the wall clock at the start, then the steady clock.

    A wall clock that is set while the daemon runs changes no due time; one that was set back while it was
    down is dealt with when the ledger is opened.
    """

    def __init__(self, wall: Callable[[], float], steady: Callable[[], float]) -> None:
        self.wall = wall
        self._steady = steady
        # Looked at first: what is stamped by the wall clock, also by another process, is never in the future.
        steady_s = steady()
        self._offset = wall() - steady_s

    def now(self) -> float:
        """Return epoch seconds."""
        return self._offset + self._steady()


@dataclass(slots=True, eq=False)
class SqliteLease:
    """A leased item; `held` and `stopped` are set by the ledger's thread once that is on disk."""

    queue: SqliteQueue
    number: int
    group: str
    key: str
    lane: str
    body: bytes = field(repr=False)
    progress: bytes = field(repr=False)
    attempt: int
    stopped: bool
    held: bool = True

    async def save(self, progress: bytes) -> None:
        """Store how far the work has come; nothing happens when the lease is over."""
        await self.queue.save(self, progress)
        self.progress = progress

    async def renew(self) -> Renewal:
        """Say whether to go on. A lease of this process is never lost to another one."""
        if not self.held or self.queue.closed:
            return Renewal.LOST
        return Renewal.STOP if self.stopped else Renewal.OK

    async def done(self) -> None:
        """Remove the item; nothing happens when the lease is over."""
        await self.queue.finish(self)

    async def release(self, delay_s: float = 0.0, *, failed: bool = False) -> None:
        """Give the item back; nothing happens when the lease is over."""
        await self.queue.release(self, delay_s, failed=failed)


class SqliteQueue:
    """One of the ledger's queues. `number` names it in the file and never changes its meaning.

    Leases live in memory only, in the writer's thread: they lapse with the process, and taking costs no sync
    to disk.
    """

    def __init__(self, writer: Writer, clock: LedgerClock, number: int, *, ordered: bool) -> None:
        self.closed = False
        self._writer = writer
        self._clock = clock
        self._number = number
        self._ordered = ordered
        self._held: dict[int, SqliteLease] = {}
        self._held_in: Counter[str] = Counter()
        self._changed = asyncio.Event()

    async def put(
        self,
        group: str,
        key: str,
        body: bytes,
        *,
        lane: str = "",
        limit: int = 0,
        record: Record | None = None,
        saving: Saving | None = None,
    ) -> Put:
        """Add an item unless the key is there; store what belongs to it in the same transaction."""

        def run(db: sqlite3.Connection) -> Put:
            if record is not None:
                keep(db, record, self._clock.wall())
            if saving is not None:
                _save(db, _own(saving.lease), saving.progress)
            if (found := self._find(db, group, key)) is not None:
                return Put(created=False, first_body=found[1])
            if limit and self._count(db, group) >= limit:
                raise LimitReachedError(f"the limit of {limit} is reached")
            offered = not self._ordered or self._oldest(db, group) is None
            now = self._clock.now()
            item = db.execute(
                _ADD, (self._number, group, key, lane, int(offered), now, self._clock.wall())
            ).lastrowid
            db.execute("INSERT INTO bodies (item, body) VALUES (?, ?)", (item, body))
            return Put(created=True, first_body=body)

        put = await self._writer.call(run, writes=True, wake=self._wake)
        if saving is not None:
            _own(saving.lease).progress = saving.progress
        return put

    async def take(self, n: int, wait_s: float, *, skip_lanes: Collection[str] = ()) -> list[Lease]:
        """Lease up to `n` items that are due, oldest first; wait up to `wait_s` for the first."""
        deadline = time.monotonic() + wait_s
        run = functools.partial(self._take, n=n, skip_lanes=frozenset(skip_lanes))
        while True:
            changed = self._changed
            leases, due_in_s = await self._writer.call(run, writes=False, abandon=self._abandon)
            left_s = deadline - time.monotonic()
            if leases or left_s <= 0:
                return list(leases)
            try:
                async with asyncio.timeout(max(min(left_s, due_in_s), _SHORTEST_WAIT_S)):
                    await changed.wait()
            except TimeoutError:
                continue

    async def find(self, group: str, key: str) -> bytes | None:
        """Return the body of the item that holds the key, or None."""
        found = await self._writer.call(lambda db: self._find(db, group, key), writes=False)
        return None if found is None else found[1]

    async def count(self, group: str | None = None) -> int:
        """Count the items of a group (None: of all) that hold their keys."""
        return await self._writer.call(lambda db: self._count(db, group), writes=False)

    async def stop(self, group: str, key: str) -> bytes | None:
        """Ask the holder to stop and free the key; an item without a holder becomes due at once."""

        def run(db: sqlite3.Connection) -> tuple[int, bytes] | None:
            found = self._find(db, group, key)
            if found is not None:
                db.execute(
                    "UPDATE items SET stopped = 1, due_at = min(due_at, ?), delay_s = 0 WHERE id = ?",
                    (self._clock.now(), found[0]),
                )
            return found

        def after(found: tuple[int, bytes] | None) -> None:
            if found is not None and found[0] in self._held:
                self._held[found[0]].stopped = True

        found = await self._writer.call(run, writes=True, after=after, wake=self._wake)
        return None if found is None else found[1]

    async def save(self, lease: SqliteLease, progress: bytes) -> None:
        """Store a lease's progress."""
        await self._writer.call(lambda db: _save(db, lease, progress), writes=True)

    async def finish(self, lease: SqliteLease) -> None:
        """Remove a leased item."""

        def run(db: sqlite3.Connection) -> None:
            if lease.held:
                self.remove(db, lease)

        await self._writer.call(run, writes=True, after=lambda _: self.let_go(lease), wake=self._wake)

    async def release(self, lease: SqliteLease, delay_s: float, *, failed: bool) -> None:
        """Offer a leased item again after `delay_s`."""

        def run(db: sqlite3.Connection) -> None:
            if lease.held:
                db.execute(
                    "UPDATE items SET due_at = ?, delay_s = ?, attempt = attempt + ? WHERE id = ?",
                    (self._clock.now() + delay_s, delay_s, int(failed), lease.number),
                )

        await self._writer.call(run, writes=True, after=lambda _: self.let_go(lease), wake=self._wake)

    async def bury(self, lease: SqliteLease, reason: str) -> None:
        """Move a leased item to the dead letters."""

        def run(db: sqlite3.Connection) -> None:
            if lease.held:
                db.execute(_BURY, (reason, self._clock.wall(), lease.number))
                self.remove(db, lease)

        await self._writer.call(run, writes=True, after=lambda _: self.let_go(lease), wake=self._wake)

    def remove(self, db: sqlite3.Connection, lease: SqliteLease) -> None:
        """Delete an item; in an ordered queue the next one of its group is offered."""
        db.execute("DELETE FROM bodies WHERE item = ?", (lease.number,))
        db.execute("DELETE FROM items WHERE id = ?", (lease.number,))
        if self._ordered and (oldest := self._oldest(db, lease.group)) is not None:
            db.execute("UPDATE items SET offered = 1 WHERE id = ?", (oldest,))

    def let_go(self, lease: SqliteLease) -> None:
        """Forget a lease; runs in the writer's thread."""
        if lease.held:
            lease.held = False
            del self._held[lease.number]
            self._held_in[lease.lane] -= 1
            if not self._held_in[lease.lane]:
                del self._held_in[lease.lane]

    def close(self) -> None:
        """End all waiting takes; they raise LedgerError."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _abandon(self, taken: tuple[list[SqliteLease], float]) -> None:
        def run(_: sqlite3.Connection) -> None:
            for lease in taken[0]:
                self.let_go(lease)

        if taken[0]:
            self._writer.send(run, wake=self._wake)

    def _take(
        self, db: sqlite3.Connection, n: int, skip_lanes: frozenset[str]
    ) -> tuple[list[SqliteLease], float]:
        """Return new leases, and for how many seconds nothing else becomes due."""
        now = self._clock.now()
        due: list[tuple[float, int]] = []
        next_at = math.inf
        for (lane,) in db.execute(_LANES, {"queue": self._number}).fetchall():
            if lane in skip_lanes:
                continue
            # So many rows hold n that are free, or else the first one that is not due yet.
            limit = n + self._held_in[lane]
            for due_at, item in db.execute(_OFFERS, (self._number, lane, limit)).fetchall():
                if item in self._held:
                    continue
                if due_at > now:
                    next_at = min(next_at, due_at)
                    break
                due.append((due_at, item))
        due.sort()
        leases = [self._read(db, item) for _, item in due[:n]]
        for lease in leases:
            self._held[lease.number] = lease
            self._held_in[lease.lane] += 1
        return leases, next_at - now

    def _read(self, db: sqlite3.Connection, item: int) -> SqliteLease:
        number, group, key, lane, body, progress, attempt, stopped = db.execute(_FETCH, (item,)).fetchone()
        return SqliteLease(self, number, group, key, lane, body, progress, attempt, bool(stopped))

    def _find(self, db: sqlite3.Connection, group: str, key: str) -> tuple[int, bytes] | None:
        found: tuple[int, bytes] | None = db.execute(_FIND, (self._number, group, key)).fetchone()
        return found

    def _count(self, db: sqlite3.Connection, group: str | None) -> int:
        if group is None:
            row = db.execute(_COUNT, (self._number,)).fetchone()
        else:
            row = db.execute(f"{_COUNT} AND grp = ?", (self._number, group)).fetchone()
        return int(row[0])

    def _oldest(self, db: sqlite3.Connection, group: str) -> int | None:
        row = db.execute(
            "SELECT min(id) FROM items WHERE queue = ? AND grp = ?", (self._number, group)
        ).fetchone()
        return None if row[0] is None else int(row[0])


def _save(db: sqlite3.Connection, lease: SqliteLease, progress: bytes) -> None:
    if lease.held:
        db.execute("UPDATE items SET progress = ? WHERE id = ?", (progress, lease.number))


def _own(lease: Lease) -> SqliteLease:
    if not isinstance(lease, SqliteLease):
        raise TypeError("only a lease of this ledger can be saved in it")
    return lease
