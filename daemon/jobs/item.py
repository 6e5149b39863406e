"""What stands in the ledger's queue for a job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from daemon.ledger.interfaces import Lease


class JobName(NamedTuple):
    """What tells jobs apart."""

    kind: str
    """Without a space."""
    account: str
    key: str


@dataclass(frozen=True, slots=True)
class Item:
    """A run of a job, and what was asked for."""

    name: JobName
    run: int
    request: Mapping[str, Any] | None
    """None: another version of the program wrote it, and this one cannot read it."""

    @property
    def group(self) -> str:
        """The item's group in the queue."""
        return group_of(self.name.kind, self.name.account)

    @property
    def key(self) -> str:
        """The item's key in the queue: each run has its own."""
        return key_of(self.name, self.run)

    def write(self) -> bytes:
        """Return its body, as JSON."""
        document = {"name": self.name, "run": self.run, "request": self.request}
        return json.dumps(document, ensure_ascii=False).encode()

    @classmethod
    def of(cls, lease: Lease) -> Item:
        """Read an item. Which job it is, group and key tell, whatever the body has become.

        Raises ValueError: not even they do.
        """
        kind, _, account = lease.group.partition(" ")
        key, _, run = lease.key.rpartition(" ")
        return cls(JobName(kind, account, key), int(run), _request_in(lease.body))


def group_of(kind: str, account: str) -> str:
    """Return the group of an account's jobs of a kind."""
    return f"{kind} {account}"


def key_of(name: JobName, run: int) -> str:
    """Return the key of a run of a job."""
    return f"{name.key} {run}"


def _request_in(body: bytes) -> Mapping[str, Any] | None:
    try:
        request = json.loads(body)["request"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return request if isinstance(request, dict) else None
