"""Media over HTTP that breaks off: FFmpeg sees an end, we see the failure."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from pipeline.source import SourceFault
from tests.support.listening import listen
from tests.support.media_server import HttpServer, flv, recorded_hls
from tests.support.speech import noise, write_wav


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("media") / "noise.wav", noise(12, seed=3))


def breaking_off(server: HttpServer, path: str, content: bytes) -> str:
    """Answer a path with half of what its length promises."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(content))})
        await response.prepare(request)
        await response.write(content[: len(content) // 2])
        assert request.transport is not None
        request.transport.close()
        return response

    return server.handle(path, answer)


def test_a_download_that_breaks_off_is_a_failure(wav: Path) -> None:
    with HttpServer() as server:
        heard = listen(breaking_off(server, "half.flv", flv(wav)))
    assert heard.seconds == pytest.approx(6, abs=0.5), "what came is heard"
    assert heard.error is not None
    assert (heard.error.fault, heard.error.retryable) == (SourceFault.CANNOT_OPEN, True)


def test_a_segment_that_breaks_off_is_a_gap(
    wav: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recorded_hls(wav, tmp_path)
    with HttpServer(tmp_path) as server:
        breaking_off(server, "recording2.ts", (tmp_path / "recording2.ts").read_bytes())
        heard = listen(server.url("recording.m3u8"))
    assert heard.error is None
    assert heard.seconds == pytest.approx(11, abs=0.6)
    assert capfd.readouterr().err == "", "PyAV prints exceptions that it drops, addresses included"


def test_a_recording_without_any_segment_is_given_up_soon(
    wav: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    playlist = recorded_hls(wav, tmp_path)
    playlist.write_text(playlist.read_text().replace("recording1.ts", "gone.ts?token=geheim"))
    for number in range(2, 100):
        entry = f"#EXTINF:2.000000,\ngone{number}.ts?token=geheim\n#EXT-X-ENDLIST"
        playlist.write_text(playlist.read_text().replace("#EXT-X-ENDLIST", entry))
    for number in range(2, 6):
        (tmp_path / f"recording{number}.ts").unlink(missing_ok=True)
    with HttpServer(tmp_path) as server:
        heard = listen(server.url("recording.m3u8"))
        asked = len([path for path in server.requested if path.startswith("/gone")])
    assert heard.seconds == pytest.approx(2, abs=0.3)
    assert heard.error is not None
    assert heard.error.fault is SourceFault.CANNOT_OPEN
    assert asked < 20
    assert "geheim" not in capfd.readouterr().err + str(heard.error)


@pytest.mark.parametrize("name", ["manifest", "manifest.php?of=stream"])
def test_a_playlist_is_one_by_what_it_says_not_by_its_name(name: str, wav: Path, tmp_path: Path) -> None:
    playlist = recorded_hls(wav, tmp_path)
    with HttpServer(tmp_path) as server:
        server.content(name.partition("?")[0], playlist.read_bytes())
        heard = listen(server.url(name))
    assert heard.error is None
    assert heard.seconds == pytest.approx(12, abs=0.15)


def test_a_playlist_of_thousands_is_not_asked_for_all_of_them() -> None:
    variants = [f"#EXT-X-STREAM-INF:BANDWIDTH={number}\nv{number}.m3u8" for number in range(1, 1001)]
    with HttpServer() as server:
        heard = listen(server.content("master.m3u8", "\n".join(["#EXTM3U", *variants]).encode()))
        assert len(server.requested) < 20
    assert heard.error is not None
