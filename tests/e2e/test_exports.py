"""A real daemon exports: killed in the middle it does it after all; a store that is away is soon said."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.daemon.contracts.tvu.documents import audio_request, media_request, place, storage_info
from tests.support.daemon_process import DaemonProcess, configuration
from tests.support.object_store import REGION, ObjectServer, object_credentials, object_server
from tests.support.recorded import RATE_HZ, run_ffmpeg, samples
from tests.support.rude_store import Rude, refusal, rude_store

__all__ = ["object_credentials", "object_server"]

SESSION = "session-of-acme"
SECONDS = 12
BEGAN_MS = 1562253592803
FOLDER = f"lives/x_{BEGAN_MS}_y"
TARGET = "out/id/piece.mp4"
WORKING, FINISHED, FAILED = 1, 5, -1
DONE_S = 60.0
ANSWER_S = 45.0
"""Within the minute after which proxies hang up; the daemon itself asks a store again for 10 s."""


@pytest.fixture(name="segments", scope="module")
def _segments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with play.m3u8: so much noise that the result is stored in parts of 8 MiB."""
    folder = tmp_path_factory.mktemp("segments")
    run_ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=size=640x360:rate=25:duration={SECONDS}"),
        *("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={SECONDS}"),
        *(
            "-vf",
            "noise=alls=90:allf=t",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "50",
            "-b:v",
            "16M",
        ),
        *("-c:a", "aac", "-f", "hls", "-hls_time", "4", "-hls_playlist_type", "vod", folder / "play.m3u8"),
    )
    return folder


def configured(folder: Path, store: Rude) -> Path:
    extra = f"""
[accounts.tvu]
session_ids = ["{SESSION}"]
[storage.s3]
endpoint_url = "{store.url}"
region = "{REGION}"
"""
    return configuration(folder, extra=extra)


async def post(url: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.post(url + path, json=body) as answer:
        document: dict[str, Any] = await answer.json()
        return document


async def export(daemon: DaemonProcess) -> dict[str, Any]:
    """Ask for the whole recording as mp4, or how far that is."""
    info = storage_info(place("ts", "recordings"), place("upload", "recordings", "out", storage_path_id="id"))
    body = media_request(
        SessionId=SESSION,
        HiResFilePath=f"{FOLDER}/play.m3u8",
        StartPos=BEGAN_MS,
        StartTime=None,
        Duration=SECONDS * 1000,
        FileName="piece",
        media_type="mp4",
        storage_info=info,
    )
    return await post(daemon.url, "/api/resource/v1/i/export", body)


async def ended(daemon: DaemonProcess) -> dict[str, Any]:
    async with asyncio.timeout(DONE_S):
        while True:
            answer = await export(daemon)
            if answer["ErrorCode"] != WORKING:
                return answer
            await asyncio.sleep(0.1)


def upload(server: ObjectServer, folder: Path) -> None:
    for path in folder.iterdir():
        server.put(f"{FOLDER}/{path.name}", path.read_bytes())


async def test_killed_in_the_middle_it_is_done_after_all_and_a_store_that_is_away_is_soon_said(
    segments: Path, object_server: ObjectServer, tmp_path: Path
) -> None:
    """One test: most of its time is the daemon's starts."""
    await asyncio.to_thread(upload, object_server, segments)
    before = object_server.keys()
    async with rude_store(object_server) as store:
        daemon = DaemonProcess(configured(tmp_path, store))
        await killed_while_it_stores(daemon, store)
        assert object_server.keys() == before, "nothing half done is to be seen"
        assert names(tmp_path / "data" / "jobs") != []
        async with daemon:
            answer = await ended(daemon)
            assert (answer["ErrorCode"], answer["VideoPath"]) == (FINISHED, f"/{TARGET}"), answer
            assert object_server.keys() == sorted([*before, TARGET])
            # A result is answered from when it is stored on; the job ends a moment later.
            await asyncio.to_thread(daemon.wait_for_event, "job_ended", DONE_S)
            assert len(daemon.events("job_ended")) == 1
            await check_that_a_store_is_away_is_said(daemon, store)
            assert await asyncio.to_thread(daemon.stop) == 0
    result = tmp_path / "piece.mp4"
    result.write_bytes(object_server.get(TARGET))
    assert len(samples(result, RATE_HZ)) / RATE_HZ == pytest.approx(SECONDS, abs=0.1)
    assert names(tmp_path / "data" / "jobs") == []


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def killed_while_it_stores(daemon: DaemonProcess, store: Rude) -> None:
    """Start the daemon, ask for the export, and kill it while the second part of the result is stored."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def hold(request: web.Request, _: bytes) -> None:
        if request.query.get("partNumber") == "2":
            reached.set()
            await go_on.wait()

    store.manners = hold
    async with daemon:
        assert (await export(daemon))["ErrorCode"] == WORKING
        await asyncio.wait_for(reached.wait(), DONE_S)
    go_on.set()
    store.manners = None


async def check_that_a_store_is_away_is_said(daemon: DaemonProcess, store: Rude) -> None:
    """Who waits for audio hears it before he hangs up."""

    async def away(*_: object) -> web.Response:
        return refusal(503, "SlowDown")

    store.manners = away
    began = time.monotonic()
    answer = await post(daemon.url, "/exportaudio", audio_request(SessionId=SESSION, AudioPath=""))
    assert time.monotonic() - began < ANSWER_S
    assert answer["ErrorCode"] == FAILED
    assert "object store 127.0.0.1" in answer["ErrorMessage"]
