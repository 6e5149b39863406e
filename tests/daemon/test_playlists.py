"""The playlist of a span, its document, and what encrypts it."""

from __future__ import annotations

import json
import math
import secrets

import pytest
from cryptography.exceptions import InvalidTag

from daemon.exports.joining import joinable
from daemon.exports.playlists import playlist_document, segments_of
from daemon.exports.sealing import key_id, seal
from daemon.storage.interfaces import CannotJoinError, Location
from pipeline.recording.recording import (
    ByteSpan,
    Container,
    Header,
    Key,
    Recording,
    RecordingError,
    RecordingFault,
    Segment,
)
from tests.support.unsealing import unsealed

PLAIN = Recording(
    Container.MPEGTS, tuple(Segment(f"a b/{index}.ts", index * 4.0, 4.0) for index in range(5)), 1000.0
)


def playlist(recording: Recording, start_s: float, end_s: float) -> list[str]:
    document = playlist_document(recording, start_s, end_s, Location("media", "eu"), recording.begins_at, {})
    return str(json.loads(document)["m3u8"]).splitlines()


def test_a_playlist_holds_the_segments_of_its_span() -> None:
    assert playlist(PLAIN, 5.5, 12.0) == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:4",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-START:TIME-OFFSET=1.500,PRECISE=YES",
        "#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:16:44.000+00:00",
        "#EXTINF:4.000000,",
        "/a%20b/1.ts",
        "#EXTINF:4.000000,",
        "/a%20b/2.ts",
        "#EXT-X-ENDLIST",
    ]


def test_the_document_holds_what_was_given_as_it_is() -> None:
    notes = {"project": "pp", "description": '说明 "x"\n'}
    document = json.loads(playlist_document(PLAIN, 5.5, 12.0, Location("media", "eu"), None, notes))
    assert document.pop("m3u8").startswith("#EXTM3U\n")
    assert document == {
        "version": 1,
        "offset_ms": 1500,
        "duration_ms": 6500,
        "bucket": "media",
        "region": "eu",
        **notes,
    }


def test_keys_headers_parts_gaps_and_discontinuities_are_written() -> None:
    key = Key("keys/1", bytes(range(16)))
    header = Header("init.mp4", ByteSpan(0, 700))
    segments = (
        Segment("a.mp4", 0.0, 2.0, ByteSpan(700, 900), header, key),
        Segment("a.mp4", 2.0, 2.0, ByteSpan(900, 1000), header, key, run=1),
        Segment("b.mp4", 4.0, 2.0, None, header, None, run=1, missing=True),
    )
    recording = Recording(Container.MP4, segments, sound=Recording(Container.MP4, segments[:1]))
    assert playlist(recording, 0.0, 6.0)[5:] == [
        '#EXT-X-KEY:METHOD=AES-128,URI="/keys/1",IV=0x000102030405060708090a0b0c0d0e0f',
        '#EXT-X-MAP:URI="/init.mp4",BYTERANGE="700@0"',
        "#EXTINF:2.000000,",
        "#EXT-X-BYTERANGE:200@700",
        "/a.mp4",
        "#EXT-X-DISCONTINUITY",
        "#EXTINF:2.000000,",
        "#EXT-X-BYTERANGE:100@900",
        "/a.mp4",
        "#EXT-X-KEY:METHOD=NONE",
        "#EXT-X-GAP",
        "#EXTINF:2.000000,",
        "/b.mp4",
        "#EXT-X-ENDLIST",
    ]
    document = json.loads(playlist_document(recording, 0.0, 1.0, None, None, {}))
    assert document["m3u8_sound"].count("#EXTINF") == 1
    assert "bucket" not in document


def test_a_span_without_segments_has_no_playlist() -> None:
    with pytest.raises(RecordingError, match="nothing of this span") as caught:
        segments_of(PLAIN, 20.0, 30.0)
    assert caught.value.fault is RecordingFault.OUTSIDE
    with pytest.raises(RecordingError, match="single file"):
        segments_of(Recording(Container.MP4, (Segment("a.mp4", 0.0, math.inf),)), 0.0, 1.0)


def test_whole_segments_in_the_clear_can_be_joined() -> None:
    assert [each.name for each in joinable(PLAIN, 4.0, 8.1)] == ["a b/1.ts", "a b/2.ts"]


@pytest.mark.parametrize(
    ("segments", "container"),
    [
        ((Segment("a", 0.0, 4.0),), Container.MP4),
        ((Segment("a", 0.0, 4.0, key=Key("k", bytes(16))),), Container.MPEGTS),
        ((Segment("a", 0.0, 2.0), Segment("b", 2.0, 2.0, run=1)), Container.MPEGTS),
        ((Segment("a", 0.0, 2.0), Segment("b", 2.0, 2.0, missing=True)), Container.MPEGTS),
        ((Segment("a", 0.0, math.inf),), Container.MPEGTS),
    ],
)
def test_others_cannot(segments: tuple[Segment, ...], container: Container) -> None:
    with pytest.raises(CannotJoinError):
        joinable(Recording(container, segments), 0.0, 4.0)


def test_what_is_sealed_is_opened_by_its_key_alone() -> None:
    key = secrets.token_bytes(32)
    sealed = seal(key, b"a playlist")
    header = json.loads(sealed)["header"]
    assert (header["cipher"], header["key_id"]) == ("AES-256-GCM", key_id(key))
    assert b"playlist" not in sealed
    assert unsealed(key.hex(), sealed) == b"a playlist"
    with pytest.raises(InvalidTag):
        unsealed(secrets.token_bytes(32).hex(), sealed)
    changed = json.loads(sealed)
    changed["header"]["key_id"] = "00000000"
    with pytest.raises(InvalidTag):
        unsealed(key.hex(), json.dumps(changed).encode())


def test_the_same_is_never_sealed_the_same() -> None:
    key = secrets.token_bytes(32)
    assert seal(key, b"x") != seal(key, b"x")
