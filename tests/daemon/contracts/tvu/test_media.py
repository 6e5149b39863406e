"""`POST /api/resource/v1/i/export`, from the first request to the stored file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.daemon.contracts.tvu.conftest import FILM_S, Film, upload
from tests.daemon.contracts.tvu.documents import EXPORT, media_request, place, storage_info
from tests.daemon.contracts.tvu.house import KEY, MEDIA, tvu_house
from tests.support.object_store import ObjectServer
from tests.support.recorded import RATE_HZ, lag, run_ffmpeg, samples
from tests.support.unsealing import unsealed

WORKING = {
    "ErrorCode": 1,
    "ErrorMessage": "work not finish.",
    "Status": 11000,
    "TimeWait": 10000,
    "Version": "v1",
    "ImagePath": "",
}
DONE = {
    "ErrorCode": 5,
    "ErrorMessage": "Work Finish",
    "Status": 10000,
    "TimeWait": 0,
    "Version": "v1",
    "ImagePath": "",
}
BEGAN_MS = 1562253592803
FOLDER = f"lives/x_{BEGAN_MS}_y"
INFO = storage_info(place("ts", "recordings"), place("upload", "recordings", "out", storage_path_id="id"))


def asked(**changes: Any) -> dict[str, Any]:
    """A request of five seconds, 9.5 s after the recording's beginning."""
    changes = {
        "HiResFilePath": f"{FOLDER}/play.m3u8",
        "StartPos": BEGAN_MS + 9_500,
        "StartTime": None,
        "Duration": 5_000,
        "FileName": "piece",
        "storage_info": INFO,
        **changes,
    }
    return media_request(**changes)


@pytest.fixture(name="stored")
def _stored(recorded: Film, object_server: ObjectServer) -> ObjectServer:
    upload(object_server, recorded.hls, "recordings", FOLDER)
    upload(object_server, recorded.dash, "recordings", FOLDER)
    return object_server


def fetched(server: ObjectServer, answer: dict[str, Any], tmp_path: Path, bucket: str = "recordings") -> Path:
    """Return the result on disk."""
    key = str(answer["VideoPath"] or answer["ImagePath"]).removeprefix("/")
    path = tmp_path / key.rpartition("/")[2]
    path.write_bytes(server.get(key, bucket))
    return path


async def test_a_result_that_is_too_large_is_not_begun(stored: ObjectServer, tmp_path: Path) -> None:
    before = stored.keys()
    async with tvu_house(tmp_path, stored, max_result_bytes=50_000) as house:
        answer = await house.polled(asked(media_type="ts"))
    assert (answer["ErrorCode"], answer["Status"]) == (-1, 12000)
    assert answer["ErrorMessage"].startswith("the result is larger than ")
    assert (stored.keys(), stored.uploads()) == (before, [])


def check_sound(path: Path, recorded: Film, start_s: float, within_s: float = 0.022) -> None:
    """Look whether the sound is the film's from `start_s` on, to a packet of AAC: it is not cut."""
    heard = samples(path, RATE_HZ)
    first = round(start_s * RATE_HZ)
    behind, likeness = lag(heard, recorded.sound[first : first + len(heard)])
    assert likeness > 0.9
    assert abs(behind) / RATE_HZ < within_s


