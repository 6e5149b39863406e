"""One stream: the order of its stages, reconnects, failures, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs

from config.taxonomy import RiskType
from daemon.storage.interfaces import StorageError
from models.errors import OverloadedError, RecognitionError
from pipeline.audio import LostWindow
from pipeline.report import Failure, Gap, RiskLevel
from pipeline.source import Position, SourceError, SourceFault
from tests.support.room import Room
from tests.support.streams import (
    FakeClips,
    OneList,
    RecordingSink,
    Sources,
    Step,
    WordClassifier,
    spec,
    spoken_window,
)

pytestmark = pytest.mark.usefixtures("nothing_blocks")

REFUSED = SourceError(SourceFault.CANNOT_OPEN, "refused")


class BrokenSink(RecordingSink):
    """Fails when it is told how far the stream has come."""

    async def advance(self, position: Position, heard_s: float) -> None:
        raise ValueError("a fault of ours")


@pytest.fixture(name="threads")
def _threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


async def test_a_recording_is_moderated_to_its_end(threads: ThreadPoolExecutor) -> None:
    room = Room(
        Sources([spoken_window(0), spoken_window(1, samples=48_000)], live=False),
        "hello there",
        "you idiot",
        executor=threads,
    )
    end = await room.run()
    assert (end.fault, end.streamed_s) == (None, 13.0)
    first, second = room.sink.reports
    assert (first.level, first.findings, first.text) == (RiskLevel.PASS, (), "hello there")
    assert second.level is RiskLevel.REJECT
    assert [second.text[span.start : span.end] for span in second.findings[0].spans] == ["idiot"]
    assert (second.clip_url, second.ended_at) == ("clip-1", 1013.0)
    assert room.sink.positions == [Position(1000.0, 1), Position(1000.0, 2)]
    assert room.sink.states == ["started"]
    assert room.transcriber.deadlines == [None, None], "a recording waits for its turn"


async def test_a_fault_of_ours_costs_its_window_alone(threads: ThreadPoolExecutor) -> None:
    room = Room(
        Sources([spoken_window(0), spoken_window(1), spoken_window(2)], live=False),
        "hello there",
        ValueError("said: something private"),
        "you idiot",
        executor=threads,
    )
    with capture_logs() as logs:
        end = await room.run()
    assert (end.fault, end.streamed_s) == (None, 30.0)
    assert [report.failure for report in room.sink.reports] == [None, Failure.MODEL, None]
    [crash] = [entry for entry in logs if entry["event"] == "analysis_crashed"]
    assert (crash["window"], crash["error"]) == (1, "ValueError")
    assert "private" not in str(logs)


async def test_windows_that_are_skipped_were_streamed_too(threads: ThreadPoolExecutor) -> None:
    room = Room(
        Sources([spoken_window(index) for index in range(5)], live=False),
        "hello there",
        stream=spec(moderate_every=4),
        executor=threads,
    )
    assert (await room.run()).streamed_s == 50.0


async def test_only_what_was_asked_for_is_found(threads: ThreadPoolExecutor) -> None:
    room = Room(
        Sources([spoken_window(0)], live=False),
        "you idiot",
        stream=spec(risks=frozenset({RiskType.AD}), report_all=False),
        executor=threads,
    )
    await room.run()
    assert room.sink.reports == []
    assert room.clips.made == []
    assert room.sink.positions == [Position(1000.0, 1)], "settled all the same"


async def test_nobody_asked_for_words(threads: ThreadPoolExecutor) -> None:
    room = Room(
        Sources([spoken_window(0)], live=False),
        "x",
        stream=spec(risks=frozenset({RiskType.MOAN})),
        executor=threads,
    )
    await room.run()
    assert room.transcriber.deadlines == [], "words cost time that nobody asked for"
    assert room.sink.reports[0].level is RiskLevel.PASS


async def test_a_phrase_across_the_border_belongs_to_the_second_window(threads: ThreadPoolExecutor) -> None:
    room = Room(
        Sources([spoken_window(0), spoken_window(1), spoken_window(2)], live=False),
        "and then you stupid",
        "idiot went away",
        "all is well",
        classifiers=[WordClassifier("stupid idiot")],
        executor=threads,
    )
    await room.run()
    assert [report.level for report in room.sink.reports] == [
        RiskLevel.PASS,
        RiskLevel.REJECT,
        RiskLevel.PASS,
    ]
    second = room.sink.reports[1]
    assert [second.text[span.start : span.end] for span in second.findings[0].spans] == ["idiot"]


async def test_with_previous_text_the_whole_phrase_has_its_place(threads: ThreadPoolExecutor) -> None:
    room = Room(
        Sources([spoken_window(0), spoken_window(1)], live=False),
        "x" * 100 + " you stupid",
        "idiot went away",
        classifiers=[WordClassifier("stupid idiot")],
        stream=spec(previous_text=True),
        executor=threads,
    )
    await room.run()
    second = room.sink.reports[1]
    assert second.text.endswith("you stupid idiot went away")
    assert [second.text[span.start : span.end] for span in second.findings[0].spans] == ["stupid idiot"]


async def test_a_gap_parts_phrases(threads: ThreadPoolExecutor) -> None:
    room = Room(
        Sources([spoken_window(0), spoken_window(2)], live=False),
        "you stupid",
        "idiot",
        classifiers=[WordClassifier("stupid idiot")],
        stream=spec(previous_text=True, previous_clip=True),
        executor=threads,
    )
    await room.run()
    assert [report.level for report in room.sink.reports] == [RiskLevel.PASS, RiskLevel.PASS]
    assert room.sink.reports[1].text == "idiot"
    assert room.clips.made == [(0, None), (2, None)]
    assert room.gaps == [Gap(1010.0, 1020.0, range(1, 2))]


async def test_the_previous_clip_is_made_when_asked_for(threads: ThreadPoolExecutor) -> None:
    room = Room(
        Sources([spoken_window(0), spoken_window(1)], live=False),
        stream=spec(previous_clip=True),
        executor=threads,
    )
    await room.run()
    assert room.clips.made == [(0, None), (1, 0)]
    assert [report.previous_clip_url for report in room.sink.reports] == ["clip-0", "pre-1"]


async def test_a_customers_word_is_rejected(threads: ThreadPoolExecutor) -> None:
    room = Room(
        Sources([spoken_window(0)], live=False), "buy acme now", lists=OneList("acme"), executor=threads
    )
    await room.run()
    report = room.sink.reports[0]
    assert report.level is RiskLevel.REJECT
    assert report.findings == ()
    assert [(match.word, match.spans[0].start) for match in report.list_matches] == [("acme", 4)]


async def test_a_verdict_goes_out_without_its_clip_when_the_store_fails(threads: ThreadPoolExecutor) -> None:
    room = Room(
        Sources([spoken_window(0)], live=False),
        "idiot",
        clips=FakeClips(StorageError("full")),
        executor=threads,
    )
    await room.run()
    assert (room.sink.reports[0].level, room.sink.reports[0].clip_url) == (RiskLevel.REJECT, "")


@pytest.mark.parametrize(
    ("error", "failure"),
    [(OverloadedError("full"), Failure.OVERLOAD), (RecognitionError("broken"), Failure.MODEL)],
)
async def test_a_window_that_cannot_be_moderated_is_reported(
    error: Exception, failure: Failure, threads: ThreadPoolExecutor
) -> None:
    room = Room(
        Sources([spoken_window(0), spoken_window(1)], live=False),
        error,
        "fine",
        stream=spec(report_all=False),
        executor=threads,
    )
    await room.run()
    assert [(report.index, report.failure) for report in room.sink.reports] == [(0, failure)]
    assert room.sink.positions[-1].next_index == 2


async def test_lost_windows_are_reported_in_their_place(threads: ThreadPoolExecutor) -> None:
    script: list[Step] = [spoken_window(0), LostWindow(1, 1000.0, 10.0), spoken_window(2)]
    room = Room(Sources(script, live=False), executor=threads)
    await room.run()
    assert [(report.index, report.failure) for report in room.sink.reports] == [
        (0, None),
        (1, Failure.OVERLOAD),
        (2, None),
    ]


async def test_windows_are_skipped_when_asked(threads: ThreadPoolExecutor) -> None:
    script = [spoken_window(index) for index in range(7)]
    room = Room(Sources(script, live=False), stream=spec(moderate_every=3), executor=threads)
    await room.run()
    assert room.indices == [0, 3, 6]


async def test_a_live_stream_is_pulled_again_where_it_stopped(threads: ThreadPoolExecutor) -> None:
    room = Room(Sources([spoken_window(0), REFUSED], [], [spoken_window(4), 30.0]), executor=threads)
    running = asyncio.create_task(room.run())
    async with asyncio.timeout(20):
        await room.sink.wait_for(2)
    await room.stream.finish()
    end = await running
    assert end.fault is None
    assert room.indices == [0, 4]
    assert room.sources.opened == [Position(), Position(1000.0, 1), Position(1000.0, 1)]
    assert room.sink.states == ["started", "reconnecting", "reconnecting", "resumed"]
    assert None not in room.transcriber.deadlines, "a live window is not kept waiting"


async def test_a_live_stream_that_stays_away_ends_with_its_reason(threads: ThreadPoolExecutor) -> None:
    room = Room(Sources(*([REFUSED] for _ in range(4))), executor=threads)
    end = await room.run()
    assert (end.fault, end.reason, end.streamed_s) == (SourceFault.CANNOT_OPEN, "refused", 0.0)
    assert len(room.sources.opened) == 4, "the first time, and three tries"


async def test_a_refused_address_is_not_tried_again(threads: ThreadPoolExecutor) -> None:
    refused = SourceError(SourceFault.CANNOT_OPEN, "a private address", retryable=False)
    room = Room(Sources([refused]), executor=threads)
    assert (await room.run()).fault is SourceFault.CANNOT_OPEN
    assert len(room.sources.opened) == 1


async def test_finishing_while_waiting_for_a_try_is_immediate(threads: ThreadPoolExecutor) -> None:
    room = Room(Sources([30.0]), executor=threads)
    running = asyncio.create_task(room.run())
    async with asyncio.timeout(20):
        while not room.sources.made:  # noqa: ASYNC110 - the fake has no event
            await asyncio.sleep(0.005)
    await room.stream.finish()
    assert (await running).fault is None
    assert room.sources.made[0].stopped


async def test_a_stream_that_is_resumed_says_so(threads: ThreadPoolExecutor) -> None:
    room = Room(Sources([spoken_window(7)], live=False), position=Position(900.0, 7), executor=threads)
    await room.run()
    assert room.sources.opened == [Position(900.0, 7)]
    assert room.sink.states == ["resumed"]


async def test_a_crash_of_a_stage_stops_the_source(threads: ThreadPoolExecutor) -> None:
    room = Room(Sources([spoken_window(0), 30.0]), "hello", sink=BrokenSink(), executor=threads)
    with pytest.raises(ExceptionGroup) as caught:
        await room.run()
    assert caught.group_contains(ValueError, match="a fault of ours")
    assert room.sources.made[0].stopped
