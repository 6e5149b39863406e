"""Numbers a stream's callbacks from 1 without a gap, and remembers them over a crash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_REMEMBERED = 256
"""Callbacks between two settled windows; of more the oldest could not be numbered again the same."""


class Numbering:
    """Gives each callback the next number; one that is sent again before it was settled has its old one."""

    def __init__(self, settled: int = 0, since: tuple[str, ...] = ()) -> None:
        self._settled = settled
        self._since = list(since)

    @classmethod
    def restore(cls, saved: Mapping[str, Any]) -> Numbering:
        """Go on from what `document` returned; from 1 when nothing was saved."""
        return cls(saved.get("called_back", 0), tuple(saved.get("unsettled", ())))

    def document(self) -> dict[str, Any]:
        """Return what is to be saved with the callback that was numbered last."""
        return {"called_back": self._settled, "unsettled": self._since}

    def number(self, key: str) -> int:
        """Return the number of the callback with this key, from 1."""
        if key not in self._since:
            if len(self._since) == MAX_REMEMBERED:
                self._since.pop(0)
                self._settled += 1
            self._since.append(key)
        return self._settled + self._since.index(key) + 1

    def settle(self) -> None:
        """Take note that what was numbered is behind the stream, and will not be sent again."""
        self._settled += len(self._since)
        self._since.clear()