@pytest.fixture(name="long_recording", scope="session")
def _long_recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the documented request wants: an hour in pieces of 30 s, of which those of its span are there."""
    folder = tmp_path_factory.mktemp("long")
    run_ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=64x36:rate=1:duration=720"),
        *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=8000:duration=720"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-c:a", "aac", "-b:a", "16k", "-f", "hls"),
        *("-hls_time", "30", "-start_number", "92", "-hls_list_size", "0", folder / "play.m3u8"),
    )
    lines = [line for number in range(120) for line in ("#EXTINF:30.0,", f"play{number}.ts")]
    head = ["#EXTM3U", "#EXT-X-TARGETDURATION:30", "#EXT-X-PLAYLIST-TYPE:VOD"]
    (folder / "play.m3u8").write_text("\n".join([*head, *lines, "#EXT-X-ENDLIST"]))
    return folder


async def test_the_documented_request_works_as_printed(
    long_recording: Path, object_server: ObjectServer, tmp_path: Path
) -> None:
    object_server.make_bucket("ch-or-001")
    object_server.make_bucket("pp-va-001")
    folder = str(EXPORT["HiResFilePath"]).rpartition("/")[0]
    # Only what the span needs is there: 2,773 s to 3,450.603 s.
    upload(object_server, long_recording, "ch-or-001", folder)
    async with tvu_house(tmp_path, object_server) as house:
        first = await house.post(MEDIA, EXPORT)
        answer = await house.polled(EXPORT)
    path = (
        "/13effbb0b4874ad98be66654b291149a/CHANNEL/VIDEO/35f86d7cff0c427babd15fdfd860c007/"
        "CHANNELRECORDING2b_v2dv.ts"
    )
    assert first == {**WORKING, "VideoPath": path}
    # Whole segments were joined: from 2,760 s to 3,480 s.
    began_ms = 1673293611963 - 2773_000
    true = {"LackLength": 0, "StartPos": began_ms + 2760_000, "Duration": 720_000}
    assert answer == {**DONE, "VideoPath": path, **true}
    result = fetched(object_server, answer, tmp_path, "pp-va-001")
    assert len(samples(result, 8000)) / 8000 == pytest.approx(720, abs=0.5)
    assert object_server.keys("pp-va-001") == [path.removeprefix("/")]


async def test_whole_segments_are_joined_and_the_true_start_is_told(
    recorded: Film, stored: ObjectServer, tmp_path: Path
) -> None:
    async with tvu_house(tmp_path, stored) as house:
        answer = await house.polled(asked())
    assert answer == {
        **DONE,
        "VideoPath": "/out/id/piece.ts",
        "LackLength": 0,
        "StartPos": BEGAN_MS + 8_000,
        "Duration": 8_000,
    }
    expected = b"".join((recorded.hls / f"part{number}.ts").read_bytes() for number in (2, 3))
    assert stored.get("out/id/piece.ts") == expected
    # A segment of TS holds sound from before its first picture, which counts.
    check_sound(fetched(stored, answer, tmp_path), recorded, 8.0, within_s=0.1)


SOURCES = {"hls": {}, "dash": {"HiResFilePath": None, "LivePath": f"{FOLDER}/stream.mpd"}}


@pytest.mark.parametrize("packing", SOURCES)
@pytest.mark.parametrize("media_type", ["ts", "mp4", "mov"])
async def test_a_span_is_cut_without_encoding_it_again(
    media_type: str, packing: str, recorded: Film, stored: ObjectServer, tmp_path: Path
) -> None:
    body = asked(media_type=media_type, not_fast_ts_extract=True, not_fast_tvu264=True, **SOURCES[packing])
    async with tvu_house(tmp_path, stored) as house:
        answer = await house.polled(body)
    assert answer["ErrorCode"] == 5, answer
    # TS begins with the key frame before, the others exactly: 9.5 s after the recording's beginning.
    start_ms = 8_000 if media_type == "ts" else 9_500
    assert answer["VideoPath"] == f"/out/id/piece.{media_type}"
    assert answer["StartPos"] == pytest.approx(BEGAN_MS + start_ms, abs=1)
    assert answer["Duration"] == pytest.approx(14_500 - start_ms, abs=60)
    assert answer["LackLength"] <= 1
    path = fetched(stored, answer, tmp_path)
    check_sound(path, recorded, start_ms / 1000)
    frames = run_ffmpeg("-i", path, "-map", "0:v", "-s", "16x16", "-f", "rawvideo", "-pix_fmt", "gray", "-")
    assert len(frames) / 256 == pytest.approx((14_500 - start_ms) / 40, abs=2)


@pytest.mark.parametrize("packing", SOURCES)
async def test_a_thumbnail_is_of_the_exact_second(
    packing: str, recorded: Film, stored: ObjectServer, tmp_path: Path
) -> None:
    thumbnail = {"FetchMedia": None, "FetchThumb": True, "StartTime": "00:00:13", "media_type": None}
    async with tvu_house(tmp_path, stored) as house:
        answer = await house.polled(asked(**{**thumbnail, **SOURCES[packing]}))
    assert answer == {
        "ErrorCode": 0,
        "ErrorMessage": "",
        "Status": 10000,
        "TimeWait": 0,
        "Version": "v1",
        "ImagePath": "/out/id/piece.jpg",
        "VideoPath": "",
    }
    shown = grey(fetched(stored, answer, tmp_path))
    right, wrong = (grey(recorded.film, "-ss", start) for start in ("13", "11"))
    assert abs(shown - right).mean() < 3
    assert abs(shown - wrong).mean() > 3


def grey(path: Path, *options: str) -> NDArray[np.int16]:
    """Return a file's first picture, or that at a second."""
    picture = run_ffmpeg(*options, "-i", path, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", "-")
    return np.frombuffer(picture, np.uint8).astype(np.int16)


async def test_a_playlist_is_a_document_with_the_notes(stored: ObjectServer, tmp_path: Path) -> None:
    notes = {"project": "pp", "description": "eyJhIjogMX0="}
    body = asked(export_type=3, media_type="m3u8", **notes)
    async with tvu_house(tmp_path, stored) as house:
        answer = await house.polled(body)
    assert answer["VideoPath"] == "/out/id/piece.m3u8"
    assert (answer["StartPos"], answer["Duration"]) == (BEGAN_MS + 9_500, 5_000)
    document = json.loads(stored.get("out/id/piece.m3u8"))
    lines = document.pop("m3u8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        f"/{FOLDER}/part{number}.ts" for number in (2, 3)
    ]
    assert "#EXT-X-START:TIME-OFFSET=1.500,PRECISE=YES" in lines
    assert document == {
        "version": 1,
        "offset_ms": 1500,
        "duration_ms": 5000,
        "bucket": "recordings",
        "region": "us-east-1",
        **notes,
    }


async def test_an_encrypted_playlist_is_opened_by_the_accounts_key(
    stored: ObjectServer, tmp_path: Path
) -> None:
    async with tvu_house(tmp_path, stored) as house:
        answer = await house.polled(asked(export_type=4, media_type="m3u8", project="pp"))
    sealed = stored.get(answer["VideoPath"].removeprefix("/"))
    assert b"part2" not in sealed
    assert json.loads(unsealed(KEY, sealed))["project"] == "pp"


async def test_an_encrypted_playlist_needs_a_key(stored: ObjectServer, tmp_path: Path) -> None:
    before = stored.keys()
    async with tvu_house(tmp_path, stored, tvu={"descriptor_key": None}) as house:
        answer = await house.post(MEDIA, asked(export_type=4, media_type="m3u8"))
    assert (answer["ErrorCode"], answer["Status"]) == (-1, 12000)
    assert answer["ErrorMessage"].startswith("export_type 4 needs accounts.tvu.descriptor_key")
    assert stored.keys() == before


async def test_what_exists_is_not_made_again_unless_it_is_to_be(stored: ObjectServer, tmp_path: Path) -> None:
    stored.put("out/id/piece.ts", b"an older one")
    async with tvu_house(tmp_path, stored) as house:
        kept = await house.post(MEDIA, asked(is_cover=False))
        assert kept == {**DONE, "VideoPath": "/out/id/piece.ts"}
        assert stored.get("out/id/piece.ts") == b"an older one"
        assert (await house.post(MEDIA, asked()))["ErrorCode"] == 1
        assert (await house.polled(asked()))["ErrorCode"] == 5
        assert len(stored.get("out/id/piece.ts")) > 1000
        # What is gone since is made anew.
        stored.client.delete_object(Bucket="recordings", Key="out/id/piece.ts")
        assert (await house.post(MEDIA, asked()))["ErrorCode"] == 1
        assert (await house.polled(asked()))["ErrorCode"] == 5
        assert len(stored.get("out/id/piece.ts")) > 1000


async def test_who_asks_for_the_same_shares_one_job(stored: ObjectServer, tmp_path: Path) -> None:
    async with tvu_house(tmp_path, stored) as house:
        await house.polled(asked(userid="a", ServiceCaller="one"))
        again = await house.post(MEDIA, asked(UserId="b", userid=None, PeerId="another"))
        assert again["ErrorCode"] == 5
        other = await house.post(MEDIA, asked(Duration=5_001))
        assert other["ErrorCode"] == 1
        await house.polled(asked(Duration=5_001))


async def test_a_failure_is_told_once_and_then_tried_anew(stored: ObjectServer, tmp_path: Path) -> None:
    body = asked(HiResFilePath="lives/nothing/play.m3u8", StartTime="00:00:01")
    async with tvu_house(tmp_path, stored) as house:
        failed = await house.polled(body)
        assert failed == {
            "ErrorCode": -1,
            "ErrorMessage": "open lives/nothing/play.m3u8: no such file or directory",
            "Status": 12000,
            "TimeWait": 0,
            "Version": "v1",
            "ImagePath": "",
            "VideoPath": "",
        }
        assert (await house.post(MEDIA, body))["ErrorCode"] == 1
        assert (await house.polled(body))["ErrorCode"] == -1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"StartPos": BEGAN_MS + FILM_S * 1000}, "the span begins 24.000 s after the beginning"),
        ({"StartPos": BEGAN_MS - 5_000}, "the span begins -5.000 s after the beginning"),
        ({"StartPos": 0}, "the span begins -1562253592.803 s after the beginning"),
    ],
)
@pytest.mark.parametrize("media_type", ["ts", "mp4"])
async def test_a_span_outside_is_refused(
    changes: dict[str, Any], said: str, media_type: str, stored: ObjectServer, tmp_path: Path
) -> None:
    before = stored.keys()
    async with tvu_house(tmp_path, stored) as house:
        answer = await house.polled(asked(media_type=media_type, **changes))
    assert answer["ErrorCode"] == -1
    assert answer["ErrorMessage"].startswith(said)
    assert stored.keys() == before
    assert stored.uploads() == []


