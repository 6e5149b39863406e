"""An object store that is away, slow, refuses or loses answers, and what is said about it."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import random
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import structlog
from aiohttp import web

from config.settings import LogSettings
from daemon.logs import configure_logging
from daemon.storage.interfaces import (
    CannotJoinError,
    Location,
    MissingObjectError,
    ObjectExistsError,
    Piece,
    Place,
    RefusedError,
    StorageError,
)
from tests.support.houses import put, read
from tests.support.object_store import BUCKET, CREDENTIALS, ObjectServer, listening, opened, opened_at
from tests.support.rude_store import refusal, rude_store

pytestmark = pytest.mark.usefixtures("nothing_blocks")

MIB = 1024 * 1024
BIG = random.Random(2).randbytes(17 * MIB)
KEY = "day/film.mp4"


@contextmanager
def nobody() -> Iterator[int]:
    """Hold a port at which nobody answers: no other process gets it, and a server of ours may."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


def sometimes(
    wanted: Callable[[web.Request], bool], answer: Callable[[], web.Response], times: int
) -> Callable[[web.Request, bytes], Awaitable[web.StreamResponse | None]]:
    """Spoil the first answers to the requests that are wanted."""
    left = [times]

    async def manners(request: web.Request, body: bytes) -> web.StreamResponse | None:
        if not wanted(request) or not left[0]:
            return None
        left[0] -= 1
        return answer()

    return manners


async def test_a_store_that_comes_back_in_time_costs_nothing(object_server: ObjectServer) -> None:
    with nobody() as port, ExitStack() as servers:
        async with opened_at(f"http://127.0.0.1:{port}", patience_s=30) as store:
            putting = asyncio.ensure_future(put(store, KEY, b"sound"))
            await asyncio.sleep(0.7)
            assert not putting.done()
            await asyncio.to_thread(servers.enter_context, listening(port))
            await asyncio.wait_for(putting, 60)
            assert await asyncio.to_thread(object_server.get, KEY) == b"sound"
        await asyncio.to_thread(servers.close)


async def test_a_store_that_stays_away_is_a_clear_failure(object_credentials: None) -> None:
    away = r"^the object store 127\.0\.0\.1 cannot be reached$"
    with nobody() as port:
        async with opened_at(f"http://127.0.0.1:{port}", patience_s=1.2) as store:
            started = asyncio.get_running_loop().time()
            with pytest.raises(StorageError, match=away) as told:
                await put(store, KEY, b"sound")
            assert told.value.retryable
            assert asyncio.get_running_loop().time() - started >= 0.4


async def test_a_store_that_says_nothing_is_given_up(object_credentials: None) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, opened_at(f"http://127.0.0.1:{port}", silence_s=0.2) as store:
        with pytest.raises(StorageError, match=r"^the object store 127\.0\.0\.1 .*(time|reached)") as told:
            await store.info(KEY)
        assert told.value.retryable


