"""The contract's pauses between tries."""

from __future__ import annotations

from pipeline.retry import PULL_BACKOFF, Backoff, RetryBudget


def test_pulls_are_tried_twelve_times_five_seconds_further_apart() -> None:
    budget = RetryBudget(PULL_BACKOFF)
    delays = [budget.next_delay_s() for _ in range(13)]
    assert delays == [5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0, None]


def test_pauses_have_a_longest() -> None:
    backoff = Backoff(first_s=5.0, step_s=5.0, max_s=60.0, attempts=20)
    assert [backoff.delay_s(n) for n in (1, 2, 12, 13, 20, 21)] == [5.0, 10.0, 60.0, 60.0, 60.0, None]


def test_a_source_that_worked_for_a_while_starts_over() -> None:
    budget = RetryBudget(Backoff(1.0, 1.0, 9.0, 5), worked_s=30.0)
    assert [budget.next_delay_s(), budget.next_delay_s()] == [1.0, 2.0]
    for _ in range(3):
        budget.worked(10.0)
    assert budget.next_delay_s() == 1.0


def test_a_source_that_flaps_uses_its_tries_up() -> None:
    budget = RetryBudget(Backoff(1.0, 1.0, 9.0, 5), worked_s=30.0)
    delays = []
    for _ in range(6):
        budget.worked(10.0)
        delays.append(budget.next_delay_s())
    assert delays == [1.0, 2.0, 3.0, 4.0, 5.0, None]
