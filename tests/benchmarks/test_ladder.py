"""The search for the limit, against hosts of a known capacity."""

from __future__ import annotations

import pytest

from benchmarks.ladder import Ladder


def climb(ladder: Ladder, capacity: int) -> list[int]:
    rungs = []
    while (rung := ladder.next()) is not None:
        rungs.append(rung)
        ladder.tell(rung, held=rung <= capacity)
        assert len(rungs) < 50
    return rungs


@pytest.mark.parametrize("capacity", [1, 2, 7, 39, 40, 41, 64, 100, 333, 1999])
def test_the_limit_is_found_to_the_resolution(capacity: int) -> None:
    ladder = Ladder(40, max_rung=2000, resolution=0.1)
    rungs = climb(ladder, capacity)
    assert ladder.held <= capacity <= ladder.held + max(1, 0.1 * ladder.held)
    assert len(set(rungs)) == len(rungs)
    assert not ladder.unbroken


def test_few_steps_are_needed() -> None:
    assert climb(Ladder(40, max_rung=2000, resolution=0.1), 70) == [40, 60, 90, 75, 67, 71]


def test_nothing_holds_at_all() -> None:
    ladder = Ladder(40, max_rung=2000, resolution=0.1)
    climb(ladder, 0)
    assert ladder.held == 0


def test_the_highest_rung_is_tried_and_not_exceeded() -> None:
    ladder = Ladder(40, max_rung=70, resolution=0.1)
    assert climb(ladder, 1000) == [40, 60, 70]
    assert ladder.unbroken
    assert ladder.held == 70


def test_a_start_above_the_highest_rung_is_lowered() -> None:
    assert climb(Ladder(40, max_rung=10, resolution=0.1), 1000) == [10]


def test_refused_starts_end_the_search_at_what_was_accepted() -> None:
    ladder = Ladder(40, max_rung=2000, resolution=0.1)
    ladder.tell(40, held=True)
    assert ladder.next() == 60
    ladder.tell(52, held=True)
    ladder.tell(53, held=False)
    assert ladder.next() is None
    assert ladder.held == 52


def test_a_rung_that_breaks_below_one_that_held_is_believed() -> None:
    ladder = Ladder(40, max_rung=2000, resolution=0.1)
    ladder.tell(60, held=True)
    ladder.tell(50, held=False)
    assert ladder.held == 49
