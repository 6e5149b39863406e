"""What storage_info takes, and where that says the source and the result are."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from daemon.contracts.tvu.replies import RefusedError
from daemon.contracts.tvu.schema import ExportRequest
from daemon.contracts.tvu.translation import media_export
from daemon.exports.export import Export
from daemon.storage.interfaces import Location, Place
from tests.daemon.contracts.tvu.documents import STORAGE_INFO, media_request, place, storage_info


def media_of(**changes: Any) -> Export:
    return media_export(ExportRequest.model_validate(media_request(**changes))).export


def test_the_source_is_where_the_purpose_says() -> None:
    info = storage_info(
        place("ts", "ts-bucket"), place("mp4", "mp4-bucket", "root/"), place("upload", folder="/up")
    )
    assert media_of(storage_info=info).sources[0] == Place(
        Location("ts-bucket", "us-east-1"), media_request()["HiResFilePath"]
    )
    dash = media_of(storage_info=info, HiResFilePath=None, LivePath="a/stream.mpd")
    assert dash.sources[0] == Place(Location("mp4-bucket", "us-east-1"), "root/a/stream.mpd")
    only_ts = storage_info(place("ts", "ts-bucket"), place("upload"))
    dash = media_of(storage_info=only_ts, HiResFilePath=None, LivePath="a/stream.mpd")
    assert dash.sources[0] == Place(Location("ts-bucket", "us-east-1"), "a/stream.mpd")


def test_without_a_path_id_the_folder_is_a_hash_of_what_is_asked() -> None:
    info = storage_info(place("ts"), place("upload", folder="up"))
    key = media_of(storage_info=info).target.key
    folder, name = key.rsplit("/", 1)
    assert len(folder.removeprefix("up/")) == 32
    assert name == "CHANNELRECORDING2b_v2dv.ts"
    assert media_of(storage_info=info, SessionId="another", userid="x", PeerId="p").target.key == key
    assert media_of(storage_info=info, Duration=1).target.key != key


CHINESE = [place("ts", folder="录像/一"), place("upload", folder="导出 100%")]


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        (storage_info(*CHINESE), False),
        (storage_info(*CHINESE), True),
        (quote(storage_info(*CHINESE), safe=""), True),
        (storage_info(*CHINESE, percent=lambda text: quote(text, safe="")), True),
        (storage_info(*CHINESE).rstrip("="), False),
        (storage_info(*CHINESE).replace("+", "-").replace("/", "_"), False),
    ],
)
def test_storage_info_is_percent_encoded_inside_or_outside(text: str, encoded: bool) -> None:
    export = media_of(storage_info=text, IsUriEncode=encoded)
    assert export.sources[0].key.startswith("录像/一/CHANNEL/")  # type: ignore[union-attr]  # a stored one
    assert export.target.key.startswith("导出 100%/")


def test_a_disabled_place_does_not_count() -> None:
    info = storage_info(place("ts", "first", storage_enable=False), place("ts", "second"), place("upload"))
    source = media_of(storage_info=info).sources[0]
    assert isinstance(source, Place)
    assert source.location.bucket == "second"


def test_a_local_place_needs_no_bucket() -> None:
    info = storage_info(place("ts", "", storage_type="local"), place("upload", "", storage_type="LOCAL"))
    assert media_of(storage_info=info).target.location == Location()


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ("!", "storage_info is not Base64"),
        (STORAGE_INFO[:-3] + "*", "storage_info is not Base64"),
        ("A", "storage_info is not Base64"),
        (STORAGE_INFO[4:], "storage_info: what the Base64 holds is not"),
        (STORAGE_INFO[:400], "storage_info: what the Base64 holds is not valid JSON"),
        ("e30=", "storage_info: should be a valid list"),
        ("NQ==", "storage_info: should be a valid list"),
        (storage_info(), "storage_info should hold an enabled place for the purpose ts or mp4"),
        (storage_info(place("ts")), "storage_info should hold an enabled place for the purpose upload"),
        (
            storage_info(place("upload")),
            "storage_info should hold an enabled place for the purpose ts or mp4",
        ),
        (storage_info(place("ts", storage_type="FTP")), "storage_info: storage_type should be S3 or LOCAL"),
        (storage_info(place("ts", "")), "storage_info: storage_name should name a bucket"),
        (storage_info(place("ts", "a/b")), "storage_info: 0.storage_name should be the name of a bucket"),
        (
            storage_info(place("ts"), place("upload", folder="a/../b")),
            "storage_info: 1.storage_root_folder should",
        ),
        (
            storage_info(place("ts"), place("upload", storage_path_id="../x")),
            "storage_info: 1.storage_path_id",
        ),
        (storage_info(*[place("ts")] * 33), "storage_info: should have at most 32 items"),
        (storage_info({"storage_type": "S3"}), "storage_info: 0.storage_purpose is required"),
    ],
)
def test_a_corrupted_storage_info_is_refused(info: str, expected: str) -> None:
    with pytest.raises(RefusedError) as caught:
        media_of(storage_info=info)
    assert str(caught.value).startswith(expected)
