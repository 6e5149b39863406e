"""A room's users, moderated one by one: nobody hears the other, nobody waits for the other, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from config.errors import AudiowardenError
from pipeline.audio import Loss, LostWindow
from pipeline.report import EventType, Failure, Gap, RiskLevel, StreamSpec, WindowReport
from pipeline.rooms.channel import Channel
from pipeline.source import OverrunError, Position, Source, SourceError, SourceFault
from tests.support.pulled_room import FOR_EVER, FakeRoster, House, until
from tests.support.room import Room
from tests.support.streams import (
    FakeClips,
    RecordingSink,
    Sources,
    Step,
    WordClassifier,
    spec,
    spoken_window,
    voiced_window,
)

pytestmark = pytest.mark.usefixtures("nothing_blocks")

CHANNEL = Channel("app", "talk", "t", 0, mixed=False, broadcast=True)
SEPARATE = spec(channel=CHANNEL)
LOST = SourceError(SourceFault.CANNOT_OPEN, "the connection to the channel was lost")


@pytest.fixture(name="threads")
def _threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


@pytest.fixture(name="one_thread")
def _one_thread() -> Iterator[ThreadPoolExecutor]:
    """Users who are judged at the same time are read in the order of their windows."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


class PulledRooms(Sources):
    """Opens a room whose users are pulled."""

    def __init__(self, house: House, *, blind_s: float) -> None:
        super().__init__()
        self._house = house
        self._blind_s = blind_s

    def open(self, _: StreamSpec, position: Position) -> Source:
        self.opened.append(position)
        return self._house.source(position, blind_s=self._blind_s)


class CrashingSink(RecordingSink):
    """Remembers what was settled when the process died in the middle of telling a window."""

    async def window(self, report: WindowReport) -> None:
        if report.index == 1:
            raise ConnectionAbortedError
        await super().window(report)


async def test_a_phrase_goes_on_in_the_next_window_of_the_same_user_alone(
    one_thread: ThreadPoolExecutor,
) -> None:
    script: list[Step] = [
        voiced_window(0, "11", 0),
        voiced_window(1, "22", 0),
        voiced_window(2, "22", 1),
        voiced_window(3, "11", 1),
    ]
    room = Room(
        Sources(script, live=False),
        "and then you stupid",
        "all is well",
        "idiot went away",
        "idiot came back",
        classifiers=[WordClassifier("stupid idiot")],
        stream=spec(channel=CHANNEL, previous_clip=True),
        executor=one_thread,
    )
    end = await room.run()
    told = [(report.index, report.user, report.level) for report in room.sink.reports]
    assert told == [
        (0, "11", RiskLevel.PASS),
        (1, "22", RiskLevel.PASS),
        (2, "22", RiskLevel.PASS),
        (3, "11", RiskLevel.REJECT),
    ]
    assert room.clips.made == [(0, None), (1, None), (2, 1), (3, 0)], "the clip before is the user's own"
    assert [report.stream_time_s for report in room.sink.reports] == [10.0, 10.0, 20.0, 20.0]
    assert end.streamed_s == 20.0


async def test_users_are_judged_at_the_same_time_and_told_in_order(threads: ThreadPoolExecutor) -> None:
    users = [str(number) for number in range(8)]
    script: list[Step] = [voiced_window(number, user, 0) for number, user in enumerate(users)]
    room = Room(Sources(script, live=False), stream=SEPARATE, executor=threads)
    together = asyncio.Barrier(len(users))
    room.transcriber.wait = together.wait
    await room.run()
    assert [(report.index, report.user) for report in room.sink.reports] == list(enumerate(users))
    assert [position.next_index for position in room.sink.positions] == [1, 2, 3, 4, 5, 6, 7, 8]


async def test_an_index_is_used_up_before_its_window_is_told(threads: ThreadPoolExecutor) -> None:
    sink = CrashingSink()
    room = Room(
        Sources([voiced_window(0, "11", 0), voiced_window(1, "22", 0)], live=False),
        stream=SEPARATE,
        sink=sink,
        executor=threads,
    )
    with pytest.raises(ExceptionGroup):
        await room.run()
    assert sink.positions[-1].next_index == 2, "whatever became of window 1, there will be no second one"


async def test_a_lost_connection_is_a_gap_and_silence_is_not(threads: ThreadPoolExecutor) -> None:
    first: list[Step] = [voiced_window(0, "11", 0), 0.3, voiced_window(1, "11", 40), LOST]
    second: list[Step] = [voiced_window(2, "22", 120, 1000.0), FOR_EVER]
    sources = Sources(first, second, live=True)
    room = Room(sources, stream=SEPARATE, stalled_s=0.1, executor=threads)
    running = asyncio.create_task(room.run(), name="run")
    await room.sink.wait_for(3)
    await room.stream.finish()
    await running
    assert [position.next_index for position in sources.opened[:2]] == [0, 2]
    assert room.sink.states[:3] == ["started", "reconnecting", "resumed"], "no stall"
    # The clock of this room stands at 2000.
    assert room.gaps == [Gap(2000.0, 2200.0, range(0))]
    events = [event.type for event in room.sink.events]
    assert events.index(EventType.GAP) == events.index(EventType.RESUMED) + 1


