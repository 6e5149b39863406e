"""What other versions of the program left in the ledger and this one cannot read: counted, and told once."""

from __future__ import annotations

from collections import Counter

import structlog

log = structlog.get_logger()

MAX_TOLD = 1000
"""Jobs that are remembered; beyond that the log may name one again."""


class Unreadable:
    """The jobs of one daemon that it could not read."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """By kind, each job once."""
        self._told: set[tuple[str, str]] = set()

    def note(self, group: str, key: str) -> None:
        """Take note of a job, by its place in the queue or by its name."""
        if (group, key) in self._told:
            return
        if len(self._told) >= MAX_TOLD:
            self._told.clear()
        self._told.add((group, key))
        self.counts[group.partition(" ")[0]] += 1
        log.error("stored_job_not_understood", group=group, key=key)
