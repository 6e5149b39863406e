"""Bodies of strangers: what a megabyte may cost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from pydantic import ValidationError

from daemon.contracts.audiostream.schema import StartRequest
from daemon.contracts.body import MAX_BODY_BYTES, BodyError, BodyFault, parse_json_object, read_body
from tests.daemon.contracts.requests import request
from tests.support.media_server import HOST
from tests.support.pulled_room import until


def test_a_megabyte_of_brackets_is_refused_before_it_is_parsed() -> None:
    piece = b"[" * 50 + b"]" * 50 + b","
    body = b'{"a":[' + piece * (MAX_BODY_BYTES // len(piece) - 1) + b"1]}"
    with pytest.raises(BodyError, match="more than 50000 lists and objects"):
        parse_json_object(body)


def test_many_objects_are_taken() -> None:
    body = {"a": [{"id": number} for number in range(30_000)]}
    assert parse_json_object(json.dumps(body).encode()) == body


def test_of_a_list_of_faults_the_first_is_told() -> None:
    agora = {"appId": "a", "channel": "c", "trustedUserIdList": [None] * 1000}
    with pytest.raises(ValidationError) as caught:
        StartRequest.model_validate(request(data={"agoraParam": agora}))
    assert caught.value.error_count() <= 4


@pytest.mark.parametrize("at_once", [True, False], ids=["reading while he goes", "reading after he went"])
async def test_who_goes_in_the_middle_of_his_body_is_no_fault_of_ours(at_once: bool) -> None:
    asked, told = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def handle(request: web.Request) -> web.Response:
        asked.set()
        if not at_once:
            await until(lambda: request.transport is None)
        try:
            await read_body(request)
        except Exception as error:
            told.set_result(error)
        return web.Response()

    async with _serving(handle) as port:
        _, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        await asked.wait()
        writer.transport.abort()
        error = await asyncio.wait_for(told, 10)
    assert isinstance(error, BodyError)
    assert error.fault is BodyFault.UNREADABLE


@asynccontextmanager
async def _serving(handle: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