async def test_what_came_after_too_many_windows_waited_is_a_gap(threads: ThreadPoolExecutor) -> None:
    # The clock of this room stands at 2000: long after the run ended, whose windows nobody had taken.
    first: list[Step] = [voiced_window(0, "11", 3), LostWindow(1, 1000.0, 10.0, "22", 2), OverrunError()]
    second: list[Step] = [voiced_window(2, "22", 120)]
    room = Room(Sources(first, second, live=True), stream=SEPARATE, executor=threads)
    running = asyncio.create_task(room.run(), name="run")
    await room.sink.wait_for(3)
    await room.stream.finish()
    await running
    assert room.gaps == [Gap(1040.0, 2200.0, range(0))]


async def test_after_a_restart_it_goes_on_counting_and_tells_the_gap(threads: ThreadPoolExecutor) -> None:
    sources = Sources([voiced_window(9, "11", 30)], live=False)
    room = Room(sources, stream=SEPARATE, position=Position(1000.0, 9), heard_s=123.0, executor=threads)
    end = await room.run()
    assert sources.opened == [Position(1000.0, 9)]
    assert room.gaps == [Gap(1123.0, 1300.0, range(0))]
    assert room.sink.positions == [Position(1000.0, 10)]
    assert end.streamed_s == 310.0


async def test_skipped_windows_are_skipped_by_their_place(threads: ThreadPoolExecutor) -> None:
    script: list[Step] = [
        voiced_window(2 * slot + user, str(user), slot) for slot in range(4) for user in (0, 1)
    ]
    room = Room(Sources(script, live=False), stream=spec(channel=CHANNEL, moderate_every=2), executor=threads)
    await room.run()
    assert room.indices == [0, 1, 4, 5]
    assert room.sink.positions[-1] == Position(1000.0, 8)


@pytest.mark.parametrize(
    ("made", "event"), [(ValueError("private"), "analysis_crashed"), ("all is well", "clip_not_stored")]
)
async def test_the_log_names_the_user(made: str | Exception, event: str, threads: ThreadPoolExecutor) -> None:
    room = Room(
        Sources([voiced_window(0, "11", 0), voiced_window(1, "22", 0)], live=False),
        made,
        made,
        clips=FakeClips(AudiowardenError("no room")),
        stream=SEPARATE,
        executor=threads,
    )
    with capture_logs(processors=[merge_contextvars]) as logs:
        await room.run()
    told = [(each["window"], each["user"]) for each in logs if each["event"] == event]
    assert sorted(told) == [(0, "11"), (1, "22")]


async def test_whoever_is_not_listened_to_is_told_as_not_moderated(threads: ThreadPoolExecutor) -> None:
    surplus = LostWindow(1, 1000.0, 0.0, "33", 0, loss=Loss.SURPLUS)
    late = LostWindow(2, 1000.0, 10.0, "11", 1)
    script: list[Step] = [voiced_window(0, "11", 0), surplus, late, FOR_EVER]
    room = Room(Sources(script), stream=SEPARATE, executor=threads)
    running = asyncio.create_task(room.run(), name="run")
    await room.sink.wait_for(3)
    await room.stream.finish()
    await running
    assert [(report.user, report.failure) for report in room.sink.reports] == [
        ("11", None),
        ("33", Failure.SURPLUS),
        ("11", Failure.OVERLOAD),
    ]


async def test_a_roster_that_fails_is_told_as_a_stall_and_the_users_are_heard(
    threads: ThreadPoolExecutor,
) -> None:
    window = spoken_window(0)
    talking: list[Step] = [step for slot in range(1000) for step in (replace(window, index=slot), 0.02)]
    house = House(FakeRoster("ann"), {"ann": [talking]})
    sources = PulledRooms(house, blind_s=1.0)
    room = Room(sources, stream=spec(room=house.room, report_all=False), stalled_s=0.05, executor=threads)
    running = asyncio.create_task(room.run(), name="run")
    try:
        await until(lambda: room.sink.states == ["started"])
        house.roster.error = LOST
        await until(lambda: len(room.sink.states) == 2)
        heard = len(room.sink.analyses)
        await until(lambda: len(room.sink.analyses) > heard)
        house.roster.error = None
        await until(lambda: len(room.sink.states) == 3)
    finally:
        await room.stream.finish()
    assert (await running).fault is None
    assert room.sink.states == ["started", "stalled", "resumed"]
    assert len(house.opened) == 1
