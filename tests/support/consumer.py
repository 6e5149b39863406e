"""A platform's side of the contract: a consumer that records callbacks, and a client that sends requests."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
from aiohttp import web


@dataclass(frozen=True, slots=True)
class Received:
    """One callback as it arrived."""

    at: float
    """Seconds since the epoch."""
    body: dict[str, Any]
    status: int
    """What the consumer answered."""
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""


class Consumer:
    """An HTTP server on loopback that takes callbacks; `answer` decides the status of each."""

    def __init__(self, answer: Callable[[dict[str, Any]], int] | None = None, port: int = 0) -> None:
        self.received: list[Received] = []
        self.answer = answer or (lambda _: 200)
        self._port = port
        self._arrived = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/callback", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}/callback"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def sequence(self) -> list[int]:
        """The numbers of the deliveries that came, each once, in the order of their arrival."""
        return list(dict.fromkeys(int(each.headers["X-Audiowarden-Sequence"]) for each in self.received))

    @property
    def taken(self) -> list[dict[str, Any]]:
        """The bodies that were answered 200, in the order of their arrival."""
        return [each.body for each in self.received if each.status == 200]

    async def wait_for(
        self, condition: Callable[[], bool], timeout_s: float, what: str = "callbacks"
    ) -> None:
        """Wait until `condition` holds after some callback; fail with what has come when it does not."""
        try:
            async with asyncio.timeout(timeout_s), self._arrived:
                await self._arrived.wait_for(condition)
        except TimeoutError:
            ids = [(each.body.get("requestId", "")[-8:], each.status) for each in self.received]
            raise AssertionError(f"waited {timeout_s} s for {what}; received {ids}") from None

    async def _take(self, request: web.Request) -> web.Response:
        raw = await request.read()
        body = json.loads(raw)
        status = self.answer(body)
        async with self._arrived:
            self.received.append(Received(time.time(), body, status, request.headers, raw))
            self._arrived.notify_all()
        return web.Response(status=status)


class Platform:
    """Sends the contract's requests to a daemon."""

    def __init__(self, api: str, access_key: str, callback: str) -> None:
        self.api = api
        self.access_key = access_key
        self.callback = callback
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=30)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def start(self, url: str, *, data: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        """Start a stream; every window is called back unless `data` says otherwise."""
        body = {
            "accessKey": self.access_key,
            "appId": "default",
            "eventId": "default",
            "type": "POLITICS_PORN_AD_ABUSE_BAN_VIOLENT_ADLAW",
            "acceptLang": "en",
            "callback": self.callback,
            "data": {
                "tokenId": "user-1",
                "btId": "bt-1",
                "streamType": "NORMAL",
                "url": url,
                "lang": "en",
                "returnAllText": 1,
                "returnFinishInfo": 1,
                **(data or {}),
            },
            **fields,
        }
        return await self.post("/audiostream/v4", body)

    async def finish(self, request_id: str) -> dict[str, Any]:
        """Finish a stream."""
        body = {"accessKey": self.access_key, "requestId": request_id, "acceptLang": "en"}
        return await self.post("/finish_audiostream/v4", body)

    async def query(self, request_id: str) -> dict[str, Any]:
        """Ask for what was called back of a stream."""
        body = {"accessKey": self.access_key, "requestId": request_id, "acceptLang": "en"}
        return await self.post("/query_audiostream/v4", body)

    async def post(self, path: str, body: Any) -> dict[str, Any]:
        """POST JSON and return the JSON answer."""
        assert self._session is not None
        async with self._session.post(self.api + path, json=body) as response:
            answer = await response.json()
            assert isinstance(answer, dict)
            return answer

    async def get(self, path: str) -> tuple[int, bytes]:
        """GET a path of the daemon, or a whole address."""
        assert self._session is not None
        async with self._session.get(path if "://" in path else self.api + path) as response:
            return response.status, await response.read()
