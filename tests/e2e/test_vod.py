"""Audio is extracted from real recordings by a real daemon: from a folder, a server, a bucket; over a kill -9."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from huaweicloudsdkvod.v1 import CreateExtractAudioTaskRequest, ExtractAudioTaskReq, Parameter

from tests.support.consumer import Consumer, Platform
from tests.support.daemon_process import ACCESS_KEY, DaemonProcess, configuration
from tests.support.media_server import HttpServer, encode, free_port
from tests.support.object_store import BUCKET, REGION, ObjectServer, object_credentials, object_server
from tests.support.recorded import samples
from tests.support.recordings import FILM_S, make_film, make_hls
from tests.support.vod_house import (
    ACCESS_KEY_ID,
    PROJECT,
    SECRET_KEY,
    TOKEN,
    Caller,
    calling,
    vendor_client,
)

__all__ = ["object_credentials", "object_server"]

RATE_HZ = 8000
DONE_S = 30


@pytest.fixture(scope="module", name="film")
def _film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_film(tmp_path_factory.mktemp("film"))


@pytest.fixture(name="port")
def _port() -> Iterator[int]:
    yield free_port()


def configured(folder: Path, port: int, endpoint_url: str = "") -> Path:
    """Write a configuration: the media root is `folder/media`, events go to `port`."""
    (folder / "media").mkdir()
    vod = f"""
