"""The daemon's own requests: only to addresses that were checked, only to servers that are trusted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from config.errors import ConfigError
from config.settings import NetworkSettings
from daemon.egress import make_session, tls_context
from pipeline.network.addresses import AddressPolicy
from pipeline.network.urls import AddressError
from tests.support.media_server import HttpServer, SilentServer
from tests.support.tls_proxy import Authority, TlsProxy

QUICK = NetworkSettings(connect_timeout_s=5.0, read_timeout_s=5.0)
REFUSED = (AddressError, aiohttp.ClientConnectorError)


@pytest.fixture(scope="module")
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running


async def post(url: str, policy: AddressPolicy, network: NetworkSettings = QUICK) -> int:
    async with (
        make_session(network, policy) as session,
        session.post(url, data=b"{}", allow_redirects=False) as response,
    ):
        return response.status


def knowing(**names: str) -> AddressPolicy:
    """Know these names, and allow this machine."""
    return AddressPolicy(True, resolver=lambda host, _: [names[host.partition(".")[0]]])


async def test_a_name_and_an_address(server: HttpServer) -> None:
    url = server.content("hook", b"")
    assert await post(url, knowing()) == 200
    assert await post(url.replace("127.0.0.1", "name.example"), knowing(name="127.0.0.1")) == 200


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]", "inside.example", "both.example", "１２７.０.０.１", "169.254.169.254", "0.0.0.0",
    ],
)  # fmt: skip
async def test_private_addresses_are_refused(host: str, server: HttpServer) -> None:
    server.content("hook", b"")
    server.requested.clear()
    answers = {"inside.example": ["127.0.0.1"], "both.example": ["1.1.1.1", "127.0.0.1"]}
    policy = AddressPolicy(resolver=lambda host, _: answers[host])
    with pytest.raises(REFUSED) as caught:
        await post(f"http://{host}:{server.port}/hook?token=geheim", policy)
    assert server.requested == []
    assert "geheim" not in str(caught.value)


async def test_a_name_that_moves_inside_is_looked_up_and_judged_again(server: HttpServer) -> None:
    server.content("hook", b"")
    server.requested.clear()
    answers = [["127.0.0.1"], ["10.0.0.1"]]
    policy = OnlyThis(answers)
    async with make_session(QUICK, policy) as session:
        url = f"http://name.example:{server.port}/hook"
        async with session.post(url, headers={"Connection": "close"}) as response:
            assert response.status == 200
        with pytest.raises(REFUSED):
            await session.post(url)
    assert server.requested == ["/hook"]
    assert answers == []


class OnlyThis(AddressPolicy):
    """Takes 127.0.0.1 for public, because it is the only server that a test has."""

    def __init__(self, answers: list[list[str]]) -> None:
        super().__init__(resolver=lambda *_: answers.pop(0))

    def permits(self, ip: str) -> bool:
        return ip == "127.0.0.1" or super().permits(ip)


async def test_a_name_that_is_not_found() -> None:
    def nothing(host: str, port: int) -> list[str]:
        raise OSError(-2, f"{host}:{port}")

    with pytest.raises(aiohttp.ClientConnectorError, match="was not found"):
        await post("http://name.example/hook?token=geheim", AddressPolicy(resolver=nothing))


async def test_no_cookies_and_no_proxies(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    asked: list[web.Request] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request)
        return web.Response(headers={"Set-Cookie": "a=b"})

    # By a name: aiohttp keeps no cookies of IP addresses anyway.
    url = server.handle("hook", answer).replace("127.0.0.1", "name.example")
    async with make_session(QUICK, knowing(name="127.0.0.1")) as session:
        for _ in range(2):
            async with session.post(url) as response:
                assert response.status == 200
    assert [("Cookie" in request.headers) for request in asked] == [False, False]
    assert asked[0].headers["User-Agent"] == "audiowarden"


async def test_a_connection_that_is_not_made_in_time() -> None:
    network = NetworkSettings(connect_timeout_s=0.2)
    with SilentServer() as silent:
        # Nobody shakes hands.
        url = f"https://127.0.0.1:{silent.port}/hook"
        with pytest.raises(aiohttp.ClientError):
            await post(url, knowing(), network)


@pytest.mark.parametrize(
    ("trusted", "name"), [(True, "name.example"), (True, "other.example"), (False, "name.example")]
)
async def test_certificates(trusted: bool, name: str, tmp_path: Path, server: HttpServer) -> None:
    server.content("hook", b"")
    authority = Authority(tmp_path)
    network = QUICK.model_copy(update={"ca_file": authority.file if trusted else None})
    policy = knowing(name="127.0.0.1")
    with TlsProxy(authority.server_context(name), server.port) as proxy:
        url = f"https://name.example:{proxy.port}/hook"
        if trusted and name == "name.example":
            assert await post(url, policy, network) == 200
            assert proxy.asked_for == ["name.example"]
        else:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await post(url, policy, network)


def test_a_file_of_authorities_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"network\.ca_file"):
        tls_context(NetworkSettings(ca_file=tmp_path / "nothing.pem"))
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(ConfigError, match=r"network\.ca_file"):
        tls_context(NetworkSettings(ca_file=tmp_path / "empty.pem"))


async def test_a_consumer_of_endless_interim_answers_is_hung_up_on() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(aiohttp.ClientResponseError):
            async with asyncio.timeout(20):
                await post(f"http://127.0.0.1:{port}/", knowing())


async def test_a_few_interim_answers_are_passed_over() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n{}")
            writer.write(
                b"HTTP/1.1 103 Early Hints\r\n\r\n" * 8 + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
            )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with make_session(QUICK, knowing()) as session:
            for _ in range(2):
                async with session.post(url, data=b"{}") as response:
                    assert response.status == 200
