"""Every way in which recordings are packed gives the same sound for the same span, from no more files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from pipeline.recording.gaps import Gaps
from pipeline.recording.opening import open_recording
from pipeline.recording.recording import Container, RecordingError, RecordingFault
from pipeline.recording.stretches import stretches
from tests.support.folder_library import FolderLibrary
from tests.support.media_server import encode
from tests.support.recordings import expected, make, make_hls, media, sound_of, tones_of

HLS = {
    "ts/play.m3u8": ["ts/play3.ts", "ts/play4.ts", "ts/play5.ts"],
    "fmp4/play.m3u8": ["fmp4/init.mp4", "fmp4/play3.m4s", "fmp4/play4.m4s", "fmp4/play5.m4s"],
    "ranges/play.m3u8": ["ranges/play.ts"],
    "fmp4-ranges/play.m3u8": ["fmp4-ranges/play.m4s"],
    "aes/play.m3u8": ["aes/key.bin", "aes/play3.ts", "aes/play4.ts", "aes/play5.ts"],
    "aes-numbered/play.m3u8": [
        "aes-numbered/key.bin",
        "aes-numbered/play3.ts",
        "aes-numbered/play4.ts",
        "aes-numbered/play5.ts",
    ],
}
DASH = {
    name: [f"{name[:-11]}/{file}" for file in files]
    for name, files in {
        "timeline/stream.mpd": ["init-stream1.m4s", *(f"chunk-stream1-0000{n}.m4s" for n in (4, 5, 6))],
        "numbered/stream.mpd": ["init-stream1.m4s", *(f"chunk-stream1-0000{n}.m4s" for n in (4, 5, 6))],
        "list/stream.mpd": ["stream-stream1.mp4"],
    }.items()
}


@pytest.mark.parametrize(("name", "files"), [*HLS.items(), *DASH.items()])
@pytest.mark.parametrize("ahead", [0, 4])
def test_a_span_of_it(name: str, files: list[str], ahead: int, library: FolderLibrary) -> None:
    recording = open_recording(library, name, picture=False)
    gaps = Gaps()
    heard = tones_of(stretches(recording, library, 7, 11, ahead=ahead, gaps=gaps))
    assert heard[-5:] == expected(7, 11)
    assert media(name, library.opened) == sorted(files)
    assert len(library.opened) <= 6
    assert not gaps.all()
    assert not library.held


@pytest.mark.parametrize("name", [*HLS, *DASH])
def test_all_of_it(name: str, library: FolderLibrary) -> None:
    recording = open_recording(library, name)
    heard = recording.sound or recording
    assert recording.duration_s == pytest.approx(20, abs=0.1)
    assert tones_of(stretches(heard, library, 0, 20)) == expected(0, 19)


@pytest.mark.parametrize("name", [*HLS, *DASH])
def test_the_cut_is_exact(name: str, library: FolderLibrary) -> None:
    """The sound of a span is, sample by sample, the sound that the whole film has there."""
    whole = open_recording(library, "film.mp4")
    for stretch in stretches(whole, library, 0, 20):
        whole_at_s, samples = sound_of(stretch)
    recording = open_recording(library, name, picture=False)
    for stretch in stretches(recording, library, 9.5, 11):
        at_s, part = sound_of(stretch)
    place = round((9.5 - whole_at_s) * 44100)
    same = round((9.5 - at_s) * 44100)
    errors = [
        float(np.abs(part[same + shift : same + shift + 44100] - samples[place : place + 44100]).max())
        for shift in range(-60, 61)
    ]
    assert min(errors) < 1e-3
    # HLS says when segments begin in whole milliseconds or less, DASH in samples.
    allowed = 1 if "mpd" in name else 45
    assert abs(errors.index(min(errors)) - 60) <= allowed


def test_sound_and_picture_of_dash_lie_on_one_timeline(library: FolderLibrary) -> None:
    recording = open_recording(library, "timeline/stream.mpd")
    assert recording.sound is not None
    assert recording.sound.sound is None
    assert recording.segments[0].name == "timeline/chunk-stream0-00001.m4s"
    assert recording.sound.segments[0].name == "timeline/chunk-stream1-00001.m4s"
    assert recording.begins_at == recording.sound.begins_at


def test_without_the_picture_only_the_sound_is_read(library: FolderLibrary) -> None:
    recording = open_recording(library, "timeline/stream.mpd", picture=False)
    assert {each.name.partition("-")[2][:7] for each in recording.segments} == {"stream1"}
    assert library.opened == ["timeline/stream.mpd"]


@pytest.mark.parametrize(
    ("name", "container", "options"),
    [
        ("film.mp4", Container.MP4, ()),
        ("film.ts", Container.MPEGTS, ("-c", "copy")),
        ("film.m2ts", Container.MPEGTS, ("-c", "copy")),
        ("film.flv", Container.FLV, ("-c", "copy")),
        ("film.mkv", Container.ANY, ("-c", "copy")),
        ("film.mp3", Container.ANY, ("-vn", "-b:a", "128k")),
        ("film-without-suffix", Container.FLV, ("-c", "copy", "-f", "flv")),
    ],
)
def test_a_single_file(
    name: str, container: Container, options: tuple[str, ...], shelf: Path, library: FolderLibrary
) -> None:
    if not (shelf / name).exists():
        encode(shelf / "film.mp4", shelf / name, *options)
    recording = open_recording(library, name)
    assert recording.container is container
    assert math.isinf(recording.duration_s)
    found = []
    for stretch in stretches(recording, library, 7, 11):
        assert stretch.seekable
        assert math.isinf(stretch.duration_s)
        found += tones_of([stretch])
    assert found[7:12] == expected(7, 11)
    assert not library.held


def test_content_decides_where_the_suffix_does_not(own: FolderLibrary, shelf: Path) -> None:
    for source, name in (("ts/play.m3u8", "one"), ("timeline/stream.mpd", "two.xml")):
        (own.folder / name).write_bytes((shelf / source).read_bytes())
    assert len(open_recording(own, "one").segments) == 10
    assert len(open_recording(own, "two.xml").segments) == 10


def test_an_empty_file_is_no_recording(own: FolderLibrary) -> None:
    (own.folder / "empty.ts").write_bytes(b"")
    with pytest.raises(RecordingError) as caught:
        open_recording(own, "empty.ts")
    assert caught.value.fault is RecordingFault.INVALID


def test_a_recording_that_is_not_there(own: FolderLibrary) -> None:
    for name in ("play.m3u8", "stream.mpd", "film.mp4"):
        with pytest.raises(RecordingError) as caught:
            open_recording(own, name)
        assert caught.value.fault is RecordingFault.MISSING


def test_sound_packed_by_itself(own: FolderLibrary, shelf: Path) -> None:
    """Segments of bare ADTS frames have no time stamps: the first one read begins where its segment does."""
    make(
        *("-i", str(shelf / "film.mp4"), "-vn", "-c:a", "copy", "-f", "segment", "-segment_time", "2"),
        *("-segment_list", "play.m3u8", "-segment_format", "adts", "part%d.aac"),
        folder=own.folder,
    )
    recording = open_recording(own, "play.m3u8")
    assert recording.container is Container.ANY
    assert tones_of(stretches(recording, own, 7, 11))[-5:] == expected(7, 11)


def test_a_header_that_is_encrypted_too(own: FolderLibrary, shelf: Path) -> None:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC
    from cryptography.hazmat.primitives.padding import PKCS7

    key, vector = bytes(range(16)), bytes(range(16, 32))
    (own.folder / "key.bin").write_bytes(key)
    for source in (shelf / "fmp4").iterdir():
        content = source.read_bytes()
        if source.suffix != ".m3u8":
            padder, encryptor = PKCS7(128).padder(), Cipher(AES(key), CBC(vector)).encryptor()
            content = encryptor.update(padder.update(content) + padder.finalize())
        else:
            tag = f'#EXT-X-KEY:METHOD=AES-128,URI="key.bin",IV=0x{vector.hex()}\n#EXT-X-MAP'
            content = content.replace(b"#EXT-X-MAP", tag.encode())
        (own.folder / source.name).write_bytes(content)
    recording = open_recording(own, "play.m3u8")
    assert tones_of(stretches(recording, own, 7, 11))[-5:] == expected(7, 11)
    # Many packagers leave the header as it is.
    (own.folder / "init.mp4").write_bytes((shelf / "fmp4" / "init.mp4").read_bytes())
    assert tones_of(stretches(recording, own, 7, 11))[-5:] == expected(7, 11)


def test_runs_on_both_sides_of_a_discontinuity(own: FolderLibrary, shelf: Path) -> None:
    make_hls(shelf / "film.mp4", own.folder / "one")
    make_hls(shelf / "film.mp4", own.folder / "two")
    lines: list[str] = []
    for name in ("one", "two"):
        text = (own.folder / name / "play.m3u8").read_text()
        body = text.replace("#EXT-X-ENDLIST\n", "").splitlines()
        lines += ["#EXT-X-DISCONTINUITY"] if lines else []
        lines += [f"{name}/{line}" if line.endswith(".ts") else line for line in body]
    (own.folder / "play.m3u8").write_text("\n".join(["#EXTM3U", *lines[1:], "#EXT-X-ENDLIST"]))
    recording = open_recording(own, "play.m3u8")
    assert [each.run for each in recording.segments] == [0] * 10 + [1] * 10
    opened = len(own.opened)
    found = list(tones_of(stretches(recording, own, 17, 23)))
    seconds = [*expected(16, 19), *((20 + second, tone) for second, tone in expected(0, 3))]
    assert found == seconds[-len(found) :]
    assert {17, 18, 19, 20, 21, 22} <= {second for second, _ in found}
    assert media("play.m3u8", own.opened[opened:]) == [
        *("one/play8.ts", "one/play9.ts", "two/play0.ts", "two/play1.ts"),
    ]
