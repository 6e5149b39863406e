"""HLS playlists as the guard reads them."""

from __future__ import annotations

from pipeline.network import fetch
from pipeline.source import SourceFault
from tests.support.guarding import (
    MEDIA,
    PLAYLIST,
    endless,
    guard,
    refusal,
    whole,
)
from tests.support.media_server import HttpServer


def test_a_playlist_is_read_whole_and_understood(server: HttpServer) -> None:
    opener = guard()
    url = server.content("live.m3u8", PLAYLIST)
    assert whole(opener(url)) == PLAYLIST
    assert (opener.saw_playlist, opener.saw_endlist, opener.length) == (True, False, None)
    server.content("live.m3u8", b"\xef\xbb\xbf" + PLAYLIST + b"#EXT-X-ENDLIST\n")
    whole(opener(url))
    assert opener.saw_endlist
    server.content("live.m3u8", PLAYLIST)
    whole(opener(url))
    assert not opener.saw_endlist


def test_the_parts_of_a_playlist_that_has_moved(server: HttpServer) -> None:
    text = (
        b'#EXTM3U\r\n#EXT-X-KEY:METHOD=AES-128,URI="key?a=1",IV=0x00\n#EXT-X-MAP:URI="/map",BYTERANGE="1@0"\n'
        b'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="x",URI="sound.m3u8"\n#EXTINF:2,a title\none.ts?b=2\n\n'
        b"http://other.example/two.ts\n"
    )
    server.content("cdn/deep/list.m3u8", text)
    moved = server.status("moved.m3u8", 302, {"Location": "/cdn/deep/list.m3u8?token=geheim"})
    base = server.url("cdn/deep")
    assert whole(guard()(moved)).decode().splitlines() == [
        "#EXTM3U",
        f'#EXT-X-KEY:METHOD=AES-128,URI="{base}/key?a=1",IV=0x00',
        f'#EXT-X-MAP:URI="{server.url("map")}",BYTERANGE="1@0"',
        f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="x",URI="{base}/sound.m3u8"',
        "#EXTINF:2,a title",
        f"{base}/one.ts?b=2",
        "",
        "http://other.example/two.ts",
    ]


def test_only_a_playlist_leads_to_other_addresses(server: HttpServer) -> None:
    url = server.content("media.bin", MEDIA)
    opener = guard()
    opener(url).close()
    error = refusal(lambda: opener(url))
    assert (error.fault, error.retryable) == (SourceFault.INVALID_DATA, False)


def test_a_playlist_of_playlists_leads_to_no_other(server: HttpServer) -> None:
    url = server.content("self.m3u8", b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nself.m3u8\n")
    opener = guard()
    whole(opener(url))
    assert refusal(lambda: opener(url)).fault is SourceFault.INVALID_DATA


def test_playlists_without_end(server: HttpServer) -> None:
    url = server.content("live.m3u8", PLAYLIST)
    opener = guard()
    for _ in range(fetch.MAX_PLAYLISTS_A_MINUTE):
        opener(url).close()
    assert refusal(lambda: opener(url)).fault is SourceFault.INVALID_DATA


def test_a_playlist_that_is_too_large(server: HttpServer) -> None:
    url = server.stream("huge.m3u8", endless(PLAYLIST))
    assert refusal(lambda: guard()(url)).fault is SourceFault.INVALID_DATA
