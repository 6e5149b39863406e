"""The contract's endpoints on real stores, real jobs and a real ledger."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from config.settings import JobSettings, NetworkSettings, S3Settings
from daemon.accounts import Accounts
from daemon.contracts.tvu.polling import KIND, PolledExports
from daemon.contracts.tvu.routes import AUDIO_DEADLINE_S, TvuRoutes
from daemon.exports.exporter import Exporter
from daemon.exports.sources import Sources
from daemon.jobs.durable import DurableJobs
from daemon.jobs.interfaces import JobKind
from daemon.jobs.workshop import Workshop
from daemon.ledger.sqlite import SqliteLedger
from daemon.metrics import Metrics
from daemon.storage.addresses import SignedAddresses
from daemon.storage.folder import FolderStore
from daemon.storage.s3.clients import Deadlines, S3Clients
from daemon.storage.stores import ConfiguredStores
from pipeline.network.addresses import AddressPolicy
from pipeline.recording.web import WebLibrary
from pipeline.retry import Backoff
from tests.daemon.contracts.tvu.documents import AUDIO_SESSION, MEDIA_SESSION
from tests.support.accounts import account
from tests.support.jobs_house import Outcomes
from tests.support.object_store import ObjectServer

KEY = "00112233445566778899aabbccddeeff" * 2
S3_AWAY = S3Settings(endpoint_url="http://127.0.0.1:1", region="us-east-1")
QUICK = Backoff(first_s=0.05, step_s=0.05, max_s=0.1, attempts=2)
PATIENCE_S = 60.0
AUDIO, MEDIA = "/exportaudio", "/api/resource/v1/i/export"


@dataclass(frozen=True, slots=True)
class House:
    """The endpoints as a client sees them."""

    client: TestClient[web.Request, web.Application]
    jobs: DurableJobs
    metrics: Metrics

    async def post(self, path: str, body: Any) -> dict[str, Any]:
        """Send a body: JSON, or, if it is a string or bytes, as it is."""
        raw = isinstance(body, str | bytes)
        data = io.BytesIO(body.encode() if isinstance(body, str) else body) if raw else None
        async with self.client.post(path, data=data, json=None if raw else body) as answer:
            assert answer.status == (413 if raw and len(body) > 1024 * 1024 else 200)
            document: dict[str, Any] = await answer.json()
            return document

    async def polled(self, body: dict[str, Any]) -> dict[str, Any]:
        """Ask until the work is over; the first answer says that it is not."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await self.post(MEDIA, body)
                if answer["ErrorCode"] != 1:
                    return answer
                await asyncio.sleep(0.05)


@asynccontextmanager
async def tvu_house(
    folder: Path,
    server: ObjectServer | None = None,
    *,
    deadline_s: float = AUDIO_DEADLINE_S,
    max_result_bytes: int = 10**9,
    clock: Callable[[], float] = time.monotonic,
    request_clock: Callable[[], float] = time.monotonic,
    **settings: Any,
) -> AsyncIterator[House]:
    """Serve the contract; `folder/media` is the media root. `settings` are the account's.

    By `clock` exports are made anew, by `request_clock` requests are counted.
    """
    tvu = {"session_ids": [AUDIO_SESSION, MEDIA_SESSION], "descriptor_key": KEY, **settings.pop("tvu", {})}
    customer = account("acme", tvu=tvu, **settings)
    async with AsyncExitStack() as stack:
        ledger = await SqliteLedger.open(folder / "ledger")
        stack.push_async_callback(ledger.close)
        clients = S3Clients(server.settings if server else S3_AWAY, Deadlines(patience_s=0.0))
        stack.push_async_callback(clients.close)
        root = folder / "media"
        root.mkdir(exist_ok=True)
        stores = ConfiguredStores(
            FolderStore(root, SignedAddresses("http://daemon.test", b"s" * 32)), clients
        )
        workshop = Workshop(folder, 6, max_result_bytes)
        stack.callback(workshop.close)
        sources = Sources(
            stores, lambda bench: WebLibrary(AddressPolicy(allow_private=True), NetworkSettings(), bench)
        )
        keys = {} if tvu["descriptor_key"] is None else {"acme": bytes.fromhex(KEY)}
        exporter = Exporter(stores, sources, workshop, keys)
        jobs = DurableJobs(
            ledger.jobs,
            ledger.documents,
            {KIND: JobKind(exporter.work)},
            ["acme"],
            JobSettings(),
            Outcomes(),
            backoff=QUICK,
        )
        running = asyncio.create_task(jobs.run(), name="jobs")
        stack.push_async_callback(_stop, jobs, running)
        metrics = Metrics()
        app = web.Application()
        polled = PolledExports(jobs, stores, clock=clock)
        accounts = Accounts([customer], request_clock)
        TvuRoutes(accounts, exporter, polled, metrics, keys, deadline_s=deadline_s).add_to(app)
        client = await stack.enter_async_context(TestClient(TestServer(app)))
        yield House(client, jobs, metrics)


async def _stop(jobs: DurableJobs, running: asyncio.Task[None]) -> None:
    await jobs.drain(0.0)
    running.cancel()
    await asyncio.wait((running,))
