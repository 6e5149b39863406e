"""What cannot be opened and why, and what a stranger's address may not reach."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from config.settings import NetworkSettings
from pipeline.network.addresses import AddressPolicy
from pipeline.readers import FileReader, UrlReader
from pipeline.source import SourceFault
from tests.support.flv_tags import AUDIO, rewrite
from tests.support.listening import listen, no_matter
from tests.support.media_server import (
    HttpServer,
    encode,
    ffmpeg_exe,
    free_port,
    paced,
)


def video(folder: Path, name: str, *options: str) -> Path:
    """Write a film; `options` come after its picture's input."""
    picture = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=8"]
    command = [ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *picture, *options]
    target = folder / name
    subprocess.run([*command, "-c:v", "libx264", "-pix_fmt", "yuv420p", str(target)], check=True, timeout=60)
    return target


# What cannot be opened, and why.


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", SourceFault.INVALID_DATA),
        (b"<html><body>Not here</body></html>" * 50, SourceFault.INVALID_DATA),
        (np.random.default_rng(1).bytes(200_000), SourceFault.INVALID_DATA),
        (b"#EXTM3U\n#EXT-X-VERSION:3\n", SourceFault.INVALID_DATA),
    ],
    ids=["nothing", "html", "noise", "empty playlist"],
)
def test_garbage(content: bytes, expected: SourceFault, server: HttpServer, folder: Path) -> None:
    assert listen(server.content("garbage", content)).fault is expected
    (folder / "garbage").write_bytes(content)
    local = listen(folder / "garbage")
    assert local.fault is expected
    assert local.error is not None
    assert not local.error.retryable


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, SourceFault.NOT_AUTHORISED),
        (403, SourceFault.CANNOT_OPEN),
        (404, SourceFault.CANNOT_OPEN),
        (500, SourceFault.CANNOT_OPEN),
    ],
)
@pytest.mark.parametrize("suffix", ["flv", "m3u8"])
def test_http_statuses(status: int, expected: SourceFault, suffix: str, server: HttpServer) -> None:
    url = server.status(f"status.{suffix}", status) + "?token=geheim"
    heard = listen(url)
    assert heard.fault is expected
    assert "geheim" not in str(heard.error)


@pytest.mark.parametrize("scheme", ["rtmp", "http"])
def test_nobody_listens(scheme: str) -> None:
    heard = listen(f"{scheme}://127.0.0.1:{free_port()}/live/secretkey")
    assert heard.fault is SourceFault.CANNOT_OPEN
    assert "secretkey" not in str(heard.error)


def test_a_server_that_does_not_speak_rtmp(server: HttpServer) -> None:
    heard = listen(f"rtmp://127.0.0.1:{server.port}/live/secretkey")
    assert heard.fault in (SourceFault.CANNOT_OPEN, SourceFault.INVALID_DATA)


def test_a_film_without_sound(folder: Path, server: HttpServer) -> None:
    silent = video(folder, "silent.flv")
    assert listen(silent).fault is SourceFault.NO_AUDIO
    assert listen(server.url("silent.flv")).fault is SourceFault.NO_AUDIO


def test_sound_that_is_announced_and_does_not_come(folder: Path, wav: Path, server: HttpServer) -> None:
    film = video(folder, "sound.flv", "-i", str(wav), "-c:a", "aac", "-t", "8")
    mute = rewrite(film.read_bytes(), lambda tag: tag if tag.kind != AUDIO or tag.is_configuration else None)
    assert listen(server.stream("mute.flv", paced(mute, 0))).fault is SourceFault.NO_AUDIO


def test_sound_that_begins_later(folder: Path, wav: Path) -> None:
    film = video(folder, "late.flv", "-itsoffset", "3", "-i", str(wav), "-c:a", "aac", "-t", "8")
    heard = listen(film)
    assert heard.error is None
    assert heard.seconds == pytest.approx(5, abs=0.3)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(), "there is no such file"),
        (IsADirectoryError(), "it is a folder, not a recording"),
        (PermissionError(), "it may not be read: permission denied"),
        (OSError(), "it cannot be read"),
        (ValueError(), "the data is in no format that can be read"),
    ],
)
def test_of_a_file_it_is_said_as_of_a_file(error: Exception, said: str) -> None:
    failure = FileReader(Path("a.wav"), lambda _: None).failure(error)
    assert (str(failure), failure.retryable) == (said, False)


def test_no_such_file(folder: Path) -> None:
    heard = listen(folder / "nothing here.wav")
    assert heard.fault is SourceFault.CANNOT_OPEN
    assert heard.error is not None
    assert not heard.error.retryable


# Strangers' addresses reach the network only as far as the policy says.


@pytest.mark.parametrize("scheme", ["rtmp", "http"])
def test_private_addresses_are_refused_for_good(scheme: str, server: HttpServer) -> None:
    url = f"{scheme}://127.0.0.1:{server.port}/live/x"
    server.requested.clear()
    heard = listen(UrlReader(url, AddressPolicy(), NetworkSettings(), no_matter))
    assert heard.fault is SourceFault.CANNOT_OPEN
    assert heard.error is not None
    assert not heard.error.retryable
    assert server.requested == []


@pytest.mark.parametrize("form", ["file://{}", "{}", "concat:{}", "file:{}", "data:audio/wav;base64,AAAA"])
def test_an_address_never_reads_a_file_of_this_machine(form: str, wav: Path) -> None:
    heard = listen(form.format(wav))
    assert heard.fault is SourceFault.CANNOT_OPEN
    assert heard.blocks == []


def test_a_playlist_never_reads_a_file_of_this_machine(wav: Path, folder: Path, server: HttpServer) -> None:
    segment = encode(wav, folder / "local.ts", "-c:a", "aac")
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:20", "#EXTINF:18,", f"file://{segment}", "#EXT-X-ENDLIST", ""]
    heard = listen(server.content("evil.m3u8", "\n".join(lines).encode()))
    assert heard.blocks == []
    assert heard.error is not None
