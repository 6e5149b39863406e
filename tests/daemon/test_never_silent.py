"""Whatever becomes of a stream, its platform is told: events in order, 1903 and 1904, and how long it was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon.contracts.audiostream.contract import AudioStreamCall
from daemon.registry import MAX_CRASHES
from pipeline.audio import LostWindow
from pipeline.report import StreamSpec
from pipeline.source import Position, SourceError, SourceFault
from tests.daemon.contracts.requests import request
from tests.daemon.test_registry import CONTRACT, down_to, house
from tests.support.consumer import Consumer
from tests.support.streams import Step, spoken_window

pytestmark = pytest.mark.usefixtures("nothing_blocks")

ID = "e" * 32
GONE = SourceError(SourceFault.NO_SUCH_STREAM, "nobody publishes")


def call(consumer: Consumer, account: str = "acme", **data: Any) -> AudioStreamCall:
    body = request(callback=consumer.url, acceptLang="en", data={"returnAllText": 1, **data})
    return CONTRACT.accept(ID, account, body)


def told(consumer: Consumer) -> list[str]:
    """The number of every window, the type of every event, the code of whatever is neither."""
    return [
        body["streamEvent"]["type"]
        if "streamEvent" in body
        else body["requestId"].rpartition("_")[2]
        if body["code"] == 1100
        else str(body["code"])
        for body in consumer.taken
    ]


async def test_a_pull_that_is_given_up_says_so_without_a_finish_notice(tmp_path: Path) -> None:
    async with Consumer() as consumer, house(tmp_path, lambda *_: [GONE]) as made:
        await made.registry.start("audiostream", call(consumer), limit=0)
        await consumer.wait_for(lambda: bool(consumer.taken), 20)
        await down_to(made.registry, 0)
    message = "Stream pull failed: 3003, the stream is not moderated any more"
    assert consumer.taken == [{"requestId": f"{ID}_0", "code": 1904, "message": message}]


async def test_an_ordinary_end_that_nobody_asked_about_is_quiet(tmp_path: Path) -> None:
    script: list[Step] = [spoken_window(0)]
    async with Consumer() as consumer, house(tmp_path, lambda *_: script, live=False) as made:
        await made.registry.start("audiostream", call(consumer), limit=0)
        await consumer.wait_for(lambda: bool(consumer.taken), 20)
        await down_to(made.registry, 0)
    assert told(consumer) == ["0"]


async def test_an_error_of_ours_is_no_ordinary_finish(tmp_path: Path) -> None:
    def script(*_: object) -> Sequence[Step]:
        raise ZeroDivisionError

    asked = {"returnFinishInfo": 1}
    with capture_logs():  # a traceback is too slow to print where nothing may block
        async with Consumer() as consumer, house(tmp_path, script, crash_retry_s=0.01) as made:
            await made.registry.start("audiostream", call(consumer, "eventful", **asked), limit=0)
            await consumer.wait_for(lambda: len(consumer.taken) >= 2, 20)
            await down_to(made.registry, 0)
    assert len(made.opened) == MAX_CRASHES
    assert told(consumer) == ["ended", "1903"]
    ended, last = consumer.taken
    assert (ended["streamEvent"]["errorCode"], ended["streamEvent"]["streamTime"]) == (1903, 0)
    assert last["requestId"] == f"{ID}_0"
    assert last["message"] == "Service failed: the stream is not moderated any more"


async def test_events_stand_in_order_among_the_windows(tmp_path: Path) -> None:
    scripts: list[list[Step]] = [
        [spoken_window(0), LostWindow(1, 1000.0, 10.0), GONE],
        [spoken_window(4)],
        [GONE],
        [GONE],
    ]
    async with Consumer() as consumer, house(tmp_path, lambda *_: scripts.pop(0)) as made:
        await made.registry.start("audiostream", call(consumer, "eventful"), limit=0)
        await consumer.wait_for(lambda: "1904" in told(consumer), 20)
    assert told(consumer) == [
        "started", "0", "1903", "reconnecting", "resumed", "gap", "4",
        "reconnecting", "ended", "1904",
    ]  # fmt: skip
    events = [body for body in consumer.taken if "streamEvent" in body]
    assert [body["requestId"] for body in events] == [f"{ID}_event_{n}" for n in range(6)]
    assert {body["statCode"] for body in events} == {2}
    gap = events[3]["streamEvent"]
    assert (gap["gapStart"], gap["gapEnd"]) == (1_020_000, 1_040_000)
    assert (gap["firstWindow"], gap["lastWindow"]) == (2, 3)
    assert [body["streamEvent"].get("errorCode") for body in events] == [
        None, 3003, None, None, 3001, 3003,
    ]  # fmt: skip


async def test_a_restart_goes_on_counting_events_and_seconds(tmp_path: Path) -> None:
    def script(_: StreamSpec, position: Position) -> list[Step]:
        return [spoken_window(position.next_index, position.origin or 500.0), 60.0]

    asked = {"returnFinishInfo": 1}
    async with Consumer() as consumer:
        async with house(tmp_path, script) as made:
            await made.registry.start("audiostream", call(consumer, "eventful", **asked), limit=0)
            await consumer.wait_for(lambda: "0" in told(consumer), 20)
        async with house(tmp_path, script) as made:
            await consumer.wait_for(lambda: "1" in told(consumer), 20)
            assert await made.registry.finish("eventful", ID)
            await consumer.wait_for(lambda: consumer.taken[-1]["statCode"] == 1, 20)
    assert told(consumer) == ["started", "0", "resumed", "1", "ended", "2"]
    events = [body["requestId"][33:] for body in consumer.taken if "streamEvent" in body]
    assert events == ["event_0", "event_1", "event_2"]
    assert consumer.taken[-1]["auxInfo"] == {"streamTime": 20}
