"""What listening to windows has cost, by what was listened for."""

from __future__ import annotations

import threading
from collections import OrderedDict

from config.taxonomy import RiskType

WEIGHT = 0.05
"""Of the newest window in an average: about the last twenty count."""
MOST_SETS = 64
"""Sets of risks whose cost is kept; the one that was not listened for longest is forgotten first."""


class ListeningCost:
    """Moving averages in seconds a window; thread-safe.

    By set, not by detector: detectors share models, and what two of them ask is paid for once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._averages_s: OrderedDict[frozenset[RiskType], float] = OrderedDict()

    def note(self, risks: frozenset[RiskType], took_s: float) -> None:
        """Take note of how long listening to one window for `risks` took."""
        with self._lock:
            average_s = self._averages_s.pop(risks, took_s)
            self._averages_s[risks] = average_s + WEIGHT * (took_s - average_s)
            if len(self._averages_s) > MOST_SETS:
                self._averages_s.popitem(last=False)

    def of(self, risks: frozenset[RiskType]) -> float:
        """Return what a window costs that is listened to for `risks`; 0 where nothing is listened for.

        A set that is not known is expected to cost what the dearest one does, 0 while none is known.
        """
        if not risks:
            return 0.0
        with self._lock:
            known_s = self._averages_s.get(risks)
            return known_s if known_s is not None else max(self._averages_s.values(), default=0.0)
