"""Ratios, orders and delays of the ingest benchmark."""

from __future__ import annotations

import math

import pytest

from benchmarks.ingest import FORMS, PEER, THREADS, Cost, Spread, delays_of, order_of, ratio, table_of


def cost(form: str, number: int, cpu: float) -> Cost:
    return Cost(form, 4, number, cpu, cpu * 100, [])


def test_a_ratio_is_taken_within_its_round() -> None:
    costs = [cost(THREADS, 0, 1), cost(PEER, 0, 2), cost(PEER, 1, 1), cost(THREADS, 1, 3)]
    assert ratio(costs, THREADS, "cpu_s_per_stream_s") == Spread(1.75, 0.5, 3.0)


def test_a_peer_that_used_nothing_gives_no_ratio() -> None:
    assert math.isnan(ratio([cost(THREADS, 0, 1), cost(PEER, 0, 0)], THREADS, "memory_mb").median)


def test_every_other_round_runs_backwards() -> None:
    assert list(order_of(1)) == list(reversed(order_of(0)))
    assert order_of(2) == FORMS


def test_a_stream_that_ended_spoils_the_run() -> None:
    assert delays_of("0.25\n0.5\n") == [0.25, 0.5]
    with pytest.raises(RuntimeError, match="1 streams ended"):
        delays_of("0.25\nfailed ENDED\n")


def test_the_table_has_a_row_for_each_form_and_tells_the_fixed_part_apart() -> None:
    costs = [cost(form, 0, 0.1) for form in FORMS]
    table = table_of([Cost(THREADS, 0, 0, math.nan, 50.0, []), *costs])
    assert table.row_count == len(FORMS)
    assert "threads 50 MB" in str(table.caption)
