"""When a step of the capacity benchmark holds."""

from __future__ import annotations

import dataclasses
import math

import pytest

from benchmarks.capacity import caption_of
from benchmarks.quantiles import Quantiles
from benchmarks.step import Step

NONE = Quantiles.of([])
GOOD = Step(
    streams=50,
    refused=0,
    failed=0,
    missing=0,
    latency=Quantiles.of([0.5] * 198 + [1.9, 1.9]),
    wait=NONE,
    analysis=NONE,
    delivery=NONE,
    measured_s=40.0,
    daemon_cores=1.5,
    load_cores=0.1,
    memory_mb=500.0,
    limit_s=2.0,
)


def late(count: int, windows: int = 200) -> Quantiles:
    return Quantiles.of([0.5] * (windows - count) + [math.inf] * count)


def test_one_of_a_hundred_windows_may_be_late() -> None:
    assert GOOD.held
    assert dataclasses.replace(GOOD, latency=late(2)).held
    assert not dataclasses.replace(GOOD, latency=late(3)).held


@pytest.mark.parametrize(
    ("step", "mark", "verdict"),
    [
        (GOOD, "held", "held"),
        (dataclasses.replace(GOOD, refused=3), "held, 1901", "held, 3 starts refused"),
        (dataclasses.replace(GOOD, failed=1), "1903", "1 windows not moderated"),
        (dataclasses.replace(GOOD, latency=late(9), missing=9), "late", "9 windows missing, p99 inf s"),
        (dataclasses.replace(GOOD, latency=NONE), "late", "p99 nan s"),
    ],
)
def test_a_verdict_says_why(step: Step, mark: str, verdict: str) -> None:
    assert (step.mark, step.verdict) == (mark, verdict)
    assert step.held == mark.startswith("held")


def test_a_streams_cost_is_compared_from_few_to_many_that_held() -> None:
    few = dataclasses.replace(GOOD, streams=5, daemon_cores=0.1)
    many = dataclasses.replace(GOOD, streams=50, daemon_cores=1.1)
    broken = dataclasses.replace(GOOD, streams=90, failed=4)
    assert few.cost_ms == pytest.approx(20.0)
    assert "20.0 ms at 5 streams, 22.0 ms at 50 (+10%)" in caption_of([broken, many, few])
    assert "per stream second" not in caption_of([few, broken])
