"""Percentiles of a list of measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0..1] of all do not exceed (nearest rank).

    No value is made up between two measurements. NaN when there are none.
    """
    if not values:
        return math.nan
    return sorted(values)[max(1, math.ceil(share * len(values) - 1e-9)) - 1]


@dataclass(frozen=True, slots=True)
class Quantiles:
    """What is told of many measurements, in their unit."""

    count: int
    p50: float
    p95: float
    p99: float
    longest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Quantiles:
        """Summarise; all NaN when there are none."""
        return cls(
            len(values),
            percentile(values, 0.5),
            percentile(values, 0.95),
            percentile(values, 0.99),
            percentile(values, 1.0),
        )
