"""A running daemon whose clips go to a bucket of a real S3 server."""

from __future__ import annotations

import asyncio
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.consumer import Consumer, Platform
from tests.support.daemon_process import ACCESS_KEY, DaemonProcess, configuration
from tests.support.media_server import HttpServer
from tests.support.object_store import (
    BUCKET,
    CREDENTIALS,
    ObjectServer,
    object_credentials,
    object_server,
)

__all__ = ["object_credentials", "object_server"]


@pytest.fixture
def bucket_daemon(tmp_path: Path, object_server: ObjectServer) -> Iterator[DaemonProcess]:
    extra = f"""
[storage.s3]
endpoint_url = "{object_server.url}"
[clips]
store = "s3"
bucket = "{BUCKET}"
retention_hours = 24.0
[logs]
level = "debug"
"""
    process = DaemonProcess(configuration(tmp_path, extra=extra), environ={**os.environ})
    process.start()
    try:
        yield process
        assert process.stop() == 0, process.log_path.read_text(encoding="utf-8")[-4000:]
    finally:
        process.kill()
    log = process.log_path.read_text(encoding="utf-8")
    for secret in (*CREDENTIALS.values(), "X-Amz-Signature", "AWS4-HMAC"):
        assert secret not in log


async def test_the_consumer_fetches_clips_from_the_bucket(
    bucket_daemon: DaemonProcess,
    object_server: ObjectServer,
    consumer: Consumer,
    media: HttpServer,
) -> None:
    async with Platform(bucket_daemon.url, ACCESS_KEY, consumer.url) as platform:
        answer = await platform.start(media.url("spoken.wav"), data={"returnPreAudio": 1})
        assert answer["code"] == 1100
        await consumer.wait_for(
            lambda: any(body.get("statCode") == 1 for body in consumer.taken), 60, "the finish notice"
        )
    insult = [body for body in consumer.taken if body.get("statCode") == 0][-1]["audioDetail"]
    assert insult["audioUrl"].startswith(f"{object_server.url}/{BUCKET}/clips/")
    assert "X-Amz-Expires=86400" in insult["audioUrl"]

    def fetch(address: str) -> bytes:
        with urllib.request.urlopen(address) as reply:
            assert reply.headers["Content-Type"] == "audio/mpeg"
            return bytes(reply.read())

    clip = await asyncio.to_thread(fetch, insult["audioUrl"])
    longer = await asyncio.to_thread(fetch, insult["preAudioUrl"])
    assert 30_000 < len(clip) < len(longer)
    stored = await asyncio.to_thread(object_server.keys)
    # Three windows, and two of them with the one before in front.
    assert len(stored) == 5
