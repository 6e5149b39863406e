from __future__ import annotations

import threading
import time

import pytest

from pipeline.interrupt import NEVER_S, InterruptClock


def test_it_is_the_ordinary_clock_until_told_otherwise() -> None:
    assert InterruptClock().monotonic() == pytest.approx(time.monotonic(), abs=1.0)


def test_a_cancelled_thread_is_always_past_its_deadline() -> None:
    clock = InterruptClock()
    began_at = clock.monotonic()
    clock.cancel(threading.get_ident())
    # PyAV compares a call's answers with the one at its beginning: also of calls that begin after cancelling.
    assert clock.monotonic() > began_at + NEVER_S
    for _ in range(3):
        began_at = clock.monotonic()
        clock.cancel(threading.get_ident())
        assert clock.monotonic() > began_at + NEVER_S


def test_other_threads_and_the_next_user_of_the_number_are_not_disturbed() -> None:
    clock = InterruptClock()
    clock.cancel(threading.get_ident() + 1)
    assert clock.monotonic() == pytest.approx(time.monotonic(), abs=1.0)
    clock.cancel(threading.get_ident())
    clock.forget(threading.get_ident())
    clock.forget(threading.get_ident())
    assert clock.monotonic() == pytest.approx(time.monotonic(), abs=1.0)
