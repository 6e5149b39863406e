"""Bad input: every refusal in the contract's own form, and nothing written."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from daemon.contracts.tvu.polling import KIND
from daemon.contracts.tvu.routes import AUDIO_AT_ONCE, AUDIO_WAITING
from daemon.contracts.tvu.schema import ExportRequest
from daemon.contracts.tvu.translation import media_export
from daemon.jobs.interfaces import NOT_UNDERSTOOD, JobStatus
from tests.daemon.contracts.tvu.conftest import Film
from tests.daemon.contracts.tvu.documents import audio_request, media_request, place, storage_info
from tests.daemon.contracts.tvu.house import AUDIO, MEDIA, PATIENCE_S, tvu_house
from tests.daemon.full_disk import full_disk
from tests.support.jobs_house import until
from tests.support.media_server import HttpServer

BEGAN_MS = 1562253592803
LOCAL = storage_info(
    place("ts", "", storage_type="LOCAL"),
    place("upload", "", "out", storage_type="LOCAL", storage_path_id="id"),
)


def audio(**changes: Any) -> dict[str, Any]:
    local = {"S3Bucket": None, "S3Region": None, "LivePath": f"x_{BEGAN_MS}_y/play.m3u8", "AudioPath": ""}
    return audio_request(**({**local, "StartPos": BEGAN_MS + 1_000, "Duration": 2_000} | changes))


def media(**changes: Any) -> dict[str, Any]:
    local = {"HiResFilePath": f"x_{BEGAN_MS}_y/play.m3u8", "StartTime": None, "storage_info": LOCAL}
    return media_request(**({**local, "StartPos": BEGAN_MS + 1_000, "Duration": 2_000} | changes))


@pytest.fixture(name="live")
def _live(recorded: Film, tmp_path: Path) -> Path:
    folder = tmp_path / "media" / f"x_{BEGAN_MS}_y"
    folder.mkdir(parents=True)
    for path in recorded.hls.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "media").rglob("*") if path.is_file())


MALFORMED = [
    ("", "the body is empty"),
    ("{", "the body is not valid JSON"),
    ("[]", "the body must be a JSON object"),
    ("5", "the body must be a JSON object"),
    (b"\xff\xfe", "the body is not UTF-8"),
    ('{"SessionId": "\\ud800"}', "the body holds a lone surrogate"),
    ("[" * 5000, "the body is"),
    ("{}", "SessionId is required"),
    ('{"SessionId": 5}', "SessionId should be a string, not empty"),
    ('{"SessionId": ""}', "SessionId should be a string, not empty"),
    ('{"SessionId": "wrong"}', "SessionId is not valid"),
    ('{"a": "' + "x" * 1024 * 1024 + '"}', "the body is larger than 1048576 bytes"),
]


async def test_a_body_that_is_no_request_is_refused(tmp_path: Path) -> None:
    async with tvu_house(tmp_path) as house:
        for body, said in MALFORMED:
            for path in (AUDIO, MEDIA):
                answer = await house.post(path, body)
                assert answer["ErrorCode"] == -1, body[:40]
                assert answer["ErrorMessage"].startswith(said), answer
                assert answer["TimeWait"] >= 0
                assert (answer.get("Status"), answer.get("Version")) == (
                    (12000, "v1") if path == MEDIA else (None, None)
                )


async def test_too_many_requests_are_refused(tmp_path: Path) -> None:
    async with tvu_house(tmp_path, max_requests_per_s=1, request_clock=lambda: 0.0) as house:
        first, second = [await house.post(MEDIA, media(media_type="avi")) for _ in range(2)]
    assert first["ErrorMessage"].startswith("media_type")
    assert second["ErrorMessage"] == "too many requests, try again later"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"LivePath": "../secret/play.m3u8"}, "LivePath should be a path"),
        ({"FileName": "../../a.flac"}, "FileName should be a file's name"),
        ({"FileName": "a.exe"}, "FileName should end with"),
        ({"Duration": 0}, "Duration should be greater than 0"),
        ({"Duration": 10**13}, "Duration should be less than or equal to"),
        ({"StartPos": BEGAN_MS + 24_000}, "the span begins 24.000 s after the beginning"),
        ({"StartPos": BEGAN_MS - 60_000}, "the span begins -60.000 s after the beginning"),
        ({"LivePath": "x/none.m3u8"}, "open x/none.m3u8: no such file or directory"),
        ({"LivePath": "x/none.m3u8", "AudioPath": "file:///etc/passwd"}, "open x/none.m3u8: no such file"),
        ({"LivePath": "x/none.m3u8", "AudioPath": "http://127.0.0.1:1/a"}, "open x/none.m3u8: no such file"),
        ({"LivePath": f"x_{BEGAN_MS}_y/garbage.m3u8"}, "the file is no HLS playlist"),
        ({"S3Bucket": "forbidden"}, "S3Bucket: this account may not use the bucket forbidden"),
    ],
)
async def test_audio_that_cannot_be_exported(
    changes: dict[str, Any], said: str, live: Path, tmp_path: Path
) -> None:
    (live / "garbage.m3u8").write_text("This is a letter.")
    before = files(tmp_path)
    async with tvu_house(tmp_path, buckets=[]) as house:
        answer = await house.post(AUDIO, audio(**changes))
    assert answer["ErrorCode"] == -1
    assert answer["ErrorMessage"].startswith(said), answer
    assert set(answer) == {"ErrorCode", "ErrorMessage", "TimeWait"}
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"HiResFilePath": "a/../../play.m3u8"}, "HiResFilePath should be a path"),
        ({"FileName": "../x"}, "FileName should be a file's name"),
        ({"storage_info": "%%%"}, "storage_info is not Base64"),
        (
            {"storage_info": storage_info(place("ts", "theirs"), place("upload", "ours"))},
            "storage_info: this account may not use the bucket theirs",
        ),
        (
            {"storage_info": storage_info(place("ts", "ours"), place("upload", "theirs"))},
            "storage_info: this account may not use the bucket theirs",
        ),
        ({"HiResFilePath": "none/play.m3u8"}, "open none/play.m3u8: no such file or directory"),
        ({"HiResFilePath": f"x_{BEGAN_MS}_y/outside.m3u8"}, "the recording refers to outside the store"),
        ({"HiResFilePath": f"x_{BEGAN_MS}_y/server.m3u8"}, "the recording refers to another server"),
        ({"HiResFilePath": f"x_{BEGAN_MS}_y/gone.m3u8"}, f"open x_{BEGAN_MS}_y/gone.m3u8: no such file"),
    ],
)
async def test_media_that_cannot_be_exported(
    changes: dict[str, Any], said: str, live: Path, tmp_path: Path
) -> None:
    for name, segment in (
        ("outside", "../../../etc/passwd"),
        ("server", "http://a.b/c.ts"),
        ("gone", "none.ts"),
    ):
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{segment}\n#EXT-X-ENDLIST\n"
        (live / f"{name}.m3u8").write_text(text)
    before = files(tmp_path)
    async with tvu_house(tmp_path, buckets=["ours"]) as house:
        answer = await house.polled(media(**changes))
    assert (answer["ErrorCode"], answer["Status"]) == (-1, 12000)
    assert answer["ErrorMessage"].startswith(said), answer
    assert files(tmp_path) == before


async def test_audio_comes_from_the_address_when_the_path_is_not_there(
    live: Path, recorded: Film, tmp_path: Path
) -> None:
    with HttpServer(recorded.hls) as server:
        async with tvu_house(tmp_path) as house:
            body = audio(LivePath=f"gone_{BEGAN_MS}_x/play.m3u8", AudioPath=server.url("play.m3u8"))
            answer = await house.post(AUDIO, body)
    assert answer["ErrorCode"] == 0, answer
    assert (tmp_path / "media" / f"gone_{BEGAN_MS}_x" / "1.flac").stat().st_size > 1000


async def test_an_export_that_takes_too_long_is_told_and_leaves_nothing(live: Path, tmp_path: Path) -> None:
    before = files(tmp_path)
    async with tvu_house(tmp_path, deadline_s=0.001) as house:
        answer = await house.post(AUDIO, audio())
    expected = "the export was not finished within 0.001 s; ask for a shorter span"
    assert (answer["ErrorCode"], answer["ErrorMessage"]) == (-1, expected)
    assert files(tmp_path) == before
    assert list((tmp_path / "jobs").iterdir()) == []


async def test_many_at_once_are_bounded(recorded: Film, tmp_path: Path) -> None:
    go = threading.Event()

    async def playlist(_: web.Request) -> web.StreamResponse:
        await asyncio.to_thread(go.wait, PATIENCE_S)
        return web.FileResponse(recorded.hls / "play.m3u8")

    taken, surplus = AUDIO_AT_ONCE + AUDIO_WAITING, 10
    with HttpServer(recorded.hls) as server:
        held = server.handle("held.m3u8", playlist)
        there = {"LivePath": f"gone_{BEGAN_MS}_x/play.m3u8", "AudioPath": held}
        async with tvu_house(tmp_path) as house:
            asked = [
                asyncio.create_task(house.post(AUDIO, audio(FileName=f"{number}.wav", **there)))
                for number in range(taken + surplus)
            ]
            for refused in islice(asyncio.as_completed(asked), surplus):
                await refused
            go.set()
            answers = await asyncio.gather(*asked)
    told = Counter(answer["ErrorMessage"] for answer in answers)
    assert told == {"": taken, "too many exports of audio at once, try again later": surplus}
    assert len([path for path in files(tmp_path) if path.suffix == ".wav"]) == taken


async def test_answers_are_counted(tmp_path: Path) -> None:
    async with tvu_house(tmp_path) as house:
        await house.post(AUDIO, "{}")
        rendered = house.metrics.render().decode()
    assert 'audiowarden_requests_total{code="-1",endpoint="exportaudio"} 1.0' in rendered


async def test_a_full_disk_is_said(live: Path, tmp_path: Path) -> None:
    before = files(tmp_path)
    async with tvu_house(tmp_path) as house:
        with full_disk(65536):
            answer = await house.post(AUDIO, audio(FileName="a.wav"))
    assert answer["ErrorCode"] == -1
    assert answer["ErrorMessage"].startswith("the result cannot be written: ")
    assert files(tmp_path) == before


TOO_LARGE = "the result is larger than 5e-05 GB, the most that it may have here"


@pytest.mark.parametrize("changes", [{}, {"not_fast_ts_extract": True}, {"media_type": "mp4"}])
async def test_a_result_that_is_too_large_is_refused(
    live: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    before = files(tmp_path)
    async with tvu_house(tmp_path, max_result_bytes=50_000) as house:
        answer = await house.polled(media(Duration=5_000, **changes))
    assert (answer["ErrorCode"], answer["Status"], answer["ErrorMessage"]) == (-1, 12000, TOO_LARGE)
    assert files(tmp_path) == before


async def test_audio_that_is_too_large_is_refused(live: Path, tmp_path: Path) -> None:
    before = files(tmp_path)
    async with tvu_house(tmp_path, max_result_bytes=50_000) as house:
        answer = await house.post(AUDIO, audio(FileName="a.wav"))
    assert (answer["ErrorCode"], answer["ErrorMessage"]) == (-1, TOO_LARGE)
    assert files(tmp_path) == before


def name_over_and_over(live: Path) -> None:
    segment = min(live.glob("*.ts")).name
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", *[f"#EXTINF:0.4,\n{segment}"] * 20_000, "#EXT-X-ENDLIST"]
    (live / "play.m3u8").write_text("\n".join(lines))


async def test_a_playlist_that_names_one_file_over_and_over_is_refused(live: Path, tmp_path: Path) -> None:
    name_over_and_over(live)
    before = files(tmp_path)
    async with tvu_house(tmp_path, max_result_bytes=10**8) as house:
        answer = await house.polled(media(Duration=7_000_000))
    assert (answer["ErrorCode"], answer["ErrorMessage"][:35]) == (-1, "the result is larger than 0.1 GB, t")
    assert files(tmp_path) == before


async def test_no_place_for_the_result_is_said_without_telling_where(live: Path, tmp_path: Path) -> None:
    async with tvu_house(tmp_path) as house:
        (tmp_path / "jobs").rmdir()
        answer = await house.post(AUDIO, audio(FileName="a.wav"))
    assert answer["ErrorCode"] == -1
    assert answer["ErrorMessage"] == "the daemon has no place for a job's files: No such file or directory"


async def test_what_another_version_was_asked_for_fails(tmp_path: Path) -> None:
    export = media_export(ExportRequest.model_validate(media_request())).export.document()
    async with tvu_house(tmp_path) as house:
        for key, request in (("empty", {}), ("newer", {**export, "form": "hologram"})):

            async def over(key: str = key) -> bool:
                state = await house.jobs.state(KIND, "acme", key)
                return state is not None and state.over

            await house.jobs.submit(KIND, "acme", key, request)
            await until(over)
            state = await house.jobs.submit(KIND, "acme", key, {})
            assert (state.status, state.error_code) == (JobStatus.FAILED, NOT_UNDERSTOOD)
            assert "another version" in state.error
