"""Assets as documents: what an earlier version has written is read."""

from __future__ import annotations

import json
from dataclasses import replace

from daemon.contracts.vod.assets import Asset, AssetStatus
from daemon.storage.interfaces import Location, Place

WRITTEN = {
    "asset_id": "a1",
    "title": "film",
    "created_at": 1.0,
    "modified_at": 2.0,
    "status": "CREATED",
    "description": "",
    "video_type": "",
    "category_id": -1,
    "tags": "",
    "url": "",
    "place": {"bucket": "recordings", "region": "us-east-1", "key": "day/film.mp4"},
    "output": None,
    "made_from": "",
    "meta_data": {},
    "error_code": "",
    "error_msg": "",
}
ASSET = Asset("a1", "film", 1.0, 2.0, place=Place(Location("recordings", "us-east-1"), "day/film.mp4"))


def test_an_asset_is_read_as_it_was_written() -> None:
    assert Asset.read(json.dumps(WRITTEN).encode()) == ASSET
    assert json.loads(ASSET.write()) == WRITTEN
    output = replace(ASSET, output=Place(Location(), "made"), status=AssetStatus.SUCCEEDED)
    assert Asset.read(output.write()) == output


def test_what_is_made_of_an_asset_goes_beside_it() -> None:
    assert ASSET.source == ASSET.place
    assert ASSET.results == Place(Location("recordings", "us-east-1"), "day")
    assert ASSET.results.child("audio.mp3").key == "day/audio.mp3"
    top = replace(ASSET, place=Place(Location(), "film.mp4"))
    assert top.results.child("audio.mp3") == Place(Location(), "audio.mp3")
    at_an_address = replace(ASSET, place=None, url="https://example.com/a/film.mp4?x=1")
    assert (at_an_address.name, at_an_address.results) == (
        "film.mp4",
        Place(Location(), "extracted-audio"),
    )
