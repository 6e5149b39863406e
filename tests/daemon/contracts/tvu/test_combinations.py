"""Every combination of the documents' fields, as tables: what is exported, or why it is refused."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import pytest
from pydantic import ValidationError

from daemon.contracts.tvu.replies import RefusedError, explain
from daemon.contracts.tvu.schema import ExportAudioRequest, ExportRequest
from daemon.contracts.tvu.translation import MediaExport, audio_export, media_export
from daemon.exports.export import Form, WebAddress
from daemon.storage.interfaces import Location, Place
from tests.daemon.contracts.tvu.documents import audio_request, media_request, place, storage_info

BEGAN_MS = 1562253592803
AUDIO_FORMS = {
    "1.flac": Form.FLAC, "1.wav": Form.WAV, "1.mp3": Form.MP3, "1.m4a": Form.M4A, "1.ogg": Form.OGG,
}  # fmt: skip
BUCKETS = {
    (None, None): Location(),
    ("", ""): Location(),
    (None, "us-east-1"): Location(),
    ("imgbed", None): Location("imgbed"),
    ("imgbed", "us-east-1"): Location("imgbed", "us-east-1"),
}
ADDRESSES = {"": (), "http://a.example/1.m4a": (WebAddress("http://a.example/1.m4a"),)}
RATES = {120: None, "120": None, 16000: 16000, "16000": 16000}
OPTIONAL: tuple[dict[str, Any], ...] = ({}, {"PeerId": "4D74"}, {"Uid": "1"}, {"PeerId": "4D74", "Uid": "1"})


@pytest.mark.parametrize("name", AUDIO_FORMS)
def test_every_request_for_audio(name: str) -> None:
    for (bucket, region), address, rate, more in product(BUCKETS, ADDRESSES, RATES, OPTIONAL):
        fields = {"S3Bucket": bucket, "S3Region": region, "AudioPath": address, "SampleRate": rate}
        body = audio_request(**{"PeerId": None, "Uid": None, **more, **fields}, FileName=name)
        export = audio_export(ExportAudioRequest.model_validate(body))
        there = BUCKETS[bucket, region]
        folder = body["LivePath"].rpartition("/")[0]
        assert export.sources == (Place(there, body["LivePath"]), *ADDRESSES[address]), body
        assert export.target == Place(there, f"{folder}/{name}"), body
        assert (export.form, export.sample_rate_hz) == (AUDIO_FORMS[name], RATES[rate]), body
        assert (export.mono, export.replace) == (True, True), body


class Kind(NamedTuple):
    """What is to be made."""

    fields: dict[str, Any]
    form: Form | None
    """None: refused."""
    suffix: str = ""


THUMB = {"FetchThumb": True, "FetchMedia": False}
MEDIA = {"FetchMedia": True, "FetchThumb": False}
KINDS = (
    Kind({**MEDIA, "export_type": 0, "media_type": "ts"}, Form.TS, "ts"),
    Kind({**MEDIA, "export_type": None, "media_type": "ts"}, Form.TS, "ts"),
    Kind({**MEDIA, "export_type": 0, "media_type": "mp4"}, Form.MP4, "mp4"),
    Kind({**MEDIA, "export_type": 0, "media_type": "mov"}, Form.MOV, "mov"),
    Kind({**MEDIA, "export_type": 0, "media_type": "m3u8"}, None),
    Kind({**MEDIA, "export_type": 0, "media_type": None}, None),
    Kind({**MEDIA, "export_type": 3, "media_type": "m3u8"}, Form.PLAYLIST, "m3u8"),
    Kind({**MEDIA, "export_type": 3, "media_type": None}, Form.PLAYLIST, "m3u8"),
    Kind({**MEDIA, "export_type": 3, "media_type": "ts"}, None),
    Kind({**MEDIA, "export_type": 4, "media_type": "m3u8"}, Form.SEALED_PLAYLIST, "m3u8"),
    Kind({**MEDIA, "export_type": 4, "media_type": "mov"}, None),
    # Of a thumbnail neither counts.
    *(
        Kind({**THUMB, "export_type": number, "media_type": media_type}, Form.JPEG, "jpg")
        for number, media_type in product((0, 3, 4), (None, "ts", "m3u8"))
    ),
    Kind({"FetchMedia": True, "FetchThumb": True, "media_type": "ts"}, None),
    Kind({"FetchMedia": None, "FetchThumb": None, "media_type": "ts"}, None),
)
PATHS = {
    (f"l/{BEGAN_MS}/a.mpd", None): "mp4-bucket",
    (None, f"l/{BEGAN_MS}/a.m3u8"): "ts-bucket",
    (f"l/{BEGAN_MS}/a.mpd", f"l/{BEGAN_MS}/a.m3u8"): None,
    (None, None): None,
}
"""By LivePath and HiResFilePath; None: refused."""
SPANS = tuple(product((None, BEGAN_MS + 9_000), (None, "00:00:13"), (None, -500), (None, 5_000)))
"""StartPos, StartTime, Offset, Duration."""
FLAGS = ("is_cover", "not_fast_ts_extract", "not_fast_tvu264", "IsUriEncode")
INFO = storage_info(
    place("ts", "ts-bucket"),
    place("mp4", "mp4-bucket"),
    place("upload", "uploads", "out", storage_path_id="id"),
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind.fields.values())))
def test_every_request_for_media(kind: Kind) -> None:
    for paths, (moment, clock, offset, duration) in product(PATHS, SPANS):
        body = media_request(
            LivePath=paths[0], HiResFilePath=paths[1], storage_info=INFO, is_cover=None, FileName="a",
            **kind.fields, StartPos=moment, StartTime=clock, Offset=offset, Duration=duration,
        )  # fmt: skip
        thumbnail = kind.form is Form.JPEG
        needed = clock if thumbnail else moment and duration
        bucket = PATHS[paths]
        if kind.form is None or bucket is None or needed is None:
            with pytest.raises(ValidationError) as caught:
                ExportRequest.model_validate(body)
            assert explain(caught.value), body
            continue
        export = exported(body).export
        assert export.form is kind.form, body
        assert export.sources == (Place(Location(bucket, "us-east-1"), paths[0] or paths[1] or ""),)
        assert export.target == Place(Location("uploads", "us-east-1"), f"out/id/a.{kind.suffix}")
        later_s = (offset or 0) / 1000
        if thumbnail:
            assert (export.span.start_s, export.span.moment) == (13.0, None), body
        else:
            start_s = None if clock is None else 13.0 + later_s
            assert (export.span.start_s, export.span.moment) == (start_s, BEGAN_MS / 1000 + 9 + later_s), body
            assert (export.span.duration_s, export.span.begins_at) == (5.0, BEGAN_MS / 1000), body


@pytest.mark.parametrize("values", list(product((None, False, True), repeat=len(FLAGS))))
def test_every_flag(values: tuple[bool | None, ...]) -> None:
    flags = dict(zip(FLAGS, values, strict=True))
    asked = exported(media_request(**flags, StartTime=None))
    cover, slow_ts, slow_264, _ = (bool(value) for value in values)
    assert (asked.export.replace, asked.export.join) == (cover, not slow_ts)
    assert asked.export.ahead == (1 if slow_264 else 4)
    # What is not given is what is false.
    assert (
        asked.key
        == exported(media_request(**{name: bool(flags[name]) for name in FLAGS}, StartTime=None)).key
    )


PEOPLE = ("SessionId", "PeerId", "UserId", "ServiceCaller", "userid")
NOTES = ("project", "description")


def test_who_asks_makes_no_other_export_and_everything_else_does() -> None:
    first = exported(media_request())
    for name in PEOPLE:
        assert exported(media_request(**{name: "somebody else"})).key == first.key
    others: tuple[dict[str, Any], ...] = (
        {"StartPos": 1673293611964}, {"StartTime": "00:46:14"}, {"Offset": 1}, {"Duration": 1},
        {"HiResFilePath": "a/b.m3u8"}, {"FileName": "b"}, {"media_type": "mp4"}, {"is_cover": False},
        {"not_fast_ts_extract": True}, {"not_fast_tvu264": True}, {"storage_info": INFO},
        *({name: "x"} for name in NOTES),
    )  # fmt: skip
    for changes in others:
        assert exported(media_request(**changes)).key != first.key, changes


@pytest.mark.parametrize("export_type", [0, 3, 4])
@pytest.mark.parametrize(
    "notes", [{}, {"project": "pp"}, {"description": "d"}, {"project": "p", "description": ""}]
)
def test_notes_go_into_playlists_only(notes: dict[str, str], export_type: int) -> None:
    media_type = "m3u8" if export_type else "ts"
    export = exported(media_request(export_type=export_type, media_type=media_type, **notes)).export
    assert export.notes == ({"project": "", "description": "", **notes} if export_type else {})


@pytest.mark.parametrize("disabled", [(), ("ts",), ("mp4",), ("ts", "mp4"), ("upload",)])
def test_every_set_of_places(disabled: tuple[str, ...]) -> None:
    info = storage_info(
        *(
            place(each, f"{each}-bucket", storage_enable=each not in disabled)
            for each in ("ts", "mp4", "upload")
        )
    )
    left = [each for each in ("ts", "mp4") if each not in disabled]
    body = media_request(storage_info=info)
    if not left or "upload" in disabled:
        with pytest.raises(RefusedError):
            exported(body)
        return
    source = exported(body).export.sources[0]
    assert isinstance(source, Place)
    assert source.location.bucket == f"{left[0]}-bucket"


def exported(body: dict[str, Any]) -> MediaExport:
    return media_export(ExportRequest.model_validate(body))
