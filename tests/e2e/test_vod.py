"""A real daemon extracts audio from real recordings: in a folder, on a server, in a bucket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from huaweicloudsdkvod.v1 import CreateExtractAudioTaskRequest, ExtractAudioTaskReq, Parameter

from tests.support.consumer import Consumer, Platform
from tests.support.daemon_process import ACCESS_KEY, DaemonProcess, configuration
from tests.support.media_server import HttpServer, encode, free_port
from tests.support.object_store import BUCKET, CREDENTIALS, REGION, ObjectServer, serving_objects
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

RATE_HZ = 8000
DONE_S = 60


@pytest.fixture(scope="module", name="film")
def _film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_film(tmp_path_factory.mktemp("film"))


@dataclass(frozen=True, slots=True)
class Running:
    """A daemon with a media root and an S3 server; its events go to `port`."""

    daemon: DaemonProcess
    port: int
    root: Path
    objects: ObjectServer


@pytest.fixture(scope="module", name="running")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One daemon for the tests that do not kill it; it must stop in order."""
    folder, port = tmp_path_factory.mktemp("daemon"), free_port()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in CREDENTIALS.items():
            environment.setenv(name, value)
        with serving_objects() as objects:
            daemon = DaemonProcess(configured(folder, port, objects.url))
            daemon.start()
            try:
                yield Running(daemon, port, folder / "media", objects)
                assert daemon.stop() == 0
            finally:
                daemon.kill()
    assert not daemon.events("request_failed")
    assert not daemon.events("job_crashed")


@asynccontextmanager
async def meeting(running: Running) -> AsyncIterator[tuple[Consumer, Caller]]:
    """A consumer of the daemon's events, and a client."""
    async with Consumer(port=running.port) as consumer, calling(running.daemon.url) as caller:
        yield consumer, caller


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


async def test_from_the_media_root_by_the_vendors_client(running: Running, film: Path) -> None:
    url, count = running.daemon.url, 0
    async with meeting(running) as (consumer, caller), Platform(url, ACCESS_KEY, "") as platform:
        make_hls(film, running.root / "shows")
        (running.root / "shows" / "evening.mp4").write_bytes(read(film))
        for key in ("shows/evening.mp4", "shows/play.m3u8"):
            asset_id = await caller.create(input={"object": key})
            for audio_format, suffix in (("MP3", "mp3"), ("AAC", "m4a")):
                count += 1
                body = ExtractAudioTaskReq(asset_id=asset_id, parameter=Parameter(format=audio_format))
                begun = await asyncio.to_thread(
                    vendor_client(url).create_extract_audio_task, CreateExtractAudioTaskRequest(body=body)
                )
                info = await event(consumer, count)
                assert (info["status"], info["asset_id"]) == ("SUCCEED", begun.audio_asset_id), info
                stored = running.root / "shows" / f"{begun.audio_asset_id}.{suffix}"
                await asyncio.to_thread(check_sound, stored)
                assert info["meta_data"]["duration"] in (FILM_S - 1, FILM_S)
                assert info["meta_data"]["video_size"] == len(read(stored))
                status, content = await platform.get(info["url"])
                assert (status, content) == (200, read(stored))
        _, metrics = await platform.get("/metrics")
        assert b'audiowarden_jobs_total{kind="vod.extract",outcome="done"}' in metrics
        assert b'audiowarden_jobs_running{kind="vod.extract"}' in metrics


async def test_from_a_server_into_a_bucket(running: Running, film: Path, tmp_path: Path) -> None:
    objects = running.objects
    await asyncio.to_thread(objects.put, "shows/evening.mp4", read(film))
    with HttpServer(film.parent) as media:
        async with meeting(running) as (consumer, caller):
            url = media.url("film.mp4?key=1")
            stored = {"bucket": BUCKET, "location": REGION, "object": "shows/evening.mp4"}
            assets = [
                await caller.create(url=url, output_bucket=BUCKET, output_path="made"),
                await caller.create(input=stored),
            ]
            for count, (asset_id, folder) in enumerate(zip(assets, ("made", "shows"), strict=True), 1):
                audio_id = await caller.extract(asset_id)
                info = await event(consumer, count)
                assert info["status"] == "SUCCEED", info
                path = tmp_path / "audio.mp3"
                path.write_bytes(await asyncio.to_thread(objects.get, f"{folder}/{audio_id}.mp3"))
                await asyncio.to_thread(check_sound, path)
                assert info["url"].startswith(f"{objects.url}/{BUCKET}/{folder}/{audio_id}.mp3?")


async def test_what_cannot_be_extracted_is_told(running: Running, film: Path, tmp_path: Path) -> None:
    mute = await asyncio.to_thread(encode, film, tmp_path / "mute.mp4", "-an", "-c:v", "copy")
    with HttpServer(tmp_path) as media:
        media.content("/text.mp4", b"no film at all " * 1000)
        async with meeting(running) as (consumer, caller):
            for count, (path, code) in enumerate(
                ((mute.name, "VOD.10063"), ("text.mp4", "VOD.10063"), ("no/such.mp4", "VOD.10062")), 1
            ):
                await caller.extract(await caller.create(url=media.url(path)))
                info = await event(consumer, count)
                assert (info["status"], info["error_code"]) == ("FAILED", code), info
                assert "127.0.0.1" not in info["error_msg"]
            assert not (running.root / "extracted-audio").exists()


async def test_a_kill_in_the_middle_is_made_good(tmp_path: Path, film: Path) -> None:
    port, content, hold = free_port(), read(film), asyncio.Event()

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
