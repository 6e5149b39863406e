"""A consumer that records callbacks byte by byte and does with them what a test wants."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self

from aiohttp import web

Answer = Callable[["Attempt"], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request as it arrived."""

    request: web.Request
    delivery: str
    """The delivery's id, from its header."""
    body: bytes
    number: int
    """1 when the delivery was never seen before."""


async def accept(_: Attempt) -> web.Response:
    """Take the callback."""
    return web.Response()


async def never(_: Attempt) -> web.Response:
    """Keep the sender waiting for ever."""
    await asyncio.Event().wait()
    raise AssertionError


def fail_first(times: int, status: int = 500) -> Answer:
    """Refuse every delivery so many times before taking it."""

    async def answer(attempt: Attempt) -> web.Response:
        return web.Response(status=status if attempt.number <= times else 200)

    return answer


class Recorder:
    """An HTTP server on loopback addresses; `answer` may be changed at any time."""

    def __init__(
        self, answer: Answer = accept, port: int = 0, hosts: tuple[str, ...] = ("127.0.0.1",)
    ) -> None:
        self.answer = answer
        self.attempts: list[Attempt] = []
        self.taken: list[str] = []
        """Deliveries in the order in which they were answered 200."""
        self.open = 0
        """Requests that wait for their answer."""
        self.most_open: Counter[str] = Counter()
        """The largest number of them at once, by the host asked."""
        self.port = port
        self._hosts = hosts
        self._open: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()
        self._answering: set[asyncio.Task[object]] = set()
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01, handler_cancellation=True)
        await self._runner.setup()
        for host in self._hosts:
            await web.TCPSite(self._runner, host, self.port, backlog=1024).start()
            self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        for task in set(self._answering):
            task.cancel()
        if self._answering:
            await asyncio.wait(self._answering)

    def url(self, host: str = "127.0.0.1", path: str = "callback") -> str:
        return f"http://{host}:{self.port}/{path}"

    async def wait_for(self, condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Wait until `condition` holds after some request or answer."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            seen = [(attempt.delivery, attempt.number) for attempt in self.attempts[-50:]]
            raise AssertionError(
                f"waited {timeout_s} s; last attempts {seen}, taken {self.taken[-50:]}"
            ) from None

    async def _take(self, request: web.Request) -> web.StreamResponse:
        if (task := asyncio.current_task()) is not None:
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        delivery = request.headers.get("X-Audiowarden-Delivery", "")
        self._seen[delivery] += 1
        attempt = Attempt(request, delivery, await request.read(), self._seen[delivery])
        self.attempts.append(attempt)
        host = request.host.partition(":")[0]
        self._open[host] += 1
        self.open += 1
        self.most_open[host] = max(self.most_open[host], self._open[host])
        await self._tell()
        try:
            response = await self.answer(attempt)
        finally:
            self._open[host] -= 1
            self.open -= 1
        if response.status == 200:
            self.taken.append(delivery)
        await self._tell()
        return response

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
