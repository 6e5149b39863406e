"""The ledger protocol: durable work queues, dead letters, history, documents."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from config.errors import AudiowardenError


class LedgerError(AudiowardenError):
    """The ledger cannot be read or written (disk full, damaged file, engine away)."""

    retryable = True


class LimitReachedError(AudiowardenError):
    """A group already holds as many items as its limit allows."""


class Renewal(StrEnum):
    """What the ledger says to the holder of an item."""

    OK = "ok"
    STOP = "stop"
    """Somebody asked for the item to be stopped: finish it."""
    LOST = "lost"
    """Another holder has it: let go without touching it."""
    RETRY = "retry"
    """The engine cannot be reached right now: go on, ask again."""


@dataclass(frozen=True, slots=True)
class Put:
    """The outcome of a put. `first_body` is the body of the item that holds the key: yours if `created`."""

    created: bool
    first_body: bytes


class Lease(Protocol):
    """The right to work on one item until it is done, released, or lost with this process."""

    @property
    def group(self) -> str:
        """Who the item belongs to: an account (streams), a stream id (callbacks)."""

    @property
    def key(self) -> str:
        """The item's identity within its group."""

    @property
    def lane(self) -> str:
        """What the item competes for, such as a consumer's origin; empty when nothing."""

    @property
    def body(self) -> bytes:
        """What was put."""

    @property
    def progress(self) -> bytes:
        """What `save` stored last, by any holder; empty at first."""

    @property
    def attempt(self) -> int:
        """How often the item has been released with a failure before this lease; 0 at first."""

    async def save(self, progress: bytes) -> None:
        """Store how far the work has come, for whoever holds the item next."""

    async def renew(self) -> Renewal:
        """Say that the holder is alive, and learn whether it shall stop."""

    async def done(self) -> None:
        """Remove the item: the work is complete."""

    async def release(self, delay_s: float = 0.0, *, failed: bool = False) -> None:
        """Give the item back, to be offered again after `delay_s`; `failed` counts an attempt."""


@dataclass(frozen=True, slots=True)
class Record:
    """A callback as history keeps it; one at a place, the first stays."""

    account: str
    group: str
    """The stream's id."""
    place: int
    """Its number in the stream's history, from 0: the window's index."""
    body: bytes
    last: bool = field(default=False, compare=False)
    """Marks the stream as ended; not told by a page's records, but by the page."""


@dataclass(frozen=True, slots=True)
class Saving:
    """Progress to be stored for a lease together with something else."""

    lease: Lease
    progress: bytes


class WorkQueue(Protocol):
    """A durable queue of items, unique by (group, key)."""

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
        """Add an item unless the key is there; durable when this returns.

        `record` goes into the history and `saving` to its lease, whether the key was there or not: all of it
        is stored, or nothing. Raises LimitReachedError when the group holds `limit` items already (0: no
        limit), and only for a key that is not there. Races of identical puts create exactly one.
        """

    async def take(self, n: int, wait_s: float, *, skip_lanes: Collection[str] = ()) -> list[Lease]:
        """Lease up to `n` items that are due, oldest first; wait up to `wait_s` for the first.

        In an ordered queue only the oldest item of a group is ever offered, so that a group is worked on in
        the order of its puts, one item at a time. Cancelling a take leaves nothing leased.
        """

    async def find(self, group: str, key: str) -> bytes | None:
        """Return the body of the item that holds the key, or None."""

    async def count(self, group: str | None = None) -> int:
        """Count the items of a group (None: of all) that hold their keys."""

    async def stop(self, group: str, key: str) -> bytes | None:
        """Ask the holder to stop and free the key at once for a new put; None: no such item.

        The item itself stays until its holder is done with it.
        """


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An item that was given up, with all that is needed to put it into its queue again."""

    number: int
    """Ascending with the time of burial."""
    group: str
    key: str
    lane: str
    body: bytes
    attempts: int
    """How often it was tried."""
    reason: str
    put_at: float
    """Seconds since the epoch, as is `buried_at`."""
    buried_at: float


class DeadLetters(Protocol):
    """Callbacks that were given up: kept for the operator."""

    async def bury(self, lease: Lease, reason: str) -> None:
        """Move a leased item out of its queue into the dead letters, atomically; counts the last attempt."""

    async def page(self, limit: int, after: int = 0, *, group: str | None = None) -> list[DeadLetter]:
        """Return up to `limit` dead letters (of a group) with numbers above `after`, oldest first."""

    async def count(self) -> int:
        """Count the dead letters."""

    async def last(self) -> int:
        """Return the highest number of a dead letter; 0 when there is none."""

    async def replay(
        self, limit: int, *, after: int = 0, through: int, group: str | None = None
    ) -> list[int]:
        """Put up to `limit` dead letters back into their queue, oldest first, atomically.

        Takes those (of a group) with numbers above `after` and up to `through`, and returns the numbers. Each
        becomes a new item, never tried, behind what its group has waiting; one whose key waits there already
        is dropped. A queue of another process learns of them at its next take.
        """

    async def expire(self, age_s: float, limit: int) -> int:
        """Delete up to `limit` of those that were buried more than `age_s` ago; return how many."""


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Callbacks of a stream, in the order of their places."""

    records: tuple[Record, ...]
    ended: bool
    """Whether the stream is marked as ended."""
    more_from: int | None
    """The place to go on from; None when there is nothing further."""


