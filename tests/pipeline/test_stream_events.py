"""What a stream tells besides its windows, and what it keeps of the windows that it skips."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.report import EventType, Gap, RiskLevel
from pipeline.source import Position, SourceError, SourceFault
from tests.support.room import Room
from tests.support.streams import OneList, Sources, Step, WordClassifier, spec, spoken_window

pytestmark = pytest.mark.usefixtures("nothing_blocks")


@pytest.fixture(name="threads")
def _threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


async def test_skipped_windows_leave_the_text_and_the_clip_before(threads: ThreadPoolExecutor) -> None:
    """The text is of the window that was moderated last, the clip begins with the one just before."""
    room = Room(
        Sources([spoken_window(index) for index in range(4)], live=False),
        "and then you stupid",
        "idiot went away",
        classifiers=[WordClassifier("stupid idiot")],
        stream=spec(moderate_every=3, previous_text=True, previous_clip=True),
        executor=threads,
    )
    await room.run()
    first, second = room.sink.reports
    assert (first.text, second.text) == ("and then you stupid", "and then you stupid idiot went away")
    assert second.level is RiskLevel.PASS, "the words were said 20 s apart"
    assert room.clips.made == [(0, None), (3, 2)]
    assert (first.previous_clip_url, second.previous_clip_url) == ("clip-0", "pre-3")


async def test_findings_keep_their_place_behind_text_that_is_only_shown(threads: ThreadPoolExecutor) -> None:
    room = Room(
        Sources([spoken_window(index) for index in range(3)], live=False),
        "one more",
        "you idiot",
        stream=spec(moderate_every=2, previous_text=True),
        lists=OneList("you"),
        executor=threads,
    )
    await room.run()
    report = room.sink.reports[1]
    assert report.text == "one more you idiot"
    assert [report.text[span.start : span.end] for span in report.findings[0].spans] == ["idiot"]
    assert [report.text[span.start : span.end] for span in report.list_matches[0].spans] == ["you"]


async def test_a_stream_that_stalls_says_so_once_and_when_it_goes_on(threads: ThreadPoolExecutor) -> None:
    script: list[Step] = [spoken_window(0), 0.3, spoken_window(1), spoken_window(2)]
    room = Room(Sources(script, live=False), stalled_s=0.1, executor=threads)
    await room.run()
    assert room.sink.states == ["started", "stalled", "resumed"]
    assert room.indices == [0, 1, 2]


async def test_events_and_gaps_tell_why_and_what_is_missing(threads: ThreadPoolExecutor) -> None:
    gone = SourceError(SourceFault.NO_SUCH_STREAM, "gone")
    end = SourceError(SourceFault.NO_SUCH_STREAM, "gone", retryable=False)
    room = Room(
        Sources([spoken_window(0), spoken_window(1, samples=64_000), gone], [spoken_window(5), end]),
        executor=threads,
    )
    await room.run()
    assert [(event.type, event.fault) for event in room.sink.events] == [
        (EventType.STARTED, None),
        (EventType.RECONNECTING, SourceFault.NO_SUCH_STREAM),
        (EventType.RESUMED, None),
        (EventType.GAP, None),
    ]
    assert {event.at for event in room.sink.events} == {2000.0}
    assert room.gaps == [Gap(1014.0, 1050.0, range(2, 5))]


async def test_what_was_heard_before_a_restart_counts(threads: ThreadPoolExecutor) -> None:
    source = Sources([spoken_window(7), spoken_window(8)], live=False)
    room = Room(source, position=Position(1000.0, 6), heard_s=55.5, executor=threads)
    assert (await room.run()).streamed_s == 75.5
    assert room.sink.heard_s == 75.5
    assert room.gaps == [Gap(1060.0, 1070.0, range(6, 7))], "what passed while nobody listened"