async def test_what_the_recording_lacks_is_told(stored: ObjectServer, tmp_path: Path) -> None:
    async with tvu_house(tmp_path, stored) as house:
        late = await house.polled(asked(StartPos=BEGAN_MS + 21_500))
        early = await house.polled(asked(StartPos=BEGAN_MS - 1_500, FileName="early"))
    assert (late["LackLength"], late["StartPos"]) == (2_500, BEGAN_MS + 20_000)
    assert (early["LackLength"], early["StartPos"]) == (1_500, BEGAN_MS)


async def test_an_export_goes_on_after_a_restart(stored: ObjectServer, tmp_path: Path) -> None:
    body = asked(media_type="mp4")
    async with tvu_house(tmp_path, stored) as house:
        assert (await house.post(MEDIA, body))["ErrorCode"] == 1
    async with tvu_house(tmp_path, stored) as house:
        assert (await house.polled(body))["ErrorCode"] == 5
    assert stored.uploads() == []


async def test_what_covers_is_made_anew_after_a_while(stored: ObjectServer, tmp_path: Path) -> None:
    now = 1000.0
    async with tvu_house(tmp_path, stored, clock=lambda: now) as house:
        assert (await house.polled(asked()))["ErrorCode"] == 5
        now += 59.0
        assert (await house.post(MEDIA, asked()))["ErrorCode"] == 5
        now += 2.0
        assert (await house.post(MEDIA, asked()))["ErrorCode"] == 1
        assert (await house.polled(asked()))["ErrorCode"] == 5
