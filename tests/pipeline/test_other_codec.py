"""Recordings that go on with another codec: read on where the container lets us, and said where not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.audio import SAMPLE_RATE_HZ
from pipeline.framing import codec_of
from pipeline.source import SourceFault
from tests.support.flv_tags import AUDIO, join_tags, tags
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
