"""Stands before a real S3 server and lets a test spoil single answers."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from yarl import URL

from tests.support.object_store import ObjectServer

HOP_BY_HOP = {"transfer-encoding", "connection", "content-encoding"}


@dataclass(slots=True)
class Rude:
    """`manners` may answer a request itself; None: the real server does."""

    server: ObjectServer
    url: str = ""
    seen: list[str] = field(default_factory=list)
    """Method and path with query of each request."""
    manners: Callable[[web.Request, bytes], Awaitable[web.StreamResponse | None]] | None = None

    async def forward(self, request: web.Request, body: bytes) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name not in ("Host", "Expect")}
        # The signature holds for the host that the request was sent to.
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method,
                URL(self.server.url + request.raw_path, encoded=True),
                data=io.BytesIO(body) if body else None,
                headers=headers,
            ) as answer,
        ):
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.seen.append(f"{request.method} {request.raw_path}")
        answer = await self.manners(request, body) if self.manners else None
        return answer if answer is not None else await self.forward(request, body)


@asynccontextmanager
async def rude_store(server: ObjectServer) -> AsyncIterator[Rude]:
    rude = Rude(server)
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", rude.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        rude.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield rude
    finally:
        await runner.cleanup()


def refusal(status: int, code: str) -> web.Response:
    """What S3 says, with everything in it that must not be repeated."""
    text = (
        f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no: secret-words-of-the-store</Message>"
        "<Key>secret-key-of-the-object</Key></Error>"
    )
    return web.Response(status=status, text=text, content_type="application/xml")
