"""Rosters are asked as callbacks are sent: only at addresses that were checked, and no answer costs much."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aiohttp import web

from config.settings import NetworkSettings
from daemon.asking import MAX_ANSWER_BYTES, JsonAsker
from daemon.egress import make_session
from pipeline.network.addresses import AddressPolicy
from pipeline.source import SourceError, SourceFault
from tests.support.media_server import HttpServer, SilentServer, free_port

NETWORK = NetworkSettings(connect_timeout_s=5.0, read_timeout_s=5.0)


@pytest.fixture(name="server")
def _server() -> Iterator[HttpServer]:
    with HttpServer() as server:
        yield server


async def ask(url: str, *, allow_private: bool = True, timeout_s: float = 5.0) -> object:
    async with make_session(NETWORK, AddressPolicy(allow_private)) as session:
        return await JsonAsker(session, timeout_s)(url)


async def failure(url: str, *, allow_private: bool = True, timeout_s: float = 5.0) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await ask(url, allow_private=allow_private, timeout_s=timeout_s)
    assert "hidden" not in str(caught.value)
    return caught.value


async def test_an_answer_is_json_whatever_its_type_says(server: HttpServer) -> None:
    asked = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(dict(request.query))
        return web.Response(body=b'["ann", "bob"]')

    assert await ask(server.handle("/rooms", answer) + "?room=7%2F8&user=a%26b") == ["ann", "bob"]
    assert asked == [{"room": "7/8", "user": "a&b"}]


async def test_what_is_no_answer_is_a_failure_that_passes(server: HttpServer) -> None:
    large = server.content("large", b"[" + b" " * MAX_ANSWER_BYTES + b"]")
    deep = server.content("deep", b"[" * 100_000)
    for url, fault, said in (
        (server.content("text", b"<html>hidden"), SourceFault.INVALID_DATA, "is not JSON"),
        (server.content("none", b""), SourceFault.INVALID_DATA, "is not JSON"),
        (server.content("bytes", b'["\xff"]'), SourceFault.INVALID_DATA, "is not JSON"),
        (large, SourceFault.INVALID_DATA, "is too large"),
        (deep, SourceFault.INVALID_DATA, "is not JSON"),
        (server.status("down", 503), SourceFault.CANNOT_OPEN, "answers 503"),
        (server.status("moved", 302, {"Location": large}), SourceFault.CANNOT_OPEN, "answers 302"),
        (server.status("denied", 403), SourceFault.NOT_AUTHORISED, "answers 403"),
        (f"http://127.0.0.1:{free_port()}/hidden", SourceFault.CANNOT_OPEN, "cannot be reached"),
    ):
        error = await failure(url + "?token=hidden")
        assert (error.fault, error.retryable) == (fault, True), said
        assert said in str(error)


async def test_only_addresses_that_may_be_connected_to_are_asked(server: HttpServer) -> None:
    error = await failure(server.content("rooms", b"[]"), allow_private=False)
    assert (error.fault, error.retryable) == (SourceFault.CANNOT_OPEN, False)
    assert server.requested == []


async def test_a_name_that_may_not_be_connected_to_is_said() -> None:
    policy = AddressPolicy(resolver=lambda host, port: ["127.0.0.1"])
    async with make_session(NETWORK, policy) as session:
        with pytest.raises(SourceError, match=r"reached: The host rooms\.test is not on "):
            await JsonAsker(session)("http://rooms.test/hidden?token=hidden")


async def test_an_answer_has_to_come_in_time() -> None:
    with SilentServer() as silent:
        error = await failure(f"http://127.0.0.1:{silent.port}/rooms", timeout_s=0.2)
    assert str(error) == "the roster does not answer in time"
