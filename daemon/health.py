"""What probes and Prometheus ask: is the process alive, does it take streams, what has it counted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from daemon.metrics import CONTENT_TYPE, Metrics


class HealthRoutes:
    """`/healthz`, `/readyz` and `/metrics`."""

    def __init__(self, metrics: Metrics, ready: Callable[[], Awaitable[str]]) -> None:
        """`ready` returns why the daemon does not take streams just now, or an empty string."""
        self._metrics = metrics
        self._ready = ready

    def add_to(self, app: web.Application) -> None:
        """Register the endpoints."""
        app.router.add_get("/healthz", self.alive)
        app.router.add_get("/readyz", self.ready)
        app.router.add_get("/metrics", self.metrics)

    async def alive(self, _: web.Request) -> web.Response:
        """200 as long as the event loop runs."""
        return web.json_response({"status": "ok"})

    async def ready(self, _: web.Request) -> web.Response:
        """200 when new streams are taken, else 503 with the reason."""
        reason = await self._ready()
        body = {"status": "unavailable", "reason": reason} if reason else {"status": "ok"}
        return web.json_response(body, status=503 if reason else 200)

    async def metrics(self, _: web.Request) -> web.Response:
        """Every metric in Prometheus' text format."""
        return web.Response(body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})
