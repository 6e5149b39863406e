"""Recordings that go on with another codec: read on where the container lets us, and said where not."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.audio import SAMPLE_RATE_HZ
from pipeline.audio_forms import AudioForm
from pipeline.decode import Decoder
from pipeline.framing import codec_of
from pipeline.offline.audio import cut_audio, extract_audio
from pipeline.recording.opening import open_recording
from pipeline.recording.recording import Recording, RecordingError, RecordingFault
from pipeline.recording.stretches import stretches
from pipeline.source import SourceFault
from tests.support.flv_tags import AUDIO, join_tags, tags
from tests.support.folder_library import FolderLibrary
from tests.support.listening import Heard, listen
from tests.support.media_server import HttpServer, encode, flv
from tests.support.speech import tone, write_wav

PART_S = 4.0
CODECS = {
    "aac": ("-c:a", "aac"),
    "mp3": ("-c:a", "libmp3lame", "-ar", "44100"),
    "ac3": ("-c:a", "ac3", "-ar", "48000"),
    "eac3": ("-c:a", "eac3", "-ar", "48000"),
}
OTHER_PLACE = ("-c:a", "libmp3lame", "-mpegts_start_pid", "0x300")
"""MPEG-TS tells what is sent by its place in it."""
UNKNOWN = ("-c:a", "libopus", "-ar", "48000")


@pytest.fixture(name="part", scope="module")
def _part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("parts") / "part.wav", tone(PART_S))


def playlist(server: HttpServer, path: str, part: Path, *encodings: tuple[str, ...], told: bool) -> str:
    """A finished playlist whose segments have these codecs; `told`: it says where it changes."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{round(PART_S)}"]
    for number, options in enumerate(encodings):
        time = () if told else ("-output_ts_offset", str(number * PART_S))
        file = encode(part, part.parent / f"{path}-{number}.ts", *options, *time)
        segment = server.content(file.name, file.read_bytes(), "video/mp2t")
        lines += ["#EXT-X-DISCONTINUITY"] * told + [f"#EXTINF:{PART_S},", segment]
    text = "\n".join([*lines, "#EXT-X-ENDLIST", ""])
    return server.content(f"{path}.m3u8", text.encode(), "application/vnd.apple.mpegurl")


@pytest.fixture(name="recording", scope="module")
def _recording(part: Path) -> tuple[FolderLibrary, Recording]:
    """A recording that changes its codec where its playlist does not say so."""
    lines = ["#EXTM3U", f"#EXT-X-TARGETDURATION:{round(PART_S)}"]
    for number, codec in enumerate(("aac", "mp3", "aac")):
        time = ("-output_ts_offset", str(number * PART_S))
        encode(part, part.parent / f"stored-{number}.ts", *CODECS[codec], *time)
        lines += [f"#EXTINF:{PART_S},", f"stored-{number}.ts"]
    (part.parent / "stored.m3u8").write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))
    library = FolderLibrary(part.parent)
    return library, open_recording(library, "stored.m3u8", picture=False)


def loud_parts(heard: Heard) -> list[bool]:
    """Say of each second whether anything is heard in it."""
    seconds = np.array_split(heard.pcm.astype(float), round(len(heard.pcm) / SAMPLE_RATE_HZ))
    return [bool(np.abs(each).mean() > 100) for each in seconds]


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(
    "codecs", [("aac", "mp3", "ac3", "aac"), ("mp3", "eac3", "aac", "mp3"), ("ac3", "mp3", "eac3", "ac3")]
)
def test_mpeg_ts_is_read_on(codecs: tuple[str, ...], told: bool, server: HttpServer, part: Path) -> None:
    encodings = [CODECS[codec] for codec in codecs]
    heard = listen(playlist(server, f"{'-'.join(codecs)}-{told}", part, *encodings, told=told))
    assert heard.error is None
    assert heard.seconds == pytest.approx(4 * PART_S, abs=0.4)
    assert loud_parts(heard) == [True] * 16
    if not told:
        assert heard.end_s == pytest.approx(4 * PART_S, abs=0.2)


@pytest.mark.parametrize("other", [OTHER_PLACE, UNKNOWN], ids=["another place", "unknown"])
def test_what_cannot_be_read_on_is_said_once(other: tuple[str, ...], server: HttpServer, part: Path) -> None:
    heard = listen(playlist(server, f"lost-{other[1]}", part, CODECS["aac"], other, told=True))
    assert heard.seconds == pytest.approx(PART_S, abs=0.2)
    assert heard.fault is SourceFault.INVALID_DATA
    assert heard.error is not None
    assert "another codec" in str(heard.error)
    assert not heard.error.retryable