async def test_without_credentials_it_is_said(
    object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    async with opened(object_server, patience_s=30) as store:
        with pytest.raises(RefusedError, match=r"^there are no usable credentials for the object store 127"):
            await store.info(KEY)
        for name, value in CREDENTIALS.items():
            monkeypatch.setenv(name, value)
        # Nothing of the first look is kept.
        assert await store.info(KEY) is None


async def test_a_bucket_that_is_not_there_is_said(object_server: ObjectServer) -> None:
    async with opened(object_server, bucket="no-such-bucket", patience_s=30) as store:
        for attempt in (put(store, KEY, b"x"), put(store, KEY, BIG), read(store, KEY)):
            with pytest.raises(MissingObjectError, match="has no such bucket"):
                await attempt
        assert await store.info(KEY) is None


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"])
async def test_refusals_are_not_repeated(object_server: ObjectServer, code: str) -> None:
    async with rude_store(object_server) as rude, opened_at(rude.url, patience_s=30) as store:
        rude.manners = sometimes(lambda _: True, lambda: refusal(403, code), 99)
        for attempt in (put(store, KEY, b"x"), put(store, KEY, BIG), read(store, KEY), store.delete(KEY)):
            with pytest.raises(RefusedError) as told:
                await attempt
            assert str(told.value) == f"the object store 127.0.0.1 refuses ({code})"
        assert len(rude.seen) == 4


@pytest.mark.parametrize(("status", "code"), [(400, "SomethingNew"), (501, "NotImplemented")])
async def test_what_will_not_change_is_not_asked_again(
    object_server: ObjectServer, status: int, code: str
) -> None:
    async with rude_store(object_server) as rude, opened_at(rude.url, patience_s=30) as store:
        rude.manners = sometimes(lambda _: True, lambda: refusal(status, code), 99)
        with pytest.raises(RefusedError, match=rf"refuses \({code}\)$"):
            await put(store, KEY, b"x")


async def test_a_store_that_is_busy_is_asked_again(object_server: ObjectServer) -> None:
    async with rude_store(object_server) as rude, opened_at(rude.url, patience_s=30) as store:
        rude.manners = sometimes(lambda _: True, lambda: refusal(503, "SlowDown"), 3)
        await put(store, KEY, b"sound")
        assert len(rude.seen) == 4
        assert await read(store, KEY) == b"sound"


@pytest.mark.parametrize("data", [b"sound", BIG], ids=["small", "big"])
async def test_an_answer_that_is_lost_does_not_make_it_exist_before(
    object_server: ObjectServer, data: bytes
) -> None:
    """The object is stored, we are not told, and ask again: what is there already is our own."""
    lost = [1]

    async def manners(request: web.Request, body: bytes) -> web.StreamResponse | None:
        completes = request.method == "POST" and "uploadId" in request.query
        if lost[0] and (completes or (request.method == "PUT" and not request.query)):
            lost[0] -= 1
            await rude.forward(request, body)
            return refusal(500, "InternalError")
        return None

    async with rude_store(object_server) as rude, opened_at(rude.url, patience_s=30) as store:
        rude.manners = manners
        await put(store, KEY, data, replace=False)
        assert lost == [0]
        assert await read(store, KEY) == data
        with pytest.raises(ObjectExistsError):
            await put(store, KEY, data, replace=False)


async def test_a_download_that_breaks_off_goes_on(object_server: ObjectServer) -> None:
    await asyncio.to_thread(object_server.put, KEY, BIG)
    broken = [3]

    async def manners(request: web.Request, body: bytes) -> web.StreamResponse | None:
        answer = await rude.forward(request, body)
        if not broken[0] or request.method != "GET":
            return answer
        broken[0] -= 1
        half = web.StreamResponse(status=answer.status, headers=answer.headers)
        await half.prepare(request)
        assert isinstance(answer.body, bytes)
        await half.write(answer.body[: 3 * MIB])
        assert request.transport is not None
        request.transport.abort()
        return half

    async with rude_store(object_server) as rude, opened_at(rude.url, patience_s=30) as store:
        rude.manners = manners
        assert await read(store, KEY, 5, 16 * MIB) == BIG[5:][: 16 * MIB]
        assert len(rude.seen) == 4


async def test_a_download_of_what_was_replaced_meanwhile_fails(object_server: ObjectServer) -> None:
    await asyncio.to_thread(object_server.put, KEY, BIG)
    broken = [1]

    async def manners(request: web.Request, body: bytes) -> web.StreamResponse | None:
        answer = await rude.forward(request, body)
        if not broken[0]:
            return answer
        broken[0] -= 1
        half = web.StreamResponse(status=answer.status, headers=answer.headers)
        await half.prepare(request)
        await half.write(b"x" * MIB)
        await asyncio.to_thread(object_server.put, KEY, BIG[::-1])
        assert request.transport is not None
        request.transport.abort()
        return half

    async with rude_store(object_server) as rude, opened_at(rude.url, patience_s=30) as store:
        rude.manners = manners
        with pytest.raises(RefusedError, match="replaced while it was read"):
            await read(store, KEY)


async def test_a_part_that_fails_has_the_upload_aborted(object_server: ObjectServer) -> None:
    async with rude_store(object_server) as rude, opened_at(rude.url) as store:
        rude.manners = sometimes(
            lambda request: request.query.get("partNumber") == "2", lambda: refusal(403, "AccessDenied"), 9
        )
        with pytest.raises(RefusedError):
            await put(store, KEY, BIG)
        # What is left of the other parts may arrive after it.
        abort = "DELETE /recordings/day/film.mp4?uploadId="
        assert any(seen.startswith(abort) for seen in rude.seen)
        assert await asyncio.to_thread(object_server.uploads) == []
        assert await asyncio.to_thread(object_server.keys) == []


async def test_an_upload_that_cannot_be_aborted_fails_all_the_same(object_server: ObjectServer) -> None:
    async with rude_store(object_server) as rude, opened_at(rude.url) as store:
        rude.manners = sometimes(
            lambda request: request.method != "POST", lambda: refusal(403, "AccessDenied"), 99
        )
        with pytest.raises(RefusedError):
            await put(store, KEY, BIG)
        assert await asyncio.to_thread(object_server.keys) == []


@pytest.mark.parametrize(("status", "code"), [(501, "NotImplemented"), (405, "MethodNotAllowed")])
async def test_a_store_that_cannot_copy_parts_says_so(
    object_server: ObjectServer, status: int, code: str
) -> None:
    await asyncio.to_thread(object_server.put, KEY, BIG)
    async with rude_store(object_server) as rude, opened_at(rude.url, patience_s=30) as store:
        rude.manners = sometimes(
            lambda request: "x-amz-copy-source" in request.headers, lambda: refusal(status, code), 99
        )
        pieces = [Piece(Place(Location(BUCKET), KEY), 0, 6 * MIB)] * 2
        with pytest.raises(CannotJoinError):
            await store.join("joined.ts", pieces, content_type="video/mp2t")
        assert await asyncio.to_thread(object_server.keys) == [KEY]
        assert await asyncio.to_thread(object_server.uploads) == []


async def test_only_what_is_too_small_is_read_when_pieces_are_joined(object_server: ObjectServer) -> None:
    await asyncio.to_thread(object_server.put, KEY, BIG)
    async with rude_store(object_server) as rude, opened_at(rude.url) as store:
        pieces = [
            Piece(Place(Location(BUCKET), KEY), 0, 12 * MIB),
            Piece(Place(Location(BUCKET), KEY), 3, 1000),
        ]
        await store.join("joined.ts", pieces, content_type="video/mp2t")
        assert not [seen for seen in rude.seen if seen.startswith("GET")]
        rude.seen.clear()
        await store.join("joined.ts", [pieces[1], pieces[0]], content_type="video/mp2t")
        assert len([seen for seen in rude.seen if seen.startswith("GET")]) == 2
        assert await read(store, "joined.ts") == BIG[3:1003] + BIG[: 12 * MIB]


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    configure_logging(LogSettings(level="debug", format="json"), stream)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


async def test_the_log_has_no_secrets_in_it(object_server: ObjectServer, logged: io.StringIO) -> None:
    said = []
    async with rude_store(object_server) as rude, opened_at(rude.url, patience_s=30) as store:
        rude.manners = sometimes(lambda _: True, lambda: refusal(503, "SlowDown"), 3)
        await put(store, KEY, BIG)
        said.append(await store.address(KEY, 60))
        rude.manners = sometimes(lambda _: True, lambda: refusal(403, "AccessDenied"), 99)
        with pytest.raises(RefusedError) as told:
            await put(store, KEY, BIG)
        said.append(str(told.value))
    assert "object_store_retried" in logged.getvalue()
    assert "Signature" in said[0]
    for text in (logged.getvalue(), said[1]):
        for secret in (*CREDENTIALS.values(), "Signature=", "secret-words", "secret-key", "film.mp4", "AWS4"):
            assert secret not in text, secret


KILLED = """
import asyncio, sys
from tests.support.object_store import opened_at

async def endless():
    while True:
        yield bytes(1024 * 1024)
        await asyncio.sleep(0)

async def main():
    async with opened_at(sys.argv[1]) as store:
        await store.put("day/film.mp4", endless(), content_type="video/mp4")

asyncio.run(main())
"""


async def test_a_process_that_is_killed_leaves_no_object(object_server: ObjectServer) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, object_server.url, cwd=Path(__file__).parents[3], env={**os.environ}
    )
    try:
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(_has_parts, object_server):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()
    assert await asyncio.to_thread(object_server.keys) == []


def _has_parts(server: ObjectServer) -> bool:
    for upload in server.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ()):
        parts = server.client.list_parts(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])
        if parts.get("Parts"):
            return True
    return False
