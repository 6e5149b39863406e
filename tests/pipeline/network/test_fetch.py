"""What the guard asks for on FFmpeg's behalf, and where it refuses to go."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aiohttp import web

from config.settings import NetworkSettings
from pipeline.network.addresses import AddressPolicy
from pipeline.network.fetch import MAX_REDIRECTS, GuardedOpener
from pipeline.source import SourceFault
from tests.support.guarding import (
    MEDIA,
    QUICK,
    guard,
    raw_server,
    refusal,
    whole,
)
from tests.support.media_server import HttpServer, paced


@pytest.fixture(autouse=True)
def known_content(server: HttpServer) -> None:
    server.content("known.bin", MEDIA)


# What is asked, and what comes.


def test_what_the_server_is_asked(server: HttpServer) -> None:
    asked: list[web.Request] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        return web.Response(body=MEDIA)

    server.handle("/a/b", answer)
    body = guard(x="127.0.0.1")(f"http://us%40er:pass@name.example:{server.port}/a/b?c=d&e")
    assert whole(body) == MEDIA
    (request,) = asked
    assert request.raw_path == "/a/b?c=d&e"
    assert request.headers["Host"] == f"name.example:{server.port}"
    assert request.headers["User-Agent"] == "audiowarden"
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.headers["Authorization"] == "Basic dXNAZXI6cGFzcw=="
    assert "Range" not in request.headers


def test_bodies_with_and_without_a_length(server: HttpServer) -> None:
    known, unknown = guard(), guard()
    assert whole(known(server.content("known.bin", MEDIA))) == MEDIA
    assert known.length == len(MEDIA)
    assert whole(unknown(server.stream("unknown.bin", paced(MEDIA, 0)))) == MEDIA
    assert unknown.length is None


def test_an_old_server_without_headers() -> None:
    with raw_server(b"HTTP/1.0 200 OK\r\n\r\n" + MEDIA[:5000]) as port:
        body = guard()(f"http://127.0.0.1:{port}/x")
        content = b""
        while len(content) < 5000:
            content += body.read(4096)
        assert content == MEDIA[:5000]
        body.close()


def test_never_more_than_asked_for(server: HttpServer) -> None:
    # PyAV copies what it gets into a buffer of the size that it asked for, without looking.
    body = guard()(server.content("known.bin", MEDIA))
    for size in (1, 3, 7, 100, 5000):
        assert 0 < len(body.read(size)) <= size
    body.close()


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (401, SourceFault.NOT_AUTHORISED),
        (403, SourceFault.CANNOT_OPEN),
        (404, SourceFault.CANNOT_OPEN),
        (500, SourceFault.CANNOT_OPEN),
        (204, SourceFault.CANNOT_OPEN),
        (304, SourceFault.CANNOT_OPEN),
    ],
)
def test_statuses(status: int, fault: SourceFault, server: HttpServer) -> None:
    error = refusal(lambda: guard()(server.status("geheim", status)))
    assert (error.fault, error.retryable) == (fault, True)
    assert str(status) in str(error)


@pytest.mark.parametrize("answer", [b"", b"RTSP/1.0 200 OK\r\n", b"\x00" * 100, b"HTTP/1.1 200\r\n" * 200])
def test_what_is_not_http(answer: bytes) -> None:
    network = NetworkSettings(connect_timeout_s=0.3, read_timeout_s=0.3)
    with raw_server(answer + b"\r\n\r\n") as port:
        refusal(lambda: guard(network)(f"http://127.0.0.1:{port}/geheim"))


# Which addresses.


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "data:application/octet-stream;base64,AAAA",
        "concat:http://a/|http://b/",
        "crypto+http://127.0.0.1/",
        "rtmp://127.0.0.1/live/x",
        "tcp://127.0.0.1:80",
        "http://127.0.0.1\r\nHost: x/",
    ],
)
def test_schemes_that_are_refused(url: str) -> None:
    assert not refusal(lambda: guard()(url)).retryable


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "inside.example"])
def test_private_addresses_are_refused(host: str, server: HttpServer) -> None:
    server.requested.clear()
    opener = GuardedOpener(AddressPolicy(resolver=lambda *_: ["127.0.0.1"]), QUICK)
    error = refusal(lambda: opener(f"http://{host}:{server.port}/geheim"))
    assert (error.fault, error.retryable) == (SourceFault.CANNOT_OPEN, False)
    assert server.requested == []


def test_a_name_is_looked_up_once_and_what_was_judged_is_connected_to(server: HttpServer) -> None:
    # The second answer is what a rebinding name server would give to whoever asks again.
    answers = [["127.0.0.1"], ["127.0.0.9"]]
    opener = GuardedOpener(AddressPolicy(True, resolver=lambda *_: answers.pop(0)), QUICK)
    assert whole(opener(f"http://rebound.example:{server.port}/{'known.bin'}")) == MEDIA
    assert answers == [["127.0.0.9"]]


def test_the_next_address_is_tried_when_one_is_dead(server: HttpServer) -> None:
    opener = GuardedOpener(AddressPolicy(True, resolver=lambda *_: ["127.0.0.7", "127.0.0.1"]), QUICK)
    assert whole(opener(f"http://two.example:{server.port}/known.bin")) == MEDIA


# Redirects.


def test_redirects_are_followed(server: HttpServer) -> None:
    for number, location in enumerate(["two", "/three", f"//127.0.0.1:{server.port}/four", "../known.bin"]):
        name = ["one", "two", "three", "four"][number]
        server.status(name, [301, 302, 307, 308][number], {"Location": location})
    assert whole(guard()(server.url("one"))) == MEDIA


@pytest.mark.parametrize(
    ("location", "retryable"),
    [
        ("http://inside.example/geheim", False),
        ("http://127.0.0.1/geheim", False),
        ("http://[::ffff:127.0.0.1]/geheim", False),
        ("file:///etc/passwd", False),
        ("rtmp://outside.example/geheim", False),
        ("", True),
        ("http://[geheim", True),
        ("?loop=geheim", True),
    ],
)
def test_redirects_that_are_refused(location: str, retryable: bool, server: HttpServer) -> None:
    # The test's own server stands for a public one: its address is the only one that is allowed.
    def resolver(host: str, port: int) -> list[str]:
        del port
        return {"outside.example": ["127.0.0.1"], "inside.example": ["10.0.0.1"]}[host]

    policy = OnlyByName(resolver)
    url = server.status("away", 302, {"Location": location})
    count = server.requested.count("/away")
    error = refusal(
        lambda: GuardedOpener(policy, QUICK)(url.replace("127.0.0.1", "outside.example") + "?x=geheim")
    )
    assert error.fault is SourceFault.CANNOT_OPEN
    assert error.retryable is retryable
    assert server.requested.count("/away") - count <= MAX_REDIRECTS + 1


class OnlyByName(AddressPolicy):
    """Allows this machine's address when a name led to it, as if it were public."""

    def __init__(self, resolver: Callable[[str, int], list[str]]) -> None:
        super().__init__(resolver=resolver)

    def permits(self, ip: str) -> bool:
        return ip == "127.0.0.1" or super().permits(ip)


@pytest.mark.parametrize("digits", ["9" * 19, "9" * 30, "9" * 4000])
def test_a_length_that_no_file_has(digits: str) -> None:
    answer = f"HTTP/1.1 200 OK\r\nAccept-Ranges: bytes\r\nContent-Length: {digits}\r\n\r\n".encode()
    with raw_server(answer + bytes(1000)) as port:
        error = refusal(lambda: guard()(f"http://127.0.0.1:{port}/geheim"))
    assert error.fault is SourceFault.INVALID_DATA
