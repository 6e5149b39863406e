"""What the contract's fields take, and what the requests mean."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from pydantic import ValidationError

from daemon.contracts.body import BodyError
from daemon.contracts.tvu.replies import explain
from daemon.contracts.tvu.schema import ExportAudioRequest, ExportRequest
from daemon.contracts.tvu.spelling import MAX_PRINTED_BYTES, parse_printed
from daemon.contracts.tvu.translation import audio_export, media_export
from daemon.exports.export import Export, Form, Span, WebAddress
from daemon.storage.interfaces import Location, Place
from pipeline.recording.recording import Container, Dated, Recording, Segment
from tests.daemon.contracts.tvu.documents import (
    AUDIO_FOLDER,
    audio_request,
    media_request,
)


def audio_of(**changes: Any) -> Export:
    return audio_export(ExportAudioRequest.model_validate(audio_request(**changes)))


def media_of(**changes: Any) -> Export:
    return media_export(ExportRequest.model_validate(media_request(**changes))).export


def recording(begins_at: float | None = None, *dates: Dated) -> Recording:
    return Recording(Container.MPEGTS, (Segment("a.ts", 0.0, 9000.0),), begins_at, dates=dates)


def fault_of(model: type[ExportAudioRequest | ExportRequest], body: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    return explain(caught.value)


def test_the_documented_request_for_audio_is_taken_as_printed() -> None:
    export = audio_of()
    there = Location("imgbed", "ap-northeast-1")
    assert export == Export(
        sources=(Place(there, f"{AUDIO_FOLDER}/stream.mpd"), WebAddress("http://1.2.3.4:90/xxx.xxx")),
        span=Span(duration_s=9.0, moment=1562253612.833, begins_at=1562253592.803),
        form=Form.FLAC,
        target=Place(there, f"{AUDIO_FOLDER}/1.flac"),
        mono=True,
    )
    assert export.span.on(recording()) == pytest.approx((20.03, 29.03))


def test_the_documented_request_for_media_is_taken_as_printed() -> None:
    export = media_of()
    path = media_request()["HiResFilePath"]
    assert export == Export(
        sources=(Place(Location("ch-or-001", "us-west-2"), path),),
        span=Span(start_s=2773.0, duration_s=677.603, moment=1673293611.963),
        form=Form.TS,
        target=Place(
            Location("pp-va-001", "us-east-1"),
            "13effbb0b4874ad98be66654b291149a/CHANNEL/VIDEO/35f86d7cff0c427babd15fdfd860c007/"
            "CHANNELRECORDING2b_v2dv.ts",
        ),
        replace=True,
    )
    assert Export.of(json.loads(json.dumps(export.document()))) == export


def test_typographic_strings_keep_what_they_say() -> None:
    printed = '{“a” ： ”it says "：，" \\\\“， "b": "“kept”：，\\""}'
    assert parse_printed(printed.encode()) == {"a": 'it says "：，" \\', "b": '“kept”：，"'}


@pytest.mark.parametrize("text", ["“", '{"a": “}', '{"a"：}', "{“a”:1", '"' * 9, "[“]", "{“a\\”: 1}"])
def test_other_faults_are_told_as_they_were_sent(text: str) -> None:
    with pytest.raises(BodyError):
        parse_printed(text.encode())


@pytest.mark.parametrize("piece", ['\\"', '"', "“", "“\\", "：", '"\\'])
def test_nothing_but_quotes_costs_no_more_than_it_must(piece: str) -> None:
    began = time.thread_time()
    with pytest.raises(BodyError):
        parse_printed(piece.encode() * (MAX_PRINTED_BYTES // len(piece.encode())))
    assert time.thread_time() - began < 1


def test_only_what_somebody_may_have_typed_is_read_as_printed() -> None:
    assert parse_printed(("{“a”：“" + "x" * 1000 + "”}").encode())
    with pytest.raises(BodyError):
        parse_printed(("{“a”：“" + "x" * MAX_PRINTED_BYTES + "”}").encode())


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (120, None),
        ("120", None),
        (16000, 16000),
        ("44100", 44100),
        (8000.0, 8000),
        (192001, None),
        (" 48000 ", 48000),
    ],
)
def test_a_sample_rate_is_a_string_or_a_number(rate: object, expected: int | None) -> None:
    assert audio_of(SampleRate=rate).sample_rate_hz == expected


@pytest.mark.parametrize("suffix", ["flac", "wav", "mp3", "m4a", "ogg", "FLAC"])
def test_the_name_decides_the_format(suffix: str) -> None:
    assert audio_of(FileName=f"a.{suffix}").form is Form(suffix.lower())


def test_without_a_bucket_it_is_the_local_root() -> None:
    export = audio_of(S3Bucket=None, LivePath="/a/play.m3u8", AudioPath="")
    assert export.sources == (Place(Location(), "a/play.m3u8"),)
    assert export.target == Place(Location(), "a/1.flac")


def test_the_recordings_beginning_is_what_it_says_then_its_folders_then_the_files() -> None:
    assert audio_of().span.on(recording(1562253602.833))[0] == pytest.approx(10.0)
    assert audio_of(LivePath="a/b.mpd").span.on(recording())[0] == 0.0
    nobody_knows = audio_of(LivePath="a/b.mpd", FileStartTimestamp=0)
    with pytest.raises(Exception, match="does not say when it began"):
        nobody_knows.span.on(recording())


REQUIRED = [
    "StartPos",
    "Duration",
    "LivePath",
    "FileName",
    "SessionId",
    "GroupId",
    "SampleRate",
    "Language",
    "UserId",
    "FileStartTimecode",
    "FileEndTimecode",
    "FileStartTimestamp",
    "FileEndTimestamp",
    "AudioPath",
]


@pytest.mark.parametrize("name", REQUIRED)
def test_audio_needs_every_documented_field(name: str) -> None:
    assert fault_of(ExportAudioRequest, audio_request(**{name: None})) == f"{name} is required"


@pytest.mark.parametrize("name", ["PeerId", "S3Region", "S3Bucket", "Uid"])
def test_audio_goes_without_the_optional_ones(name: str) -> None:
    ExportAudioRequest.model_validate(audio_request(**{name: None}))


TRAVERSALS = [
    "../x/a.mpd",
    "a/../../x.mpd",
    "a//b.mpd",
    "/../a.mpd",
    "//etc/a.mpd",
    "a/./b.mpd",
    "a\\b.mpd",
    "a\x00b",
]


@pytest.mark.parametrize("path", [*TRAVERSALS, "", "/"])
def test_a_path_stays_where_it_belongs(path: str) -> None:
    assert fault_of(ExportAudioRequest, audio_request(LivePath=path)).startswith("LivePath ")
    assert fault_of(ExportRequest, media_request(HiResFilePath=path or "/")).startswith("HiResFilePath ")


@pytest.mark.parametrize(
    "name", ["../a.flac", "a/b.flac", "..", "", ".", "a\\b.flac", "a\nb.flac", "x" * 200 + ".flac"]
)
def test_a_name_is_a_name(name: str) -> None:
    assert fault_of(ExportAudioRequest, audio_request(FileName=name)).startswith("FileName ")
    assert fault_of(ExportRequest, media_request(FileName=name)).startswith("FileName ")


@pytest.mark.parametrize("name", ["a", "a.", ".flac", "a.exe", "a.ts", "a.flac.gz"])
def test_an_unknown_format_is_refused(name: str) -> None:
    expected = "FileName should end with .flac, .wav, .mp3, .m4a or .ogg"
    assert fault_of(ExportAudioRequest, audio_request(FileName=name)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Duration": 0}, "Duration should be greater than 0"),
        ({"Duration": -1}, "Duration should be greater than 0"),
        ({"Duration": 1e300}, "Duration should be less than or equal to 86400000"),
        ({"Duration": 10**400}, "Duration should be a"),
        ({"Duration": True}, "Duration should be a valid number"),
        ({"StartPos": "1562253612833"}, "StartPos should be a valid number"),
        ({"StartPos": -1}, "StartPos should be greater than or equal to 0"),
        ({"StartPos": 10**15}, "StartPos should be less than or equal to"),
        ({"FileStartTimestamp": 1e300}, "FileStartTimestamp should be less than or equal to 4102444800000"),
        ({"FileEndTimestamp": -(10**30)}, "FileEndTimestamp should be greater than or equal to"),
        ({"FileStartTimecode": 10**4000}, "FileStartTimecode should be a"),
        ({"SampleRate": 10**4000}, "SampleRate should be a"),
        ({"SampleRate": "1" * 10}, "SampleRate should be a number of samples a second"),
        ({"AudioPath": "x" * 8193}, "AudioPath should have at most 8192 characters"),
        ({"LivePath": "x" * 1001}, "LivePath should have at most 1000 characters"),
        ({"SampleRate": "fast"}, "SampleRate should be a number of samples a second"),
        ({"SampleRate": True}, "SampleRate should be a valid"),
        ({"SampleRate": []}, "SampleRate should be a valid"),
        ({"S3Bucket": "a/b"}, "S3Bucket should be the name of a bucket"),
        ({"S3Region": "a b"}, "S3Region should match pattern"),
        ({"Language": 5}, "Language should be a valid string"),
        ({"UserId": "x" * 1025}, "UserId should have at most 1024 characters"),
    ],
)
def test_a_wrong_field_of_audio_is_named(changes: dict[str, Any], expected: str) -> None:
    assert fault_of(ExportAudioRequest, audio_request(**changes)).startswith(expected)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"FetchMedia": False}, "exactly one of FetchThumb and FetchMedia should be true"),
        ({"FetchThumb": True}, "exactly one of FetchThumb and FetchMedia should be true"),
        ({"FetchMedia": 1}, "FetchMedia should be a valid boolean"),
        ({"LivePath": "a/b.mpd"}, "exactly one of LivePath and HiResFilePath should be given"),
        ({"HiResFilePath": ""}, "exactly one of LivePath and HiResFilePath should be given"),
        ({"StartPos": None}, "StartPos is required for FetchMedia"),
        ({"Duration": None}, "Duration is required for FetchMedia"),
        ({"Duration": 0}, "Duration should be greater than 0"),
        ({"Duration": 10**12}, "Duration should be less than or equal to"),
        ({"StartTime": "46:13"}, "StartTime should be a time such as 00:46:13"),
        ({"StartTime": "00:99:13"}, "StartTime should be a time such as 00:46:13"),
        ({"StartTime": "00:46:13\n"}, "StartTime should be a time such as 00:46:13"),
        ({"media_type": None}, "media_type should be ts, mp4 or mov for export_type 0"),
        ({"media_type": "m3u8"}, "media_type should be ts, mp4 or mov for export_type 0"),
        ({"media_type": "avi"}, "media_type should be 'ts', 'mp4', 'mov' or 'm3u8'"),
        ({"media_type": "ts", "export_type": 3}, "media_type should be m3u8 for export_type 3 and 4"),
        ({"export_type": 1}, "export_type should be 0, 3 or 4"),
        ({"export_type": "0"}, "export_type should be 0, 3 or 4"),
        ({"storage_info": None}, "storage_info is required"),
        ({"storage_info": "A" * 65_540}, "storage_info should have at most 65536 characters"),
        ({"Offset": "1"}, "Offset should be a valid number"),
        ({"is_cover": "yes"}, "is_cover should be a valid boolean"),
        (
            {"FetchMedia": False, "FetchThumb": True, "StartTime": None},
            "StartTime is required for FetchThumb",
        ),
    ],
)
def test_a_wrong_field_of_media_is_named(changes: dict[str, Any], expected: str) -> None:
    assert fault_of(ExportRequest, media_request(**changes)).startswith(expected)


@pytest.mark.parametrize("media_type", ["ts", "mp4", "mov"])
def test_the_media_type_is_the_suffix(media_type: str) -> None:
    export = media_of(media_type=media_type)
    assert export.form is Form(media_type)
    assert export.target.key.endswith(f"/CHANNELRECORDING2b_v2dv.{media_type}")


def test_playlists_take_their_notes_along() -> None:
    notes = {"project": "pp", "description": "eyJhIjogMX0="}
    for export_type, form in ((3, Form.PLAYLIST), (4, Form.SEALED_PLAYLIST)):
        export = media_of(export_type=export_type, media_type="m3u8", **notes)
        assert (export.form, export.notes) == (form, notes)
        assert export.target.key.endswith(".m3u8")


def test_a_thumbnail_is_of_the_start_time() -> None:
    export = media_of(FetchMedia=None, FetchThumb=True, StartTime="01:02:03.5", media_type=None)
    assert export.form is Form.JPEG
    assert export.span == Span(start_s=3723.5)
    assert export.target.key.endswith("/CHANNELRECORDING2b_v2dv.jpg")


def test_the_offset_moves_the_start() -> None:
    export = media_of(Offset=-1963)
    assert export.span.moment == pytest.approx(1673293610.0)
    assert export.span.on(recording())[0] == pytest.approx(2771.037)
    assert export.span.on(recording(1673293600.0))[0] == pytest.approx(10.0)


def test_what_was_not_recorded_makes_a_span_shorter() -> None:
    # A minute into it, two minutes are not recorded.
    interrupted = recording(1000.0, Dated(0.0, 1000.0), Dated(60.0, 1180.0))
    span = Span(moment=1030.0, duration_s=200.0)
    assert span.on(interrupted) == (30.0, 110.0)
    assert span.began_at(interrupted, 30.0) == 1000.0
    assert Span(moment=1100.0, duration_s=100.0).on(interrupted) == (60.0, 80.0)
    assert span.began_at(interrupted, 60.0) == 1120.0


def test_the_slow_ways_are_taken_when_asked_for() -> None:
    slow = media_of(not_fast_ts_extract=True, not_fast_tvu264=True, is_cover=False)
    assert (slow.join, slow.ahead, slow.replace) == (False, 1, False)