class History(Protocol):
    """Callbacks that were put with a `Record`: what was sent, whether it arrived or not."""

    async def page(
        self, account: str, group: str, start: int, limit: int, max_bytes: int
    ) -> HistoryPage | None:
        """Return up to `limit` records from place `start` on, or None: the account has no such stream here.

        Stops before `max_bytes` of bodies, but holds at least one record if there is one.
        """

    async def end(self, account: str, group: str) -> None:
        """Mark a stream as ended, so that it is known even if nothing of it was called back."""

    async def expire(self, age_s: float, limit: int) -> int:
        """Delete up to `limit` of what was put more than `age_s` ago; return how many."""


class Documents(Protocol):
    """Small documents that outlive a restart, by (kind, account, key): states of jobs, assets."""

    async def create(self, kind: str, account: str, key: str, body: bytes) -> bool:
        """Store a document unless there is one; say whether it was stored. Durable when this returns."""

    async def get(self, kind: str, account: str, key: str) -> bytes | None:
        """Return a document; None: there is none."""

    async def replace(self, kind: str, account: str, key: str, body: bytes) -> bool:
        """Store a document in the place of one; False: there is none (any more), and nothing was stored.

        Durable when this returns; its age begins anew.
        """

    async def page(self, kind: str, account: str, limit: int, after: str = "") -> list[tuple[str, bytes]]:
        """Return up to `limit` documents, (key, body), with keys above `after`, by key."""

    async def delete(self, kind: str, account: str, key: str) -> bool:
        """Delete a document; say whether there was one."""

    async def expire(self, kind: str, age_s: float, limit: int) -> int:
        """Delete up to `limit` documents of a kind that were stored over `age_s` ago; return how many."""


class Ledger(Protocol):
    """Everything durable, opened once per process."""

    @property
    def streams(self) -> WorkQueue:
        """Live streams: group = account, key = the stream's identity."""

    @property
    def callbacks(self) -> WorkQueue:
        """Undelivered callbacks, ordered: group = stream id, key = sequence number."""

    @property
    def dead_letters(self) -> DeadLetters:
        """Callbacks that were given up."""

    @property
    def history(self) -> History:
        """Callbacks of the last days."""

    @property
    def jobs(self) -> WorkQueue:
        """Jobs that wait or are worked on: group = kind and account, key = identity, lane = account."""

    @property
    def documents(self) -> Documents:
        """States of jobs, assets."""

    async def check(self) -> None:
        """Raise LedgerError when nothing can be written just now."""

    async def close(self) -> None:
        """Flush and close; leases of this process lapse."""
