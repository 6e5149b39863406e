"""Cancelling an export ends the reading of its recording at once, however slow the server is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web

from config.settings import NetworkSettings, S3Settings
from daemon.exports.export import Export, Form, MediaSource, Span, WebAddress
from daemon.exports.exporter import Exporter
from daemon.exports.sources import Sources
from daemon.jobs.workshop import Workshop
from daemon.storage.addresses import SignedAddresses
from daemon.storage.folder import FolderStore
from daemon.storage.interfaces import Location, Place
from daemon.storage.s3.clients import S3Clients
from daemon.storage.stores import ConfiguredStores
from pipeline.network.addresses import AddressPolicy
from pipeline.recording.web import WebLibrary
from tests.support.object_store import CREDENTIALS

SOON_S = 10.0
"""Every wait for a server is longer."""
NAMES = ("play.m3u8", "stream.mpd", "film.mp4", "anything")


async def silent(_: web.Request, over: asyncio.Event) -> web.StreamResponse:
    """Say nothing."""
    await over.wait()
    return web.Response()


async def dripping(request: web.Request, over: asyncio.Event) -> web.StreamResponse:
    """Say a byte now and then."""
    response = web.StreamResponse(headers={"Content-Length": "100000", "ETag": '"1"'})
    response.last_modified = 1e9
    with suppress(ConnectionError):
        await response.prepare(request)
        while not over.is_set():
            await response.write(b"#")
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), 0.1)
    return response


Manner = Callable[[web.Request, asyncio.Event], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def slow_server(manner: Manner, asked: asyncio.Event) -> AsyncIterator[str]:
    over = asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.set()
        return await manner(request, over)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        over.set()
        await runner.cleanup()


@asynccontextmanager
async def exporter(folder: Path, url: str) -> AsyncIterator[Exporter]:
    clients = S3Clients(S3Settings(endpoint_url=url, region="us-east-1"))
    stores = ConfiguredStores(FolderStore(folder, SignedAddresses("http://daemon.test", b"s" * 32)), clients)
    sources = Sources(
        stores, lambda bench: WebLibrary(AddressPolicy(allow_private=True), NetworkSettings(), bench)
    )
    workshop = await asyncio.to_thread(Workshop, folder, 1, 10**9)
    try:
        yield Exporter(stores, sources, workshop, {})
    finally:
        workshop.close()
        await clients.close()


@pytest.mark.parametrize("manner", [silent, dripping])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stored", [False, True])
async def test_cancelling_does_not_wait_for_the_server(
    name: str, manner: Manner, stored: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in CREDENTIALS.items():
        monkeypatch.setenv(variable, value)
    asked = asyncio.Event()
    async with slow_server(manner, asked) as url, exporter(tmp_path, url) as made:
        source: MediaSource = Place(Location("recordings"), name) if stored else WebAddress(f"{url}/{name}")
        target = Place(Location(), "a.flac")
        span = Span(start_s=0.0, duration_s=5.0)
        export = Export(sources=(source,), span=span, form=Form.FLAC, target=target)
        task = asyncio.create_task(made.export("acme", export, lambda _: None), name="export")
        async with asyncio.timeout(30):
            await asked.wait()
        began = time.monotonic()
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()
        assert time.monotonic() - began < SOON_S
