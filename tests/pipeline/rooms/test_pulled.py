"""A room whose users are pulled: who comes is heard, who goes is not missed, a roster may fail a while."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from pipeline.audio import WINDOW_S, Loss, LostWindow, Window
from pipeline.handover import MAX_ITEMS
from pipeline.rooms.pulled import TOLD_EVERY
from pipeline.rooms.roster import Ask, Roll
from pipeline.rooms.voices import MAX_USERS
from pipeline.source import OverrunError, Position, SourceError, SourceFault
from tests.support.listening import take
from tests.support.pulled_room import FOR_EVER, ORIGIN, FakeRoster, House, until
from tests.support.streams import Step, spoken_window

pytestmark = pytest.mark.usefixtures("nothing_blocks")

MOST = MAX_ITEMS * MAX_USERS
"""Windows of a room that may wait."""
DOWN = SourceError(SourceFault.CANNOT_OPEN, "the roster answers 503")
BROKEN = SourceError(SourceFault.CANNOT_OPEN, "the connection broke off")


async def test_users_come_and_go_while_the_others_are_heard() -> None:
    house = House(FakeRoster("ann", "bot"))
    async with house.running(Position(ORIGIN, 7)) as source:
        await house.wait_for(lambda: bool(house.taken))
        house.roster.users = ["ann", "bob"]
        await house.wait_for(lambda: bool(house.of("bob")))
        house.roster.users = ["bob"]
        await until(lambda: house.streams["ann"].stopped)
        await house.roster.asked_again()
        assert [user for user, stream in house.streams.items() if stream.stopped] == ["ann"]
        assert source.live
    assert house.streams["bob"].stopped
    assert house.told() == [(7, "ann", 0), (8, "bob", 0)], "numbers go on, places are the timeline's"
    assert house.opened == [("ann", Position(ORIGIN, 0)), ("bob", Position(ORIGIN, 0))]
    assert house.error is None


async def test_a_stream_is_pulled_again_while_its_user_is_there() -> None:
    first, second, last = (spoken_window(index, ORIGIN) for index in range(3))
    house = House(FakeRoster("ann", "bob"), {"ann": [[first], [second, BROKEN], [BROKEN], [last, FOR_EVER]]})
    async with house.running():
        await house.wait_for(lambda: len(house.of("ann")) == 4)
    lost = house.of("ann")[2]
    assert isinstance(lost, LostWindow)
    assert (lost.loss, lost.slot) == (Loss.UNHEARD, 0), "the second failure in a row is told"
    assert [each.slot for each in house.of("ann") if isinstance(each, Window)] == [0, 1, 2]
    assert sorted(user for user, _ in house.opened) == ["ann"] * 4 + ["bob"]


async def test_the_log_names_the_user() -> None:
    house = House(FakeRoster("ann", "bob"), {"ann": [[BROKEN], [spoken_window(0, ORIGIN), FOR_EVER]]})
    with capture_logs(processors=[merge_contextvars]) as logs:
        async with house.running():
            await house.wait_for(lambda: len(house.taken) == 2)
    told = [each for each in logs if each["event"] == "room_user_reconnecting"]
    assert [each["user"] for each in told] == ["ann"]


async def test_what_cannot_get_better_is_told_too() -> None:
    refused = SourceError(SourceFault.CANNOT_OPEN, "the host is not allowed", retryable=False)
    house = House(FakeRoster("ann"), {"ann": [[refused], [refused], [spoken_window(3, ORIGIN), FOR_EVER]]})
    async with house.running():
        await house.wait_for(lambda: len(house.taken) == 2)
    assert [type(each) for each in house.taken] == [LostWindow, Window]


async def test_who_sends_pictures_and_no_sound_is_muted() -> None:
    muted = SourceError(SourceFault.NO_AUDIO, "no audio for 15 s, though other data comes")
    house = House(
        FakeRoster("ann"), {"ann": [[muted], [muted], [muted], [spoken_window(3, ORIGIN), FOR_EVER]]}
    )
    async with house.running():
        await house.wait_for(lambda: bool(house.taken))
    assert house.told() == [(0, "ann", 3)]


async def test_who_is_beyond_the_limit_is_told_as_lost() -> None:
    users = [f"u{number}" for number in range(MAX_USERS)]
    house = House(FakeRoster(*users, "late"))
    async with house.running():
        await house.wait_for(lambda: len(house.taken) == MAX_USERS + 1)
        await house.roster.asked_again()
        house.roster.users = [*users[1:], "late"]
        await house.wait_for(lambda: any(isinstance(each, Window) for each in house.of("late")))
    lost, heard = house.of("late")
    assert isinstance(lost, LostWindow)
    assert lost.loss is Loss.SURPLUS
    assert heard.index == MAX_USERS + 1
    assert sorted(each.index for each in house.taken) == list(range(MAX_USERS + 2))


async def test_who_is_beyond_the_limit_for_long_is_told_once_a_minute() -> None:
    house = House(FakeRoster(*[f"u{number}" for number in range(MAX_USERS)], "late"))
    async with house.running():
        await house.wait_for(lambda: len(house.taken) == MAX_USERS + 1)
        for _ in range(TOLD_EVERY - 1):
            house.now += WINDOW_S
            await house.roster.asked_again()
            assert len(house.of("late")) == 1
        house.now += WINDOW_S
        await house.wait_for(lambda: len(house.of("late")) == 2)
    assert [each.slot for each in house.of("late")] == [0, TOLD_EVERY]


async def test_a_roster_that_fails_ends_nothing_for_those_who_are_heard() -> None:
    window = spoken_window(0, ORIGIN)
    talking: list[Step] = [step for index in range(1000) for step in (replace(window, index=index), 0.02)]
    house = House(FakeRoster("ann"), {"ann": [talking]})
    async with house.running(blind_s=1.0) as source:
        await house.wait_for(lambda: bool(house.taken))
        assert not source.blind
        house.roster.error = DOWN
        await until(lambda: source.blind)
        heard = len(house.taken)
        await house.wait_for(lambda: len(house.taken) > heard + 5)
        house.roster.error = None
        await until(lambda: not source.blind)
        house.roster.users = ["ann", "bob"]
        await house.wait_for(lambda: bool(house.of("bob")))
    assert len([user for user, _ in house.opened if user == "ann"]) == 1
    assert house.error is None


async def test_entries_that_cannot_be_used_are_told_once_and_again_when_they_change() -> None:
    house = House(FakeRoster("ann"))
    house.roster.unusable = 2
    with capture_logs() as logs:
        async with house.running():
            for unusable in (2, 2, 3, 3, 0, 0):
                house.roster.unusable = unusable
                await house.roster.asked_again()
    told = [each for each in logs if each["event"] == "roster_entries_not_usable"]
    assert [(each["request_id"], each["count"]) for each in told] == [("test", 2), ("test", 3), ("test", 0)]


async def test_more_windows_than_may_wait_end_the_run_for_all_and_none_is_lost() -> None:
    many: list[Step] = [LostWindow(index, ORIGIN, 10.0) for index in range(MOST + 10)]
    last = [*many[MOST - 10 :], spoken_window(MOST + 10, ORIGIN), FOR_EVER]
    # With pauses, so that the loop goes on; none from before there are too many until the end.
    script = [
        each for at in range(0, MOST - 10, 500) for each in (*many[at : min(at + 500, MOST - 10)], 0.001)
    ]
    house = House(FakeRoster("ann", "bob"), {"ann": [[*script, *last]]})
    source = house.source(Position(ORIGIN, 0))
    windows = source.windows()
    try:
        async with asyncio.timeout(20):
            first = await anext(windows)
            await until(
                lambda: len(house.streams) == 2 and all(each.stopped for each in house.streams.values())
            )
            others, error = await take(windows)
    finally:
        await source.stop()
    assert isinstance(error, OverrunError)
    assert sorted(user for user, _ in house.opened) == ["ann", "bob"], "nobody's own stream has failed"
    taken = [first, *others]
    assert [each.index for each in taken] == list(range(MOST + 12))
    assert [each.slot for each in taken if each.user == "ann"] == list(range(MOST + 11))


async def test_when_nobody_is_heard_a_roster_that_fails_is_a_lost_connection() -> None:
    house = House(FakeRoster("ann"))
    async with house.running(blind_s=0.1) as source:
        await house.wait_for(lambda: bool(house.taken))
        house.roster.error = DOWN
        await house.wait_for(lambda: house.error is not None)
        assert source.live
    assert isinstance(house.error, SourceError)
    assert (house.error.fault, house.error.retryable) == (SourceFault.CANNOT_OPEN, True)
    assert house.streams["ann"].stopped


async def test_a_roster_that_never_answered_is_why_the_room_cannot_be_opened() -> None:
    house = House(FakeRoster("ann"))
    house.roster.error = DOWN
    async with house.running():
        await house.wait_for(lambda: house.error is not None)
    assert house.error is DOWN
    assert house.roster.asked == 1, "when it is asked again the stream decides"


async def test_a_room_that_everybody_has_left_has_ended() -> None:
    house = House(FakeRoster("ann"))
    async with house.running(empty_s=0.3) as source:
        await house.wait_for(lambda: bool(house.taken))
        house.roster.users = []
        await until(lambda: not source.live)
    assert house.error is None


async def test_a_room_into_which_nobody_came_is_none() -> None:
    house = House(FakeRoster("bot"))
    async with house.running(empty_s=0.1):
        await house.wait_for(lambda: house.error is not None)
    assert isinstance(house.error, SourceError)
    assert (house.error.fault, house.error.retryable) == (SourceFault.NO_SUCH_STREAM, False)


async def test_stopping_waits_for_no_roster() -> None:
    class Slow(FakeRoster):
        async def call(self, _: Ask) -> Roll:
            self.asked += 1
            await asyncio.sleep(FOR_EVER)
            return Roll()

    house = House(Slow())
    async with house.running() as source:
        await until(lambda: bool(house.roster.asked))
        await source.stop()
    assert house.taken == []
