"""An error of our own in one user's stream. It is logged with its traceback, for which files are read."""

from __future__ import annotations

from pipeline.audio import LostWindow, Window
from tests.support.pulled_room import FakeRoster, House


async def test_a_fault_of_ours_in_one_stream_costs_the_others_nothing() -> None:
    house = House(FakeRoster("ann", "bob"), {"ann": [None]})
    async with house.running():
        await house.wait_for(lambda: any(isinstance(each, Window) for each in house.of("ann")))
    assert [type(each) for each in house.of("ann")] == [LostWindow, Window]
    assert len(house.of("bob")) == 1