def test_flv_cannot_be_read_on_and_it_is_said(server: HttpServer, part: Path) -> None:
    aac = flv(part, "-c:a", "aac")
    sound = [tag for tag in tags(flv(part, *CODECS["mp3"])) if tag.kind == AUDIO]
    later = [replace(tag, time_ms=tag.time_ms + round(PART_S * 1000)) for tag in sound]
    heard = listen(server.content("changing.flv", join_tags(aac, [*tags(aac), *later]), "video/x-flv"))
    assert heard.seconds == pytest.approx(PART_S, abs=0.2)
    assert heard.fault is SourceFault.INVALID_DATA
    assert "another codec" in str(heard.error)


def test_one_packet_that_looks_like_another_codec_costs_no_other(part: Path) -> None:
    """Segments of MP4 have AAC without heads: it cannot say that it is AAC again."""
    mp3 = encode(part, part.parent / "strange.mp3", *CODECS["mp3"])
    with closing(av.open(str(encode(part, part.parent / "plain.mp4", "-c:a", "aac")))) as film:
        with closing(av.open(str(mp3))) as other:
            strange = [packet for packet in other.demux(audio=0) if packet.size][5:7]
        own = [packet for packet in film.demux(audio=0) if packet.size]
        decoder = Decoder(film.streams.audio[0], framed=True)
        decoded = [decoder.decode(packet) for packet in (*own[:20], *strange, *own[20:40])]
    assert decoder.changed
    assert all(decoded[2:20])
    assert all(decoded[23:])


def test_audio_that_nothing_decodes_is_said(server: HttpServer, part: Path) -> None:
    film = encode(part, part.parent / "unknown.mp4", "-c:a", "aac").read_bytes()
    # MPEG-H, for which FFmpeg has no decoder, and PyAV no context.
    film = film.replace(b"mp4a", b"mhm1").replace(b"esds", b"free")
    heard = listen(server.content("unknown.mp4", film, "video/mp4"))
    assert (heard.fault, str(heard.error)) == (SourceFault.INVALID_DATA, "none of the audio can be decoded")


def test_a_stored_recording_is_cut_and_extracted_whole(
    recording: tuple[FolderLibrary, Recording], tmp_path: Path
) -> None:
    library, stored = recording
    with closing(stretches(stored, library, 0.0, 3 * PART_S)) as pieces:
        cut = cut_audio(pieces, 0.0, 3 * PART_S, tmp_path / "cut.wav", AudioForm.WAV)
    assert cut.duration_s == pytest.approx(3 * PART_S, abs=0.2)
    assert cut.missing_s < 0.2
    with closing(stretches(stored, library, 0.0, 3 * PART_S)) as pieces:
        facts = extract_audio(next(pieces), tmp_path / "all.mp3", AudioForm.MP3)
    assert facts.duration_s == pytest.approx(3 * PART_S, abs=0.3)
    for name in ("cut.wav", "all.mp3"):
        assert loud_parts(listen(tmp_path / name)) == [True] * 12


def test_what_cannot_be_copied_is_said(recording: tuple[FolderLibrary, Recording], tmp_path: Path) -> None:
    library, stored = recording
    with (
        closing(stretches(stored, library, 0.0, 3 * PART_S)) as pieces,
        pytest.raises(RecordingError, match="another codec") as caught,
    ):
        extract_audio(next(pieces), tmp_path / "all.m4a", AudioForm.M4A)
    assert caught.value.fault is RecordingFault.UNSUPPORTED


@pytest.mark.parametrize(
    ("codec", "suffix", "options"),
    [
        ("aac", "aac", CODECS["aac"]),
        ("aac_latm", "latm", CODECS["aac"]),
        ("mp3", "mp3", (*CODECS["mp3"], "-write_xing", "0", "-id3v2_version", "0")),
        ("ac3", "ac3", CODECS["ac3"]),
        ("eac3", "eac3", CODECS["eac3"]),
        (None, "wav", ()),
    ],
)
def test_a_frame_says_its_codec(codec: str | None, suffix: str, options: tuple[str, ...], part: Path) -> None:
    content = encode(part, part.parent / f"frames.{suffix}", *options).read_bytes()
    assert codec_of(content[:6]) == codec
    assert codec_of(content[:5]) is None
