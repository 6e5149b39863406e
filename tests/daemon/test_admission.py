"""How many streams a host takes on."""

from __future__ import annotations

import pytest

from config.taxonomy import RiskType
from daemon.admission import OVERLOAD_S, Admission, demand_of
from tests.support.streams import FakeRecognition, spec


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_a_stream_may_ask_for() -> None:
    assert demand_of(spec()) == 1.0
    assert demand_of(spec(moderate_every=3)) == pytest.approx(1 / 3)
    assert demand_of(spec(risks=frozenset({RiskType.MOAN}))) == 0.0


def test_capacity_follows_what_windows_cost() -> None:
    recognition = FakeRecognition(0.2)
    admission = Admission(recognition, 0.8)
    assert admission.capacity == pytest.approx(2 * 10 * 0.8 / 0.2)
    recognition.cost_s = 0.4
    assert admission.capacity == pytest.approx(40)
    assert admission.admits(39.0, 1.0)
    assert not admission.admits(39.5, 1.0)


def test_silence_makes_room() -> None:
    admission = Admission(FakeRecognition(0.2), 0.8)
    for number in range(1000):
        admission.recognised(number % 5 < 2)
    assert admission.capacity == pytest.approx(80 / 0.4, rel=0.1)


def test_all_silent_is_not_endless_room() -> None:
    admission = Admission(FakeRecognition(0.2), 0.8)
    for _ in range(5000):
        admission.recognised(False)
    assert admission.capacity == pytest.approx(8000, rel=0.01)


def test_nothing_is_refused_before_anything_is_known() -> None:
    assert Admission(FakeRecognition(None), 0.8).admits(10_000, 1.0)


def test_a_stream_without_words_is_always_taken() -> None:
    assert Admission(FakeRecognition(99.0), 0.8).admits(10_000, 0.0)


def test_a_window_given_up_closes_the_door_for_a_while() -> None:
    clock = Clock()
    admission = Admission(FakeRecognition(0.01), 0.8, clock)
    admission.overloaded()
    assert not admission.admits(1.0, 1.0)
    clock.now += OVERLOAD_S - 1
    assert not admission.admits(1.0, 1.0)
    clock.now += 1
    assert admission.admits(1.0, 1.0)
