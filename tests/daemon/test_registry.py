"""The registry with a real ledger and a real outbox: nothing is lost, nothing runs twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from config.settings import CallbackSettings, SpeechSettings
from config.taxonomy import load_taxonomy
from daemon.admission import Admission
from daemon.contracts.audiostream.contract import AudioStreamCall, AudioStreamContract
from daemon.ledger.interfaces import LimitReachedError
from daemon.ledger.sqlite import SqliteLedger
from daemon.metrics import Metrics
from daemon.outbox import Outbox
from daemon.registry import TAKE_AT_ONCE, CapacityError, DuplicateStreamError, Registry
from pipeline.analyse import Analyser
from pipeline.report import StreamSpec
from pipeline.retry import Backoff, RetryBudget
from pipeline.source import Position, SourceError, SourceFault
from pipeline.speech import SpeechGate
from pipeline.stream import Stages
from pipeline.words import WordSearch
from tests.daemon.contracts.requests import request
from tests.daemon.full_disk import full_disk
from tests.support.accounts import account
from tests.support.consumer import Consumer
from tests.support.streams import (
    FakeClips,
    FakeRecognition,
    FakeSource,
    FakeTranscriber,
    Step,
    WordClassifier,
    spoken_window,
)

pytestmark = pytest.mark.usefixtures("nothing_blocks")

EVENTFUL = account("eventful", stream_events=True)
CONTRACT = AudioStreamContract(load_taxonomy(), [account(), EVENTFUL])


def call(consumer: Consumer, number: int = 1, **data: Any) -> AudioStreamCall:
    url = data.pop("url", f"rtmp://live.test/a/{number}")
    body = request(
        callback=consumer.url, data={"url": url, "returnAllText": 1, "returnFinishInfo": 1, **data}
    )
    return CONTRACT.accept(f"{number:032d}", "acme", body)


class House:
    """A registry, and the sources that it opened."""

    def __init__(self, registry: Registry, opened: list[Position], ledger: SqliteLedger) -> None:
        self.registry = registry
        self.opened = opened
        self.ledger = ledger


Script = Callable[[StreamSpec, Position], Sequence[Step]]


@asynccontextmanager
async def house(
    folder: Path,
    script: Script,
    *,
    live: bool = True,
    cost_s: float | None = None,
    crash_retry_s: float = 5.0,
    contract: AudioStreamContract = CONTRACT,
) -> AsyncIterator[House]:
    """Everything between a contract and the network, with scripted sources and texts."""
    ledger = await SqliteLedger.open(folder)
    opened: list[Position] = []

    def open_source(spec: StreamSpec, position: Position) -> FakeSource:
        opened.append(position)
        return FakeSource(script(spec, position), live=live)

    with ThreadPoolExecutor(2) as executor:
        async with aiohttp.ClientSession() as session:
            gate = SpeechGate(SpeechSettings(), None)
            analyser = Analyser(
                FakeTranscriber(*["fine"] * 99),
                gate,
                WordSearch([WordClassifier("idiot")], [], lambda _: None),
                None,
                load_taxonomy(),
                executor,
            )
            retries = Backoff(0.01, 0.0, 0.01, 2)
            stages = Stages(open_source, analyser, FakeClips(), lambda _: RetryBudget(retries), 8.0)
            metrics = Metrics()
            outbox = Outbox(
                ledger.callbacks,
                ledger.dead_letters,
                session,
                CallbackSettings(),
                metrics,
                history=ledger.history,
            )
            await outbox.start()
            admission = Admission(FakeRecognition(cost_s), 0.8)
            contracts = {contract.name: contract}
            registry = Registry(ledger.streams, outbox, contracts, stages, metrics, admission, crash_retry_s)
            running = asyncio.create_task(registry.run(), name="registry")
            try:
                yield House(registry, opened, ledger)
            finally:
                await registry.drain(10)
                running.cancel()
                await asyncio.wait((running,))
                await outbox.stop()
                await ledger.close()


def indices(consumer: Consumer) -> list[int]:
    return [int(body["requestId"].rpartition("_")[2]) for body in consumer.taken if body.get("statCode") == 0]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - a source that is opened has no event
            await asyncio.sleep(0.01)


def notices(consumer: Consumer) -> list[dict[str, Any]]:
    return [body for body in consumer.taken if body.get("statCode") == 1]


async def down_to(registry: Registry, count: int) -> None:
    """Wait until so many streams are left: the ledger forgets one a moment after its last callback."""
    async with asyncio.timeout(10):
        while registry.live_count > count:  # noqa: ASYNC110 - the registry has no event for it
            await asyncio.sleep(0.01)


async def test_a_recording_is_reported_and_ends(tmp_path: Path) -> None:
    script: list[Step] = [spoken_window(0), spoken_window(1)]
    async with Consumer() as consumer, house(tmp_path, lambda *_: script, live=False) as made:
        await made.registry.start("audiostream", call(consumer), limit=5)
        await consumer.wait_for(lambda: bool(notices(consumer)), 20)
        assert indices(consumer) == [0, 1]
        assert notices(consumer)[0]["auxInfo"] == {"streamTime": 20}
        await down_to(made.registry, 0)


async def test_streams_of_the_daemon_before_can_be_finished_at_once(tmp_path: Path) -> None:
    """More of them than are taken at a time."""
    count = TAKE_AT_ONCE + 6
    async with Consumer() as consumer:
        calls = [call(consumer, number) for number in range(count)]
        async with house(tmp_path, lambda *_: [60.0]) as made:
            for each in calls:
                await made.registry.start("audiostream", each, limit=0)
        async with house(tmp_path, lambda *_: [60.0]) as made:
            assert await made.registry.recovered(10)
            assert made.registry.live_count == count
            assert await made.registry.finish("acme", calls[-1].spec.stream_id)


async def test_duplicates_and_limits(tmp_path: Path) -> None:
    async with Consumer() as consumer, house(tmp_path, lambda *_: [60.0]) as made:
        first = call(consumer, 1)
        await made.registry.start("audiostream", first, limit=2)
        with pytest.raises(DuplicateStreamError) as caught:
            await made.registry.start("audiostream", call(consumer, 2, url=first.spec.url), limit=2)
        assert caught.value.stream_id == first.spec.stream_id
        await made.registry.start("audiostream", call(consumer, 3), limit=2)
        with pytest.raises(LimitReachedError):
            await made.registry.start("audiostream", call(consumer, 4), limit=2)
        assert made.registry.live_count == 2
        assert not await made.registry.finish("acme", call(consumer, 4).spec.stream_id)


def talking(*_: object) -> list[Step]:
    return [spoken_window(0), 60.0]


async def test_a_host_that_is_full_takes_no_more(tmp_path: Path) -> None:
    """Two workers at 5 s a window read four in ten seconds; 0.8 of that are three streams."""
    async with Consumer() as consumer, house(tmp_path, talking, cost_s=5.0) as made:
        calls = [call(consumer, number) for number in range(1, 6)]
        for each in calls[:3]:
            await made.registry.start("audiostream", each, limit=9)
        await consumer.wait_for(lambda: len(indices(consumer)) == 3, 20)
        with pytest.raises(CapacityError, match="3 of 3 streams"):
            await made.registry.start("audiostream", calls[3], limit=9)
        again = call(consumer, 9, url=calls[0].spec.url)
        with pytest.raises(DuplicateStreamError):
            await made.registry.start("audiostream", again, limit=9)
        assert await made.registry.finish("acme", calls[0].spec.stream_id)
        await down_to(made.registry, 2)
        await made.registry.start("audiostream", calls[3], limit=9)


async def test_streams_that_bring_nothing_leave_room(tmp_path: Path) -> None:
    """Ten dead addresses count as one stream: 2.2 of them and a new one are the 3.2 that there are."""
    async with Consumer() as consumer, house(tmp_path, lambda *_: [60.0], cost_s=5.0) as made:
        for number in range(1, 22):
            await made.registry.start("audiostream", call(consumer, number), limit=99)
        with pytest.raises(CapacityError):  # noqa: PT012 - the border is a float's
            for number in range(22, 25):
                await made.registry.start("audiostream", call(consumer, number), limit=99)


async def test_finish_frees_the_identity_at_once(tmp_path: Path) -> None:
    async with Consumer() as consumer, house(tmp_path, lambda *_: [spoken_window(0), 60.0]) as made:
        first, second = (
            call(consumer, 1, url="rtmp://live.test/x"),
            call(consumer, 2, url="rtmp://live.test/x"),
        )
        await made.registry.start("audiostream", first, limit=0)
        await consumer.wait_for(lambda: bool(indices(consumer)), 20)
        assert not await made.registry.finish("other", first.spec.stream_id)
        assert await made.registry.finish("acme", first.spec.stream_id)
        assert not await made.registry.finish("acme", first.spec.stream_id), "it is finished already"
        await made.registry.start("audiostream", second, limit=0)
        await consumer.wait_for(lambda: bool(notices(consumer)), 20)
        assert notices(consumer)[0]["requestId"] == f"{first.spec.stream_id}_1"


async def test_a_second_finish_does_not_end_the_stream_that_took_the_identity(tmp_path: Path) -> None:
    async with Consumer() as consumer, house(tmp_path, lambda *_: [60.0]) as made:
        first, second = (
            call(consumer, 1, url="rtmp://live.test/x"),
            call(consumer, 2, url="rtmp://live.test/x"),
        )
        await made.registry.start("audiostream", first, limit=0)
        finished, _, again = await asyncio.gather(
            made.registry.finish("acme", first.spec.stream_id),
            made.registry.start("audiostream", second, limit=0),
            made.registry.finish("acme", first.spec.stream_id),
        )
        assert (finished, again) == (True, False)
        await consumer.wait_for(lambda: bool(notices(consumer)), 20)
        with pytest.raises(DuplicateStreamError) as caught:
            await made.registry.start("audiostream", call(consumer, 3, url=first.spec.url), limit=0)
        assert caught.value.stream_id == second.spec.stream_id, "it is still there"
        assert [notice["requestId"][:32] for notice in notices(consumer)] == [first.spec.stream_id]


async def test_a_stream_that_was_finished_before_it_was_pulled_says_so(tmp_path: Path) -> None:
    async with Consumer() as consumer, house(tmp_path, lambda *_: [60.0]) as made:
        stream = call(consumer)
        await made.registry.start("audiostream", stream, limit=0)
        assert await made.registry.finish("acme", stream.spec.stream_id)
        await consumer.wait_for(lambda: bool(notices(consumer)), 20)
        assert notices(consumer)[0]["auxInfo"] == {"streamTime": 0}


async def test_a_drained_stream_is_resumed_where_it_stopped(tmp_path: Path) -> None:
    def script(_: StreamSpec, position: Position) -> list[Step]:
        return [spoken_window(position.next_index, position.origin or 500.0), 60.0]

    async with Consumer() as consumer:
        async with house(tmp_path, script) as made:
            await made.registry.start("audiostream", call(consumer), limit=0)
            await consumer.wait_for(lambda: indices(consumer) == [0], 20)
        assert notices(consumer) == [], "a restart is not the end of a stream"
        async with house(tmp_path, script) as made:
            await consumer.wait_for(lambda: indices(consumer) == [0, 1], 20)
            assert made.opened == [Position(500.0, 1)]
            assert await made.registry.finish("acme", call(consumer).spec.stream_id)
            await consumer.wait_for(lambda: bool(notices(consumer)), 20)


async def test_a_drain_comes_to_rest(tmp_path: Path) -> None:
    wal = tmp_path / "ledger.sqlite3-wal"
    async with Consumer() as consumer, house(tmp_path, lambda *_: [60.0]) as made:
        await made.registry.start("audiostream", call(consumer), limit=0)
        await until(lambda: bool(made.opened))
        await made.registry.drain(10)
        # What was put down must not be taken and put down again, for ever.
        async with asyncio.timeout(20):
            written_at = 0
            while written_at != wal.stat().st_mtime_ns:
                written_at = wal.stat().st_mtime_ns
                await asyncio.sleep(0.3)


async def test_a_drain_on_a_full_disk_is_no_crash(tmp_path: Path) -> None:
    async with Consumer() as consumer:
        async with house(tmp_path, lambda *_: [60.0]) as made:
            await made.registry.start("audiostream", call(consumer), limit=0)
            await until(lambda: bool(made.opened))
            with capture_logs() as logs, full_disk(1000):
                await made.registry.drain(10)
            assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == []
        async with house(tmp_path, lambda *_: [60.0]) as made:
            await until(lambda: bool(made.opened))
        assert notices(consumer) == []


async def test_a_stream_that_cannot_be_pulled_ends_with_its_fault(tmp_path: Path) -> None:
    error = SourceError(SourceFault.NO_SUCH_STREAM, "nobody publishes")
    async with Consumer() as consumer, house(tmp_path, lambda *_: [error]) as made:
        await made.registry.start("audiostream", call(consumer), limit=0)
        await consumer.wait_for(lambda: bool(notices(consumer)), 20)
        assert notices(consumer)[0]["auxInfo"] == {"streamTime": 0, "errorCode": 3003}
        assert len(made.opened) == 3


async def test_a_fault_of_ours_stops_one_stream_and_no_other(tmp_path: Path) -> None:
    def script(spec: StreamSpec, _: Position) -> Sequence[Step]:
        if spec.url.endswith("1"):
            raise ZeroDivisionError
        return [spoken_window(0)]

    async with Consumer() as consumer, house(tmp_path, script, live=False) as made:
        await made.registry.start("audiostream", call(consumer, 1), limit=0)
        await made.registry.start("audiostream", call(consumer, 2), limit=0)
        await consumer.wait_for(lambda: bool(notices(consumer)), 20)
        assert notices(consumer)[0]["requestId"].startswith(f"{2:032d}")
        await down_to(made.registry, 1)
        assert made.registry.live_count == 1, "the other one is tried again"


async def test_a_stored_stream_that_is_not_understood_is_left_alone(tmp_path: Path) -> None:
    ledger = await SqliteLedger.open(tmp_path)
    future = {"contract": "of the future", "call": {}}
    changed = {
        "contract": "audiostream",
        "call": {"request_id": "r", "account": "acme", "body": {"data": {"url": "rtmp://x/s3cret"}}},
    }
    for key, document in {"url-x": future, "url-y": changed, "url-z": []}.items():
        await ledger.streams.put("acme", key, json.dumps(document).encode())
    await ledger.close()
    script: list[Step] = [spoken_window(0)]
    with capture_logs() as logs:
        async with Consumer() as consumer, house(tmp_path, lambda *_: script, live=False) as made:
            await made.registry.start("audiostream", call(consumer), limit=0)
            await consumer.wait_for(lambda: bool(notices(consumer)), 20)
    told = [entry for entry in logs if entry["event"] == "stored_stream_not_understood"]
    assert len(told) == 3
    assert not any("exc_info" in entry for entry in told), "the error's text holds what was stored"
    ledger = await SqliteLedger.open(tmp_path)
    assert await ledger.streams.count() == 3
    await ledger.close()
