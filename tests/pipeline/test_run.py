"""What all runs whose windows are handed over have in common, whatever they hear."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.rooms.channel import Channel, Listener, Membership
from pipeline.rooms.source import RoomSource
from pipeline.run import SourceRun
from pipeline.source import Position
from tests.support.listening import QUICK, source
from tests.support.pulled_room import START, FakeRoster, House

CHANNEL = Channel("app", "talk", "t", 0, mixed=True, broadcast=True)


def never_joined(_: Channel, __: Listener) -> Membership:
    raise AssertionError("a run that was stopped joins nothing")


RUNS: dict[str, Callable[[], SourceRun]] = {
    "an address": lambda: source("rtmp://127.0.0.1:1/live/a"),
    "a channel": lambda: RoomSource(never_joined, CHANNEL, Position(), QUICK, name="test"),
    "a room": lambda: House(FakeRoster("ann")).source(START),
}


@pytest.mark.parametrize("kind", RUNS)
async def test_what_was_stopped_before_it_began_never_begins(kind: str) -> None:
    run = RUNS[kind]()
    await run.stop()
    assert [each async for each in run.windows()] == []
    await run.stop()
    with pytest.raises(RuntimeError, match="a source runs once"):
        await anext(run.windows())
