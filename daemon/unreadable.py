"""What other versions of the program left in the ledger and this one cannot read: counted, and told once."""

from __future__ import annotations

from collections import Counter

import structlog

log = structlog.get_logger()

MAX_TOLD = 1000
"""Entries that are remembered; beyond that the log may name one again."""


class Unreadable:
    """The entries of one sort that one daemon could not read."""

    def __init__(self, event: str) -> None:
        """`event` is what the log says of each."""
        self.counts: Counter[str] = Counter()
        """By kind, each entry once."""
        self._event = event
        self._told: set[tuple[str, str]] = set()

    def note(self, group: str, key: str) -> None:
        """Take note of an entry, by its group, which begins with its kind, and its key there."""
        if (group, key) in self._told:
            return
        if len(self._told) >= MAX_TOLD:
            self._told.clear()
        self._told.add((group, key))
        self.counts[group.partition(" ")[0]] += 1
        log.error(self._event, group=group, key=key)