[accounts.vod]
project_id = "{PROJECT}"
tokens = ["{TOKEN}"]
credentials = [{{ access_key_id = "{ACCESS_KEY_ID}", secret_key = "{SECRET_KEY}" }}]
notification_url = "http://127.0.0.1:{port}/callback"
[storage]
local_root = "{folder / "media"}"
[storage.s3]
endpoint_url = "{endpoint_url}"
region = "{REGION}"
[callbacks]
first_retry_s = 0.2
max_retry_s = 0.5
"""
    return configuration(folder, extra=vod)


@asynccontextmanager
async def running(config: Path, port: int) -> AsyncIterator[tuple[DaemonProcess, Consumer, Caller]]:
    """A daemon, the consumer of its events, and a client; the daemon must stop in order."""
    async with (
        Consumer(port=port) as consumer,
        DaemonProcess(config) as daemon,
        calling(daemon.url) as caller,
    ):
        yield daemon, consumer, caller
        assert await asyncio.to_thread(daemon.stop) == 0
        assert not daemon.events("request_failed")


def read(path: Path) -> bytes:
    return path.read_bytes()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def event(consumer: Consumer, count: int = 1) -> dict[str, Any]:
    await consumer.wait_for(lambda: len(consumer.taken) >= count, DONE_S, "events")
    return dict(consumer.taken[count - 1]["audio_extract_info"])


def check_sound(path: Path) -> None:
    """The film's tone is 300 Hz in its first second, and 100 Hz more each second."""
    heard = samples(path, RATE_HZ).astype(float)
    assert abs(len(heard) / RATE_HZ - FILM_S) < 0.15
    for second in (0, 7, FILM_S - 1):
        piece = heard[int((second + 0.3) * RATE_HZ) :][: RATE_HZ // 2]
        assert abs(np.argmax(np.abs(np.fft.rfft(piece))) * 2 - (300 + 100 * second)) <= 2


async def test_from_the_media_root_by_the_vendors_client(tmp_path: Path, port: int, film: Path) -> None:
    config = configured(tmp_path, port)
    async with running(config, port) as (daemon, consumer, caller):
        shows = tmp_path / "media" / "shows"
        shows.mkdir()
        (shows / "evening.mp4").write_bytes(read(film))
        make_hls(film, shows / "hls")
        async with Platform(daemon.url, ACCESS_KEY, "") as platform:
            count = 0
            for key in ("shows/evening.mp4", "shows/hls/play.m3u8"):
                asset_id = await caller.create(input={"object": key})
                for audio_format, suffix in (("MP3", "mp3"), ("AAC", "m4a")):
                    count += 1
                    body = ExtractAudioTaskReq(asset_id=asset_id, parameter=Parameter(format=audio_format))
                    begun = await asyncio.to_thread(
                        vendor_client(daemon.url).create_extract_audio_task,
                        CreateExtractAudioTaskRequest(body=body),
                    )
                    info = await event(consumer, count)
                    assert (info["status"], info["asset_id"]) == ("SUCCEED", begun.audio_asset_id), info
                    stored = (tmp_path / "media" / key).parent / f"{begun.audio_asset_id}.{suffix}"
                    await asyncio.to_thread(check_sound, stored)
                    assert info["meta_data"]["duration"] in (FILM_S - 1, FILM_S)
                    assert info["meta_data"]["video_size"] == len(read(stored))
                    status, content = await platform.get(info["url"])
                    assert (status, content) == (200, read(stored))
            _, metrics = await platform.get("/metrics")
            assert b'audiowarden_jobs_total{kind="vod.extract",outcome="done"} 4.0' in metrics
            assert b'audiowarden_jobs_running{kind="vod.extract"} 0.0' in metrics


async def test_from_a_server_into_a_bucket(
    tmp_path: Path, port: int, film: Path, object_server: ObjectServer
) -> None:
    config = configured(tmp_path, port, object_server.url)
    await asyncio.to_thread(object_server.put, "shows/evening.mp4", read(film))
    with HttpServer(film.parent) as media:
        async with running(config, port) as (_, consumer, caller):
            assets = [
                await caller.create(
                    url=media.url("film.mp4?key=1"), output_bucket=BUCKET, output_path="made"
                ),
                await caller.create(
                    input={"bucket": BUCKET, "location": REGION, "object": "shows/evening.mp4"}
                ),
            ]
            for count, (asset_id, folder) in enumerate(zip(assets, ("made", "shows"), strict=True), 1):
                audio_id = await caller.extract(asset_id)
                info = await event(consumer, count)
                assert info["status"] == "SUCCEED", info
                data = await asyncio.to_thread(object_server.get, f"{folder}/{audio_id}.mp3")
                path = tmp_path / "audio.mp3"
                path.write_bytes(data)
                await asyncio.to_thread(check_sound, path)
                assert info["url"].startswith(f"{object_server.url}/{BUCKET}/{folder}/{audio_id}.mp3?")


async def test_what_cannot_be_extracted_is_told(tmp_path: Path, port: int, film: Path) -> None:
    mute = await asyncio.to_thread(encode, film, tmp_path / "mute.mp4", "-an", "-c:v", "copy")
    with HttpServer(tmp_path) as media:
        media.content("/text.mp4", b"no film at all " * 1000)
        async with running(configured(tmp_path, port), port) as (_, consumer, caller):
            for count, (path, code) in enumerate(
                ((mute.name, "VOD.10063"), ("text.mp4", "VOD.10063"), ("no/such.mp4", "VOD.10062")), 1
            ):
                await caller.extract(await caller.create(url=media.url(path)))
                info = await event(consumer, count)
                assert (info["status"], info["error_code"]) == ("FAILED", code), info
                assert "127.0.0.1" not in info["error_msg"]
            assert names(tmp_path / "media") == []


async def test_a_kill_in_the_middle_is_made_good(tmp_path: Path, port: int, film: Path) -> None:
    content, hold = read(film), asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse:
        if hold.is_set():
            return web.FileResponse(film)
        response = web.StreamResponse(headers={"Content-Length": str(len(content))})
        await response.prepare(request)
        await response.write(content[:1000])
        await asyncio.sleep(60)
        return response

    config = configured(tmp_path, port)
    with HttpServer() as media:
        url = media.handle("/film.mp4", slowly)
        async with Consumer(port=port) as consumer, DaemonProcess(config) as daemon:
            async with calling(daemon.url) as caller:
                audio_id = await caller.extract(await caller.create(url=url))
                await caller.reaches(audio_id, "TRANSCODING")
            daemon.kill()
            assert names(tmp_path / "media") == []

            hold.set()
            await asyncio.to_thread(daemon.start)
            info = await event(consumer)
            assert (info["status"], info["asset_id"]) == ("SUCCEED", audio_id)
            made = tmp_path / "media" / "extracted-audio"
            assert names(made) == [f"{audio_id}.mp3"]
            await asyncio.to_thread(check_sound, made / f"{audio_id}.mp3")
            async with calling(daemon.url) as caller:
                await caller.reaches(audio_id, "TRANSCODE_SUCCEED")
            assert await asyncio.to_thread(daemon.stop) == 0
            assert len(daemon.events("job_ended")) == len(consumer.received) == 1
        assert names(tmp_path / "data" / "jobs") == []
