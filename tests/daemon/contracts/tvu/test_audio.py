"""`POST /exportaudio`, from request to stored file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.daemon.contracts.tvu.conftest import FILM_S, Film, upload
from tests.daemon.contracts.tvu.documents import AUDIO_FOLDER, EXPORT_AUDIO, audio_request
from tests.daemon.contracts.tvu.house import AUDIO, tvu_house
from tests.support.object_store import ObjectServer
from tests.support.recorded import RATE_HZ, lag, samples

LIKE = 0.97
"""Of what went through AAC."""


def check(path: Path, recorded: Film, start_s: float, duration_s: float) -> None:
    """Look whether a file is that piece of the film's sound, to 2 ms."""
    heard = samples(path, RATE_HZ)
    assert len(heard) / RATE_HZ == pytest.approx(duration_s, abs=0.05)
    first = round(start_s * RATE_HZ)
    behind, likeness = lag(heard, recorded.sound[first : first + len(heard)])
    assert likeness > LIKE
    assert abs(behind) / RATE_HZ < 0.002


async def test_the_documented_request_works_as_printed(
    recorded: Film, object_server: ObjectServer, tmp_path: Path
) -> None:
    object_server.make_bucket("imgbed")
    before = upload(object_server, recorded.dash, "imgbed", AUDIO_FOLDER)
    # The folder says when the recording began: StartPos lies 20.03 s after, and the recording lasts 24 s.
    async with tvu_house(tmp_path, object_server) as house:
        answer = await house.post(AUDIO, EXPORT_AUDIO)
    assert (answer["ErrorCode"], answer["ErrorMessage"]) == (0, "")
    assert 0 < answer["TimeWait"] < 60_000
    target = f"{AUDIO_FOLDER}/1.flac"
    assert sorted(object_server.keys("imgbed")) == sorted([*before, target])
    path = tmp_path / "1.flac"
    path.write_bytes(object_server.get(target, "imgbed"))
    check(path, recorded, 20.03, FILM_S - 20.03)


def local_request(**changes: Any) -> dict[str, Any]:
    local = {
        "S3Bucket": None,
        "S3Region": None,
        "LivePath": "lives/x_1562253592803_y/play.m3u8",
        "StartPos": 1562253592803 + 5_300,
        "Duration": 6_100,
        "AudioPath": "",
    }
    return audio_request(**(local | changes))


@pytest.fixture(name="live")
def _live(recorded: Film, tmp_path: Path) -> Path:
    folder = tmp_path / "media" / "lives" / "x_1562253592803_y"
    folder.mkdir(parents=True)
    for path in recorded.hls.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.mark.parametrize("suffix", ["flac", "wav", "mp3", "m4a", "ogg"])
async def test_every_format_is_made(suffix: str, recorded: Film, live: Path, tmp_path: Path) -> None:
    async with tvu_house(tmp_path) as house:
        answer = await house.post(AUDIO, local_request(FileName=f"a.{suffix}"))
    assert answer["ErrorCode"] == 0, answer
    check(live / f"a.{suffix}", recorded, 5.3, 6.1)
