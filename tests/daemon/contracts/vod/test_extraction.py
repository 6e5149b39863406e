"""An extraction from the request to the event of its end, on a real server, ledger, folder and consumer."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.contracts.vod.extraction import KIND
from daemon.jobs.interfaces import NOT_UNDERSTOOD, JobState
from pipeline.audio_forms import AudioForm
from pipeline.encode import AudioFile, NoRoomError
from pipeline.recording.recording import RecordingError, RecordingFault
from tests.daemon.full_disk import no_room
from tests.support.consumer import Consumer
from tests.support.jobs_house import until
from tests.support.vod_house import PATIENCE_S, PROJECT, Maker, accounts, calling, eventually, house

pytestmark = pytest.mark.usefixtures("nothing_blocks")


def infos(consumer: Consumer) -> list[dict[str, Any]]:
    assert all(each["event_type"] == "audioExtractComplete" for each in consumer.taken)
    return [each["audio_extract_info"] for each in consumer.taken]


def source(root: Path, key: str = "shows/evening.mp4") -> dict[str, Any]:
    path = root / key
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(b"a film")
    return {"input": {"object": key}, "title": "Evening show"}


async def test_from_the_request_to_the_event(tmp_path: Path) -> None:
    maker = Maker()
    async with (
        Consumer() as consumer,
        house(tmp_path, maker, settings=accounts(consumer.url)) as made,
        calling(made.url) as caller,
    ):
        asset_id = await caller.create(**source(made.root))
        details = await caller.details(asset_id)
        assert (details["status"], details["base_info"]["title"]) == ("CREATED", "Evening show")
        assert details["transcode_info"]["transcode_status"] == "UN_TRANSCODE"
        assert details["base_info"]["source_path"]["object"] == "shows/evening.mp4"

        audio_id = await caller.extract(asset_id, parameter={"format": "AAC"})
        working = await caller.reaches(audio_id, "TRANSCODING")
        assert "video_url" not in working["base_info"]
        assert working["transcode_info"] == {
            "transcode_status": "TRANSCODING", "exec_desc": "", "output": [],
        }  # fmt: skip
        maker.go.set()
        done = await caller.reaches(audio_id, "TRANSCODE_SUCCEED")
        await consumer.wait_for(lambda: len(consumer.taken) == 1, PATIENCE_S)

        key = f"shows/{audio_id}.m4a"
        assert (made.root / key).read_bytes() == b"m4a of a film"
        assert done["base_info"]["output_path"] == {"bucket": "", "location": "", "object": key}
        assert done["base_info"]["video_url"].startswith(f"http://daemon.example/objects/{key}?")
        meta_data = done["base_info"]["meta_data"]
        assert meta_data == {
            "pack_type": "M4A", "codec": "AAC", "audio_codec": "AAC", "duration": 2, "duration_ms": 2500,
            "video_size": 13, "width": 0, "hight": 0, "bit_rate": 0, "frame_rate": 0, "audio_channels": 2,
        }  # fmt: skip
        [info] = infos(consumer)
        assert info.pop("url").startswith(f"http://daemon.example/objects/{key}?")
        assert info == {
            "status": "SUCCEED", "asset_id": audio_id, "title": "Evening show",
            "meta_data": {**meta_data, "play_type": "m4a"},
        }  # fmt: skip
        assert consumer.received[0].headers["X-Audiowarden-Delivery"] == f"vod.{PROJECT}_{audio_id}.1"
    assert list((tmp_path / "data" / "jobs").iterdir()) == []


async def test_asking_again_shares_what_waits_and_begins_anew_what_is_over(tmp_path: Path) -> None:
    maker = Maker()
    async with (
        Consumer() as consumer,
        house(tmp_path, maker, settings=accounts(consumer.url)) as made,
        calling(made.url) as caller,
    ):
        asset_id = await caller.create(**source(made.root))
        ids = await asyncio.gather(*(caller.extract(asset_id) for _ in range(5)))
        assert len(set(ids)) == 1
        assert await caller.extract(asset_id, parameter={"format": "AAC"}) not in ids
        maker.go.set()
        await consumer.wait_for(lambda: len(consumer.taken) == 2, PATIENCE_S)
        assert len(maker.made) == 2

        assert await caller.extract(asset_id) == ids[0]
        await consumer.wait_for(lambda: len(consumer.taken) == 3, PATIENCE_S)
        assert [info["asset_id"] for info in infos(consumer)].count(ids[0]) == 2


@pytest.mark.parametrize(
    ("fault", "times", "code"),
    [
        (RecordingFault.INVALID, 1, "VOD.10063"),
        (RecordingFault.MISSING, 1, "VOD.10062"),
        (RecordingFault.REFUSED, 1, "VOD.10074"),
        (RecordingFault.UNREACHABLE, 3, "VOD.10051"),
    ],
)
async def test_a_failure_is_told_and_nothing_is_stored(
    tmp_path: Path, fault: RecordingFault, times: int, code: str
) -> None:
    maker = Maker(fault=RecordingError(fault, "the file is no film"))
    maker.go.set()
    async with (
        Consumer() as consumer,
        house(tmp_path, maker, settings=accounts(consumer.url)) as made,
        calling(made.url) as caller,
    ):
        asset_id = await caller.create(**source(made.root))
        audio_id = await caller.extract(asset_id)
        await consumer.wait_for(lambda: len(consumer.taken) == 1, PATIENCE_S)
        assert infos(consumer) == [
            {
                "status": "FAILED",
                "asset_id": audio_id,
                "error_code": code,
                "error_msg": "The file is no film.",
            }
        ]
        assert len(maker.made) == times
        details = await caller.reaches(audio_id, "TRANSCODE_FAILED")
        assert details["transcode_info"]["exec_desc"] == f"{code} The file is no film."
        assert [path.name for path in (made.root / "shows").iterdir()] == ["evening.mp4"]

        maker.fault = None
        assert await caller.extract(asset_id) == audio_id
        await consumer.wait_for(lambda: len(consumer.taken) == 2, PATIENCE_S)
        assert infos(consumer)[1]["status"] == "SUCCEED"


async def test_a_store_that_goes_away_is_tried_again_and_then_said(tmp_path: Path) -> None:
    maker = Maker()
    async with (
        Consumer() as consumer,
        house(tmp_path, maker, settings=accounts(consumer.url)) as made,
        calling(made.url) as caller,
    ):
        asset_id = await caller.create(**source(made.root))
        await caller.extract(asset_id)
        await until(lambda: len(maker.made) == 1)
        away = made.root.rename(tmp_path / "away")
        maker.go.set()
        await consumer.wait_for(lambda: len(consumer.taken) == 1, PATIENCE_S)
        [info] = infos(consumer)
        assert (info["status"], info["error_code"]) == ("FAILED", "VOD.10051")
        assert len(maker.made) == 3

        away.rename(made.root)
        await caller.extract(asset_id)
        await consumer.wait_for(lambda: len(consumer.taken) == 2, PATIENCE_S)
        assert infos(consumer)[1]["status"] == "SUCCEED"


def fill(target: Path) -> None:
    with AudioFile(target, AudioForm.WAV, 16_000) as file:
        file.write(np.zeros(1_000_000, np.int16))


async def test_a_full_disk_is_tried_again_and_then_said(tmp_path: Path) -> None:
    maker = Maker()
    maker.go.set()
    with pytest.raises(NoRoomError) as full:
        await asyncio.to_thread(fill, no_room(tmp_path))
    maker.fault = full.value
    async with (
        Consumer() as consumer,
        house(tmp_path, maker, settings=accounts(consumer.url)) as made,
        calling(made.url) as caller,
    ):
        await caller.extract(await caller.create(**source(made.root)))
        await consumer.wait_for(lambda: len(consumer.taken) == 1, PATIENCE_S)
        [info] = infos(consumer)
        assert (info["status"], info["error_code"]) == ("FAILED", "VOD.10051")
        assert info["error_msg"] == "There is no room for the result on the disk of the daemon."
        assert len(maker.made) == 3


async def test_audio_that_is_too_large_is_said_once(tmp_path: Path) -> None:
    maker = Maker()
    maker.go.set()
    async with (
        Consumer() as consumer,
        house(tmp_path, maker, settings=accounts(consumer.url), max_result_bytes=5) as made,
        calling(made.url) as caller,
    ):
        await caller.extract(await caller.create(**source(made.root)))
        await consumer.wait_for(lambda: len(consumer.taken) == 1, PATIENCE_S)
        [info] = infos(consumer)
        assert (info["status"], info["error_code"]) == ("FAILED", "VOD.10063")
        assert info["error_msg"] == "The result is larger than 5e-09 GB, the most that it may have here."
        assert len(maker.made) == 1
        assert [path.name for path in made.root.rglob("*.*")] == ["evening.mp4"]


async def test_events_are_in_order_and_outlast_a_consumer_that_is_down(tmp_path: Path) -> None:
    maker, failures = Maker(), [503, 500, 404]
    maker.go.set()
    async with (
        Consumer(lambda _: failures.pop() if failures else 200) as consumer,
        house(tmp_path, maker, settings=accounts(consumer.url)) as made,
        calling(made.url) as caller,
    ):
        asset_id = await caller.create(**source(made.root))
        audio_ids = []
        for audio_format in ("MP3", "AAC"):
            audio_ids.append(await caller.extract(asset_id, parameter={"format": audio_format}))
            await caller.reaches(audio_ids[-1], "TRANSCODE_SUCCEED")
        await consumer.wait_for(lambda: len(consumer.taken) == 2, PATIENCE_S)
        assert [info["asset_id"] for info in infos(consumer)] == audio_ids
        assert [each.status for each in consumer.received] == [404, 500, 503, 200, 200]


async def test_only_what_waits_is_cancelled(tmp_path: Path) -> None:
    maker = Maker()
    async with house(tmp_path, maker) as made, calling(made.url) as caller:
        asset_id = await caller.create(**source(made.root))
        begun = await caller.extract(asset_id)
        await caller.reaches(begun, "TRANSCODING")
        waits = await caller.extract(asset_id, parameter={"format": "AAC"})

        answers = [
            await caller.send("DELETE", f"/extract_audio?asset_id={each}")
            for each in (begun, asset_id, waits)
        ]
        assert [status for status, _ in answers] == [400, 204, 400]
        assert [answer and answer["error_code"] for _, answer in answers] == ["VOD.10083", None, "VOD.10083"]
        maker.go.set()
        await caller.reaches(begun, "TRANSCODE_SUCCEED")
        await caller.reaches(waits, "CANCELLED")
        assert len(maker.made) == 1
        status, answer = await caller.send("DELETE", "/extract_audio?asset_id=unknown")
        assert (status, answer["error_code"]) == (400, "VOD.10062")


async def test_a_stop_in_the_middle_leaves_nothing_and_the_next_daemon_does_it(tmp_path: Path) -> None:
    maker = Maker()
    async with Consumer() as consumer:
        settings = accounts(consumer.url)
        async with house(tmp_path, maker, settings=settings) as made, calling(made.url) as caller:
            asset_id = await caller.create(**source(made.root))
            audio_id = await caller.extract(asset_id)
            await until(lambda: len(maker.made) == 1)
        assert [path.name for path in (made.root / "shows").iterdir()] == ["evening.mp4"]
        assert list((tmp_path / "data" / "jobs").iterdir()) == []

        maker.go.set()
        async with house(tmp_path, maker, settings=settings) as made, calling(made.url) as caller:
            await caller.reaches(audio_id, "TRANSCODE_SUCCEED")
            await consumer.wait_for(lambda: len(consumer.taken) == 1, PATIENCE_S)
        assert len(maker.made) == 2


async def test_too_many_that_wait_are_told_to_come_later(tmp_path: Path) -> None:
    async with house(tmp_path, Maker(), working=False) as made, calling(made.url) as caller:
        asset_ids = [await caller.create(**source(made.root)) for _ in range(4)]
        for asset_id in asset_ids[:3]:
            await caller.extract(asset_id)
        status, answer = await caller.send("POST", "/extract_audio", json={"asset_id": asset_ids[3]})
        assert (status, answer["error_code"]) == (429, "APIG.0308")

        async def waits() -> dict[str, Any] | None:
            details = await caller.details(await caller.extract(asset_ids[0]))
            return details if details["status"] == "WAITING_TRANSCODE" else None

        await eventually(waits)


@pytest.mark.parametrize("wish", [{}, {"asset_id": "a"}, {"asset_id": "a", "format": "OPUS"}])
async def test_what_another_version_was_asked_for_fails(wish: dict[str, str], tmp_path: Path) -> None:
    async with house(tmp_path, Maker()) as made:
        await made.jobs.submit(KIND, "acme", "k", wish)

        async def over() -> JobState | None:
            state = await made.jobs.state(KIND, "acme", "k")
            return state if state is not None and state.over else None

        assert (await eventually(over)).error_code == NOT_UNDERSTOOD


async def test_an_asset_of_a_later_version_is_read(tmp_path: Path) -> None:
    async with house(tmp_path, Maker()) as made, calling(made.url) as caller:
        asset_id = await caller.create(**source(made.root))
        [(_, body)] = await made.ledger.documents.page("vod.asset", "acme", 9)
        later = json.dumps({**json.loads(body), "watermark": True}).encode()
        await made.ledger.documents.replace("vod.asset", "acme", asset_id, later)
        assert (await caller.details(asset_id))["base_info"]["title"] == "Evening show"
