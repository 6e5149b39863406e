"""Bodies of answers: parts of files, places in files, sizes, and waiting."""

from __future__ import annotations

import time

import pytest
from aiohttp import web

from pipeline.network import fetch
from pipeline.network.bodies import FileBody
from pipeline.source import SourceFault
from tests.support.guarding import (
    IMPATIENT,
    MEDIA,
    PLAYLIST,
    endless,
    guard,
    raw_server,
    refusal,
    whole,
)
from tests.support.media_server import HttpServer, SilentServer, paced


def ranged(
    server: HttpServer, path: str, *, obeying: bool = True, saying: bool = True
) -> tuple[str, list[str]]:
    """Serve MEDIA, in ranges if asked; return the address, and the list of ranges that were asked for."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        wanted = request.headers.get("Range", "")
        asked.append(wanted)
        headers = {"Accept-Ranges": "bytes"} if saying else {}
        if not wanted or not obeying:
            return web.Response(body=MEDIA, headers=headers)
        start, _, end = wanted.removeprefix("bytes=").partition("-")
        piece = MEDIA[int(start) : int(end) + 1 if end else None]
        headers["Content-Range"] = f"bytes {start}-{int(start) + len(piece) - 1}/{len(MEDIA)}"
        return web.Response(status=206, body=piece, headers=headers)

    return server.handle(path, answer), asked


@pytest.mark.parametrize("obeying", [True, False])
def test_a_segment_that_is_a_part_of_a_file(obeying: bool, server: HttpServer) -> None:
    opener = guard()
    whole(opener(server.content("live.m3u8", PLAYLIST)))
    url, asked = ranged(server, "all.ts", obeying=obeying)
    assert whole(opener(url, 1, {"offset": "1000", "end_offset": "3500"})) == MEDIA[1000:3500]
    assert whole(opener(url, 1, {"offset": "0", "end_offset": "10"})) == MEDIA[:10]
    assert asked == ["bytes=1000-3499", "bytes=0-9"]


def test_a_file_is_read_from_any_place(server: HttpServer) -> None:
    url, asked = ranged(server, "file.bin")
    body = guard()(url)
    assert isinstance(body, FileBody)
    size = len(MEDIA)
    for place in (0, size - 100, 17, 40, size - 1, 5000):
        assert body.seek(place) == place
        assert body.tell() == place
        piece = body.read(50)
        assert MEDIA.startswith(piece, place)
        assert piece
    assert body.seek(-1, 2) == size - 1
    assert body.seek(-6, 1) == size - 7
    assert whole(body) == MEDIA[-7:]
    assert asked[0] == ""
    assert len(asked) < 6, "short ways forward are read over"


def test_a_file_whose_server_gives_no_parts(server: HttpServer) -> None:
    silent, _ = ranged(server, "silent.bin", saying=False)
    plain = guard()(silent)
    assert not isinstance(plain, FileBody)
    plain.close()
    lying, _ = ranged(server, "lying.bin", obeying=False)
    body = guard()(lying)
    assert isinstance(body, FileBody)
    body.seek(200_000)
    assert MEDIA.startswith(body.read(10), 200_000), "near enough to be read over"
    body.seek(100)
    assert refusal(lambda: body.read(10)).fault is SourceFault.CANNOT_OPEN
    body.close()


def test_a_part_that_is_too_large(server: HttpServer) -> None:
    opener = guard()
    whole(opener(server.content("live.m3u8", PLAYLIST)))
    body = opener(server.stream("huge.ts", endless(b"G")))
    got = 0

    def read_on() -> None:
        nonlocal got
        while got <= 2 * fetch.MAX_PART_BYTES:
            got += len(body.read(1 << 20))

    assert refusal(read_on).fault is SourceFault.INVALID_DATA
    assert got <= fetch.MAX_PART_BYTES
    body.close()


def test_nobody_answers() -> None:
    with SilentServer() as silent:
        error = refusal(lambda: guard(IMPATIENT)(f"http://127.0.0.1:{silent.port}/geheim"))
    assert (error.fault, error.retryable) == (SourceFault.CANNOT_OPEN, True)
    assert "in time" in str(error)


def test_an_answer_that_drips() -> None:
    # Every byte comes well within the read time-out, the whole takes most of an hour.
    with raw_server(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 60_000, drip_s=0.05) as port:
        refusal(lambda: guard(IMPATIENT)(f"http://127.0.0.1:{port}/geheim"))


def test_a_playlist_that_drips(server: HttpServer) -> None:
    url = server.stream("drip.m3u8", paced(PLAYLIST * 100, 600))
    refusal(lambda: guard(IMPATIENT)(url))


def test_a_segment_that_drips(server: HttpServer) -> None:
    opener = guard(IMPATIENT)
    whole(opener(server.content("live.m3u8", PLAYLIST)))
    body = opener(server.stream("drip.ts", paced(b"G" * 100_000, 600)))
    refusal(lambda: whole(body))
    body.close()


def test_a_segment_that_the_reader_lets_wait_is_not_lost(server: HttpServer) -> None:
    opener = guard(IMPATIENT)
    whole(opener(server.content("live.m3u8", PLAYLIST)))
    body = opener(server.content("rests.ts", MEDIA))
    first = body.read(1000)
    time.sleep(fetch.PART_PATIENCE * IMPATIENT.read_timeout_s + 0.3)
    assert first + whole(body) == MEDIA


def test_a_stream_that_stalls(server: HttpServer) -> None:
    body = guard(IMPATIENT)(server.stream("stall.flv", paced(MEDIA[:1000], 0, then_hang=True)))
    error = refusal(lambda: whole(body))
    assert error.retryable
    body.close()
