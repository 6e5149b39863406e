"""A daemon whose streams are read in processes of their own."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path
from typing import Any

from tests.support.consumer import Consumer, Platform
from tests.support.daemon_process import ACCESS_KEY, DaemonProcess, configuration
from tests.support.ingesting import alive
from tests.support.media_server import RtmpServer, wait_until

TWO_PROCESSES = """
[ingest]
processes = 2
"""


def index(body: dict[str, Any]) -> int:
    return int(body["requestId"].rpartition("_")[2])


async def metric(platform: Platform, name: str) -> float:
    _, text = await platform.get("/metrics")
    found = re.search(rf"^{name} (\S+)$", text.decode(), re.MULTILINE)
    assert found is not None, name
    return float(found[1])


async def test_a_stream_outlives_its_process_and_no_process_outlives_the_daemon(
    tmp_path: Path, spoken: Path
) -> None:
    config = configuration(tmp_path, extra=TWO_PROCESSES)
    async with Consumer() as consumer, DaemonProcess(config) as daemon:
        pids = {event["worker"]: event["pid"] for event in daemon.events("ingest_worker_started")}
        assert sorted(pids) == ["1", "2"]
        with RtmpServer(spoken, realtime=True, loop=True) as server:
            async with Platform(daemon.url, ACCESS_KEY, consumer.url) as platform:
                assert await metric(platform, "audiowarden_ingest_workers") == 2
                request_id = (await platform.start(server.url))["requestId"]
                await consumer.wait_for(lambda: len(consumer.taken) >= 1, 40)
                os.kill(pids["1"], signal.SIGKILL)
                await asyncio.to_thread(daemon.wait_for_event, "ingest_worker_lost", 30)
                server.start()
                await consumer.wait_for(
                    lambda: any(_heard_after_loss(consumer, body) for body in consumer.taken), 60
                )
                assert await metric(platform, "audiowarden_ingest_worker_restarts_total") == 1
                assert await metric(platform, "audiowarden_ingest_workers") == 2
            pids = {event["worker"]: event["pid"] for event in daemon.events("ingest_worker_started")}
            count = len(consumer.taken)
            await asyncio.sleep(2)
            # A service manager signals all processes of the service.
            for pid in pids.values():
                os.kill(pid, signal.SIGTERM)
            assert await asyncio.to_thread(daemon.stop) == 0
            assert len(consumer.taken) > count, "the window in progress is not lost"
            assert not [pid for pid in pids.values() if alive(pid)]
            assert len(daemon.events("ingest_worker_lost")) == 1
        indices = [index(body) for body in consumer.taken]
        assert indices == list(range(len(indices))), "no window is missing: those that were lost are told"
        assert consumer.taken[0]["requestId"].startswith(request_id)
        await asyncio.to_thread(daemon.start)
        pids = {event["worker"]: event["pid"] for event in daemon.events("ingest_worker_started")}
        assert all(alive(pid) for pid in pids.values())
        daemon.kill()
        await asyncio.to_thread(
            wait_until, lambda: not any(alive(pid) for pid in pids.values()), "the processes to end"
        )


def _heard_after_loss(consumer: Consumer, body: dict[str, Any]) -> bool:
    """Whether a window was moderated after one that was not."""
    lost = [index(each) for each in consumer.taken if each["code"] != 1100]
    return bool(lost) and body["code"] == 1100 and index(body) > max(lost)
