"""What a caller gets when the fault is the daemon's own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from structlog.testing import capture_logs

from config.accounts import AccountSettings
from daemon.accounts import Accounts
from daemon.contracts.audiostream.query import StreamQuery
from daemon.contracts.audiostream.routes import AudioStreamRoutes
from daemon.contracts.errors import plain_errors
from daemon.metrics import Metrics
from pipeline.network.addresses import AddressPolicy
from tests.daemon.contracts.requests import request
from tests.daemon.test_registry import CONTRACT, house


def stopping_clock() -> Iterator[float]:
    yield time.monotonic()
    raise ValueError("a fault of ours with a secret in it")


async def test_a_fault_of_ours_is_1903_in_the_contracts_form(tmp_path: Path) -> None:
    clock = stopping_clock()
    accounts = Accounts([AccountSettings(name="a", access_key=SecretStr("key"))], lambda: next(clock))
    app = web.Application(middlewares=[plain_errors])
    async with house(tmp_path, lambda *_: []) as made:
        query = StreamQuery(made.registry, None)
        AudioStreamRoutes(CONTRACT, accounts, made.registry, AddressPolicy(), Metrics(), query).add_to(app)
        with capture_logs() as logs:
            async with TestClient(TestServer(app)) as client:
                response = await client.post(
                    "/audiostream/v4", json=request(accessKey="key", acceptLang="en")
                )
                answer = await response.json()
    assert (response.status, answer["code"], answer["message"]) == (200, 1903, "Service failed")
    assert len(answer["requestId"]) == 32
    assert [each["event"] for each in logs if each["log_level"] == "error"] == ["request_failed"]


async def test_a_fault_elsewhere_is_a_500_that_a_probe_sees() -> None:
    async def broken(_: web.Request) -> web.Response:
        raise ValueError("a fault of ours")

    app = web.Application(middlewares=[plain_errors])
    app.router.add_get("/metrics", broken)
    async with TestClient(TestServer(app)) as client:
        response = await client.get("/metrics")
        assert response.status == 500
        assert "fault" not in await response.text()
