"""FFmpeg behind the guard: what strangers may make it fetch, and what must still work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.network.addresses import AddressPolicy
from pipeline.readers import UrlReader
from pipeline.source import SourceFault
from tests.support.listening import QUICK, Heard, listen, no_matter
from tests.support.media_server import HttpServer, encode, recorded_hls


class Outside(AddressPolicy):
    """A world in which this machine's server is public under one name, and private under every other."""

    def __init__(self) -> None:
        def resolver(host: str, port: int) -> list[str]:
            del port
            return ["127.0.0.1" if host == "outside.example" else "10.0.0.1"]

        super().__init__(resolver=resolver)

    def permits(self, ip: str) -> bool:
        return ip == "127.0.0.1" or super().permits(ip)


def outside(url: str) -> str:
    return url.replace("127.0.0.1", "outside.example")


def listen_outside(url: str) -> Heard:
    return listen(UrlReader(outside(url), Outside(), QUICK, no_matter))


@pytest.fixture
def secrets(server: HttpServer) -> str:
    """What is only for this machine."""
    server.requested.clear()
    return server.content("inside", b"#EXTM3U\n")


def test_the_outside_is_heard(wav: Path, folder: Path, server: HttpServer) -> None:
    recorded_hls(wav, folder / "fine")
    heard = listen_outside(server.url("fine/recording.m3u8"))
    assert heard.error is None
    assert heard.seconds == pytest.approx(18, abs=0.15)


@pytest.mark.parametrize("form", ["{}", "http://inside.example/", "http://localhost/", "https://2130706433/"])
@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=100000\n{}\n",
        '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",URI="{}"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"\n{}\n',
        '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-KEY:METHOD=AES-128,URI="{}"\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n',
        '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI="{}"\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n',
    ],
)
def test_a_playlist_leads_nowhere_inside(form: str, text: str, secrets: str, server: HttpServer) -> None:
    url = server.content("leading.m3u8", text.replace("{}", form.format(secrets)).encode())
    heard = listen_outside(url)
    assert heard.error is not None
    assert heard.blocks == []
    assert "/inside" not in server.requested


def test_a_redirect_leads_nowhere_inside(secrets: str, server: HttpServer) -> None:
    heard = listen_outside(server.status("away.flv", 302, {"Location": secrets}))
    assert heard.error is not None
    assert (heard.error.fault, heard.error.retryable) == (SourceFault.CANNOT_OPEN, False)
    assert "/inside" not in server.requested


def test_a_playlist_that_lists_itself_ends_soon(server: HttpServer) -> None:
    server.requested.clear()
    text = b"#EXTM3U\n" + b"#EXT-X-STREAM-INF:BANDWIDTH=1\nself.m3u8?%d\n" * 3
    url = server.content("self.m3u8", text % (1, 2, 3))
    heard = listen_outside(url)
    assert heard.error is not None
    assert len(server.requested) < 10


def test_a_live_playlist_whose_segments_take_no_time_is_not_fetched_without_end(server: HttpServer) -> None:
    server.requested.clear()
    url = server.content("fast.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:0\n#EXTINF:0,\nnone.ts\n")
    heard = listen_outside(url)
    assert heard.error is not None
    assert len(server.requested) < 300


@pytest.mark.parametrize(
    "answer",
    [
        b"ffconcat version 1.0\nfile http://127.0.0.1/x\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
        b'<?xml version="1.0"?><MPD><BaseURL>http://127.0.0.1/</BaseURL></MPD>',
        b"RTSPtextRTSP://127.0.0.1/x",
        b"[playlist]\nFile1=http://127.0.0.1/x\n",
    ],
)
def test_other_lists_of_addresses_are_not_followed(answer: bytes, server: HttpServer) -> None:
    url = server.content("list.bin", answer * 3)
    server.requested.clear()
    heard = listen(url)
    assert heard.fault is SourceFault.INVALID_DATA
    assert set(server.requested) == {"/list.bin"}


def moov_at_the_end(wav: Path, folder: Path) -> str:
    encode(wav, folder / "end.m4a", "-c:a", "aac", "-ar", "44100")
    assert (folder / "end.m4a").read_bytes().find(b"moov") > 50_000
    return "end.m4a"


def one_file(wav: Path, folder: Path) -> str:
    """HLS whose segments are parts of one file."""
    (folder / "single").mkdir()
    options = ("-c:a", "aac", "-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod")
    encode(wav, folder / "single" / "list.m3u8", *options, "-hls_flags", "single_file")
    assert "#EXT-X-BYTERANGE" in (folder / "single" / "list.m3u8").read_text()
    return "single/list.m3u8"


def one_mp4(wav: Path, folder: Path) -> str:
    """The same in fragmented mp4, with its head in the same file."""
    (folder / "fragments").mkdir()
    options = ("-c:a", "aac", "-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod")
    fragments = ("-hls_segment_type", "fmp4", "-hls_flags", "single_file")
    encode(wav, folder / "fragments" / "list.m3u8", *options, *fragments)
    assert "#EXT-X-MAP" in (folder / "fragments" / "list.m3u8").read_text()
    return "fragments/list.m3u8"


@pytest.mark.parametrize("make", [moov_at_the_end, one_file, one_mp4])
def test_parts_of_files(
    make: Callable[[Path, Path], str], wav: Path, folder: Path, server: HttpServer
) -> None:
    heard = listen(server.url(make(wav, folder)))
    assert heard.error is None
    assert heard.seconds == pytest.approx(18, abs=0.15)
    assert heard.jumps == []


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_playlist_that_has_moved(encrypted: bool, wav: Path, folder: Path, server: HttpServer) -> None:
    name = f"moved{encrypted}"
    recorded_hls(wav, folder / name, encrypted=encrypted)
    url = server.status(f"{name}.m3u8", 302, {"Location": f"/{name}/recording.m3u8"})
    heard = listen(url)
    assert heard.error is None
    assert heard.seconds == pytest.approx(18, abs=0.15)
