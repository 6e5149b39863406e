"""Percentiles by nearest rank."""

from __future__ import annotations

import math

import pytest

from benchmarks.quantiles import Quantiles, percentile


@pytest.mark.parametrize(
    ("share", "expected"), [(0.01, 1), (0.5, 50), (0.95, 95), (0.99, 99), (0.991, 100), (1.0, 100)]
)
def test_of_a_hundred_values(share: float, expected: float) -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert percentile(values, share) == expected


def test_a_single_value_is_every_percentile() -> None:
    assert percentile([0.3], 0.01) == percentile([0.3], 0.99) == 0.3


def test_without_values_there_is_none() -> None:
    assert math.isnan(percentile([], 0.5))
    assert Quantiles.of([]).count == 0


def test_one_missing_window_of_a_hundred_leaves_p99_alone_and_two_do_not() -> None:
    assert Quantiles.of([0.5] * 99 + [math.inf]).p99 == 0.5
    assert Quantiles.of([0.5] * 98 + [math.inf] * 2).p99 == math.inf
