"""How many streams a host takes on."""

from __future__ import annotations

import pytest

from config.taxonomy import RiskType
from daemon.admission import OVERLOAD_S, UNHEARD, Admission, Load, demand_of
from tests.support.streams import FakeRecognition, spec

WORDS = demand_of(spec())
SOUNDS = demand_of(spec(risks=frozenset({RiskType.MOAN, RiskType.SING})))


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class FakeListening:
    """Costs half a second for every risk of two that it knows."""

    KNOWN = frozenset({RiskType.MOAN, RiskType.SING})

    def cost_s(self, risks: frozenset[RiskType]) -> float:
        return 0.5 * len(risks & self.KNOWN)


def test_what_a_stream_may_ask_for() -> None:
    assert (WORDS.words, WORDS.windows) == (1.0, 1.0)
    assert demand_of(spec(moderate_every=3)).words == pytest.approx(1 / 3)
    assert (SOUNDS.words, SOUNDS.windows) == (0.0, 1.0)
    assert SOUNDS.risks == {RiskType.MOAN, RiskType.SING}


def test_capacity_follows_what_windows_cost() -> None:
    recognition = FakeRecognition(0.2)
    admission = Admission(recognition, 0.8)
    assert admission.capacity == pytest.approx(2 * 10 * 0.8 / 0.2)
    recognition.cost_s = 0.4
    assert admission.capacity == pytest.approx(40)
    assert admission.admits(Load(39.0), WORDS)
    assert not admission.admits(Load(39.5), WORDS)


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
    assert Admission(FakeRecognition(None), 0.8).admits(Load(10_000), WORDS)


def test_a_stream_for_which_nothing_is_done_is_always_taken() -> None:
    assert Admission(FakeRecognition(99.0), 0.8).admits(Load(10_000), SOUNDS)


def test_a_window_given_up_closes_the_door_for_a_while() -> None:
    clock = Clock()
    admission = Admission(FakeRecognition(0.01), 0.8, clock)
    admission.overloaded()
    assert not admission.admits(Load(1.0), WORDS)
    clock.now += OVERLOAD_S - 1
    assert not admission.admits(Load(1.0), WORDS)
    clock.now += 1
    assert admission.admits(Load(1.0), WORDS)


def listening(cost_s: float | None = None, clock: Clock | None = None) -> Admission:
    """Two threads that may be taken to 0.8: sixteen seconds of ten."""
    return Admission(
        FakeRecognition(cost_s), 0.8, clock or Clock(), listening=FakeListening(), listening_threads=2
    )


def test_streams_that_ask_for_sounds_alone_are_refused_when_listening_is_full() -> None:
    admission = listening()
    assert admission.load_of([(SOUNDS, 1)] * 15) == Load(0.0, 15.0)
    assert admission.listening_share(Load(0.0, 15.0)) == pytest.approx(0.75)
    assert admission.admits(Load(0.0, 15.0), SOUNDS)
    assert not admission.admits(Load(0.0, 15.5), SOUNDS)
    assert admission.admits(Load(0.0, 99.0), WORDS), "it needs none of that"


def test_words_and_sounds_are_counted_apart() -> None:
    admission = listening(cost_s=0.2)
    both = demand_of(spec(risks=frozenset({RiskType.ABUSE, RiskType.MOAN})))
    assert admission.load_of([(both, 1)]) == Load(1.0, 0.5)
    assert admission.admits(Load(79.0, 15.5), both)
    assert not admission.admits(Load(79.5, 0.0), both)
    assert not admission.admits(Load(0.0, 15.6), both)
    assert admission.admits(Load(99.0, 0.0), SOUNDS), "recognition has nothing to do with it"


def test_fewer_windows_and_none_cost_less() -> None:
    admission = listening()
    seldom = demand_of(spec(risks=SOUNDS.risks, moderate_every=4))
    assert admission.load_of([(seldom, 1)]).listening_s == pytest.approx(0.25)
    assert admission.load_of([(SOUNDS, UNHEARD)]).listening_s == pytest.approx(UNHEARD)


def test_a_window_given_up_closes_the_door_to_sounds_too() -> None:
    admission = listening()
    admission.overloaded()
    assert not admission.admits(Load(), SOUNDS)
