"""Assets that another version of the program left in the ledger: said, counted, told once, left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon.contracts.vod.assets import KIND, Asset, UnreadableAssetError
from tests.daemon.contracts.vod.test_assets import WRITTEN
from tests.daemon.contracts.vod.test_extraction import infos, source
from tests.support.consumer import Consumer
from tests.support.vod_house import PATIENCE_S, Caller, House, Maker, accounts, calling, house

LATER = json.dumps({**WRITTEN, "status": "MELTED"}).encode()
UNREADABLE = (503, "VOD.10051")


def changed(**fields: Any) -> bytes:
    return json.dumps({**WRITTEN, **fields}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        LATER,
        changed(title=5),
        changed(created_at="yesterday"),
        changed(place="day/film.mp4"),
        changed(place={"store": "s3", "key": "film.mp4"}),
        changed(place={"bucket": 5, "region": "", "key": "film.mp4"}),
        changed(meta_data=None),
        changed(meta_data={"seconds": 5}),
        changed(meta_data={"pack_type": "MP3"}),
        # In nanoseconds, and before there were clocks.
        changed(created_at=1_700_000_000_000_000_000),
        changed(modified_at=-1e18),
        changed(modified_at=float("nan")),
        changed(created_at=float("inf")),
        changed(title="\ud800"),
        b"[" * 100_000,
    ],
)
def test_what_this_version_cannot_read(body: bytes) -> None:
    with pytest.raises(UnreadableAssetError, match="another version"):
        Asset.read(body)


async def refused(caller: Caller, method: str, path: str, **options: Any) -> None:
    status, answer = await caller.send(method, path, **options)
    assert (status, answer["error_code"]) == UNREADABLE
    assert "another version" in answer["error_msg"]


def counted(made: House) -> list[str]:
    lines = made.metrics.render().decode().splitlines()
    return [line.split()[1] for line in lines if line.startswith("audiowarden_assets_not_understood_total")]


async def test_every_endpoint_says_so(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with house(tmp_path, Maker()) as made, calling(made.url) as caller:
            await made.ledger.documents.create(KIND, "acme", "a1", LATER)
            await refused(caller, "GET", "/details?asset_id=a1")
            await refused(caller, "POST", "/extract_audio", json={"asset_id": "a1"})
            await refused(caller, "DELETE", "/extract_audio?asset_id=a1")
            assert counted(made) == ["1.0"]
            # The version that wrote it has it back as it was.
            assert await made.ledger.documents.get(KIND, "acme", "a1") == LATER
    assert [each for each in logs if each["log_level"] == "error"] == [
        {
            "event": "stored_asset_not_understood",
            "log_level": "error",
            "group": "vod.asset acme",
            "key": "a1",
        }
    ]


async def test_audio_of_another_version_is_not_extracted_again(tmp_path: Path) -> None:
    maker = Maker()
    maker.go.set()
    async with house(tmp_path, maker) as made, calling(made.url) as caller:
        asset_id = await caller.create(**source(made.root))
        audio_id = await caller.extract(asset_id)
        await caller.reaches(audio_id, "TRANSCODE_SUCCEED")
        await made.ledger.documents.replace(KIND, "acme", audio_id, LATER)
        await refused(caller, "POST", "/extract_audio", json={"asset_id": asset_id})
        assert len(maker.made) == 1


@pytest.mark.parametrize("which", ["source", "audio"])
async def test_who_waits_for_an_extraction_hears_that_it_cannot_be_read(which: str, tmp_path: Path) -> None:
    maker = Maker()
    maker.go.set()
    async with Consumer() as consumer:
        settings = accounts(consumer.url)
        async with (
            house(tmp_path, maker, settings=settings, working=False) as made,
            calling(made.url) as caller,
        ):
            asset_id = await caller.create(**source(made.root))
            audio_id = await caller.extract(asset_id)
            other = asset_id if which == "source" else audio_id
            readable = await made.ledger.documents.get(KIND, "acme", other)
            assert readable is not None
            await made.ledger.documents.replace(KIND, "acme", other, LATER)
        with capture_logs() as logs:
            async with house(tmp_path, maker, settings=settings) as made, calling(made.url) as caller:
                await consumer.wait_for(lambda: len(consumer.taken) == 1, PATIENCE_S)
                assert counted(made) == ["1.0"]
                assert await made.ledger.documents.get(KIND, "acme", other) == LATER
                # As the version has it that can read it: it says of the audio what was told.
                await made.ledger.documents.replace(KIND, "acme", other, readable)
                assert (await caller.details(audio_id))["status"] == "TRANSCODE_FAILED"
    [info] = infos(consumer)
    assert (info["status"], info["asset_id"], info["error_code"]) == ("FAILED", audio_id, "VOD.10051")
    assert "another version" in info["error_msg"]
    assert maker.made == []
    assert not [each for each in logs if "exc_info" in each]
