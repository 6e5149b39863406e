"""What survives: kill -9, an outage of the stream, a consumer that fails, a drain."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.test_signing import documented
from tests.support.consumer import Consumer, Platform
from tests.support.daemon_process import ACCESS_KEY, DaemonProcess, configuration
from tests.support.media_server import HttpServer, RtmpServer, free_port

SECRET = "shared with acme"
FAST_RETRIES = """
[callbacks]
first_retry_s = 0.2
max_retry_s = 0.5
# Twenty would be used up within 9 s, which is how long a slow machine needs for three windows.
attempts = 1000
"""


def index(body: dict[str, Any]) -> int:
    return int(body["requestId"].rpartition("_")[2])


def ended(consumer: Consumer) -> bool:
    return any(body.get("statCode") == 1 for body in consumer.taken)


def with_retries(folder: Path) -> Path:
    path = configuration(folder, extra=f'callback_secret = "{SECRET}"')
    path.write_text(path.read_text() + FAST_RETRIES)
    return path


async def test_failed_callbacks_come_again_in_order(tmp_path: Path, spoken: Path) -> None:
    refusals = iter([500, 500, 500])
    async with (
        Consumer(answer=lambda _: next(refusals, 200)) as consumer,
        DaemonProcess(with_retries(tmp_path)) as daemon,
        Platform(daemon.url, ACCESS_KEY, consumer.url) as platform,
    ):
        with HttpServer(spoken.parent) as media:
            await platform.start(media.url("spoken.wav"))
            await consumer.wait_for(lambda: ended(consumer), 60)
        assert [index(each.body) for each in consumer.received] == [0, 0, 0, 0, 1, 2, 3]
        assert await asyncio.to_thread(daemon.stop) == 0


async def test_callbacks_survive_kill_minus_9(tmp_path: Path, spoken: Path) -> None:
    port = free_port()
    config = with_retries(tmp_path)
    async with DaemonProcess(config) as daemon:
        url = f"http://127.0.0.1:{port}/callback"
        async with Platform(daemon.url, ACCESS_KEY, url) as platform:
            with HttpServer(spoken.parent) as media:
                started = await platform.start(media.url("spoken.wav"))
                await asyncio.to_thread(daemon.wait_for_event, "stream_ended", 60)
        daemon.kill()
        async with Consumer(port=port) as consumer:
            await asyncio.to_thread(daemon.start)
            await consumer.wait_for(lambda: len(consumer.taken) == 4, 30)
            assert [index(body) for body in consumer.taken] == [0, 1, 2, 3]
            assert {body["requestId"].partition("_")[0] for body in consumer.taken} == {started["requestId"]}
            assert consumer.sequence == [1, 2, 3, 4]
            assert all(documented()(SECRET, each.headers, each.raw) for each in consumer.received)
            async with Platform(daemon.url, ACCESS_KEY, consumer.url) as platform:
                answer = await platform.query(started["requestId"])
                assert (answer["statCode"], answer["windows"]) == (1, consumer.taken)
            assert SECRET not in daemon.log_path.read_text(encoding="utf-8")
            assert await asyncio.to_thread(daemon.stop) == 0


async def test_a_stream_goes_on_after_an_outage_and_after_kill_minus_9(tmp_path: Path, spoken: Path) -> None:
    """The server is down for a while, then the daemon is: the same requestId, indices by the clock."""
    async with Consumer() as consumer, DaemonProcess(configuration(tmp_path)) as daemon:
        with RtmpServer(spoken, realtime=True, loop=True) as server:
            async with Platform(daemon.url, ACCESS_KEY, consumer.url) as platform:
                request_id = (await platform.start(server.url))["requestId"]
                await consumer.wait_for(lambda: len(consumer.taken) >= 1, 40)
                server.kill()
                await asyncio.sleep(12)
                server.start()
                await consumer.wait_for(lambda: any(index(body) >= 3 for body in consumer.taken), 60)
            daemon.kill()
            server.start()
            await asyncio.to_thread(daemon.start)
            last = max(index(body) for body in consumer.taken)
            await consumer.wait_for(lambda: any(index(body) > last + 1 for body in consumer.taken), 60)
            async with Platform(daemon.url, ACCESS_KEY, consumer.url) as platform:
                assert (await platform.finish(request_id))["code"] == 1100
            await consumer.wait_for(lambda: ended(consumer), 30)
            assert await asyncio.to_thread(daemon.stop) == 0
    bodies = [body for place, body in enumerate(consumer.taken) if body not in consumer.taken[:place]]
    assert len(consumer.taken) - len(bodies) <= 1, "only what was in flight at the kill may come again"
    assert {body["requestId"].partition("_")[0] for body in bodies} == {request_id}
    indices = [index(body) for body in bodies]
    assert indices == sorted(set(indices)), "in order, none twice"
    assert consumer.sequence == list(range(1, len(indices) + 1)), "without a gap"
    _times_do_not_lie(consumer)


def _times_do_not_lie(consumer: Consumer) -> None:
    """A window is called back soon after its end by the clock, before and after every outage."""
    told: set[str] = set()
    for each in consumer.received:
        # What was in flight at the kill comes again when the next daemon has started, however long that took.
        first = each.body["requestId"] not in told
        told.add(each.body["requestId"])
        if first and each.body.get("statCode") == 0:
            begun_s = each.body["audioDetail"]["auxInfo"]["beginProcessTime"] / 1000
            assert abs(each.at - begun_s) < 8


async def test_a_drained_stream_is_resumed(tmp_path: Path, spoken: Path) -> None:
    async with Consumer() as consumer, DaemonProcess(configuration(tmp_path)) as daemon:
        with RtmpServer(spoken, realtime=True, loop=True) as server:
            async with Platform(daemon.url, ACCESS_KEY, consumer.url) as platform:
                request_id = (await platform.start(server.url))["requestId"]
                await consumer.wait_for(lambda: len(consumer.taken) >= 1, 40)
            await asyncio.sleep(3)
            assert await asyncio.to_thread(daemon.stop) == 0
            assert [index(body) for body in consumer.taken] == [0, 1], "the window in progress is not lost"
            server.start()
            await asyncio.to_thread(daemon.start)
            await consumer.wait_for(lambda: len(consumer.taken) >= 3, 60)
            assert index(consumer.taken[2]) >= 2
            assert consumer.taken[2]["requestId"].startswith(request_id)
            async with Platform(daemon.url, ACCESS_KEY, consumer.url) as platform:
                await platform.finish(request_id)
            await consumer.wait_for(lambda: ended(consumer), 30)


async def test_a_second_daemon_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    async with DaemonProcess(config):
        second = DaemonProcess(config)
        second.log_path = tmp_path / "second.jsonl"
        with pytest.raises(AssertionError, match=r"(?s)the daemon ended: .*already uses .*data: stop it"):
            await asyncio.to_thread(second.start)
