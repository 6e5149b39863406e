"""The listener: who is asked, and what it has cost."""

from __future__ import annotations

import numpy as np
import pytest

from config.taxonomy import Label, RiskType
from models.hearing import Hearing, Senses
from models.interfaces import Samples
from models.results import SoundFinding
from pipeline.cost import MOST_SETS, ListeningCost
from pipeline.listen import Listener
from tests.support.hearing import NOTHING, MadeUp

LOUD: Samples = np.random.default_rng(1).normal(0, 0.1, 160_000).astype(np.float32)
SILENT: Samples = np.zeros(160_000, np.float32)
MOAN, SING = frozenset({RiskType.MOAN}), frozenset({RiskType.SING})


class Clock:
    """Seconds, as the detectors take them."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Slow:
    """Finds its one risk after a while."""

    def __init__(self, risk: RiskType, takes_s: float) -> None:
        self._risk = risk
        self._takes_s = takes_s
        self.clock = Clock()
        self.asked = 0

    @property
    def risks(self) -> frozenset[RiskType]:
        return frozenset({self._risk})

    def detect(self, hearing: Hearing) -> list[SoundFinding]:
        self.asked += 1
        self.clock.now += self._takes_s
        return [SoundFinding(Label(self._risk, "a", "b"), 0.9, "slow")]


def listener(*detectors: Slow) -> Listener:
    models = MadeUp(np.zeros((10, 521), np.float32), NOTHING)
    clock = Clock()
    for each in detectors:
        each.clock = clock
    return Listener(Senses(models, models, models, models), detectors, clock=clock)


def test_listening_costs_what_it_takes() -> None:
    slow, quick = Slow(RiskType.MOAN, 0.05), Slow(RiskType.SING, 0.0)
    heard = listener(slow, quick)
    assert heard.cost_s(MOAN) == 0.0, "nothing is known yet"
    for risks in (MOAN, SING):
        assert [each.label.risk for each in heard.hear(risks, LOUD, None, None)] == list(risks)
    assert heard.cost_s(MOAN) == pytest.approx(0.05)
    assert heard.cost_s(SING) == 0.0
    assert heard.cost_s(MOAN | {RiskType.ABUSE}) == heard.cost_s(MOAN), "words are not listened for"
    assert heard.cost_s(frozenset({RiskType.ABUSE})) == 0.0
    assert heard.cost_s(MOAN | SING) == heard.cost_s(MOAN), "it is not known; this is the dearest"


def test_silence_makes_it_cheaper() -> None:
    heard = listener(Slow(RiskType.MOAN, 0.02))
    heard.hear(MOAN, LOUD, None, None)
    before_s = heard.cost_s(MOAN)
    for _ in range(20):
        heard.hear(MOAN, SILENT, None, None)
    assert heard.cost_s(MOAN) == pytest.approx(0.95**20 * before_s)


def test_the_first_time_does_not_count() -> None:
    slow = Slow(RiskType.MOAN, 0.02)
    heard = listener(slow)
    heard.warm_up(LOUD)
    assert slow.asked == 2
    assert heard.cost_s(MOAN) == pytest.approx(0.02)


def test_an_average_follows_and_what_was_not_heard_longest_is_forgotten() -> None:
    cost = ListeningCost()
    cost.note(MOAN, 1.0)
    cost.note(MOAN, 2.0)
    assert cost.of(MOAN) == pytest.approx(1.05)
    cost.note(SING, 0.5)
    cost.note(MOAN, 1.05)
    others = [frozenset({risk}) for risk in RiskType if risk not in {RiskType.MOAN, RiskType.SING}]
    pairs = [one | other for one in others for other in others if one != other][: MOST_SETS * 2]
    for pair in pairs:
        cost.note(pair, 0.1)
    assert cost.of(MOAN) == pytest.approx(0.1), "forgotten: the dearest known"
