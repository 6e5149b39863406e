"""The contract's endpoints on a real server, ledger and folder, and the vendor's own client for them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from aiohttp import web
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkvod.v1 import VodClient

from config.accounts import AccountSettings
from config.errors import AudiowardenError
from config.settings import CallbackSettings, JobSettings, NetworkSettings, S3Settings
from daemon.accounts import Accounts
from daemon.contracts.errors import plain_errors
from daemon.contracts.vod.access import Projects
from daemon.contracts.vod.assets import Assets
from daemon.contracts.vod.extraction import KIND, Extraction
from daemon.contracts.vod.gauges import AssetGauges
from daemon.contracts.vod.registration import Registration
from daemon.contracts.vod.routes import VodRoutes
from daemon.exports.sources import Sources
from daemon.exports.whole_audio import WholeAudio
from daemon.jobs.durable import DurableJobs
from daemon.jobs.workshop import Workshop
from daemon.ledger.sqlite import SqliteLedger
from daemon.metrics import Metrics
from daemon.outbox import Outbox
from daemon.storage.addresses import SignedAddresses
from daemon.storage.folder import FolderStore
from daemon.storage.s3.clients import S3Clients
from daemon.storage.stores import ConfiguredStores
from pipeline.audio_forms import AudioForm
from pipeline.network.addresses import AddressPolicy
from pipeline.recording.recording import Library, RecordingError, RecordingFault
from pipeline.recording.web import WebLibrary
from tests.support.jobs_house import QUICK

PROJECT = "0123456789abcdef0123456789abcdef"
TOKEN = "token-of-acme"
ACCESS_KEY_ID = "ACCESSKEYOFACME"
SECRET_KEY = "secret-of-acme"
OTHER_PROJECT = "fedcba9876543210fedcba9876543210"
OTHER_TOKEN = "token-of-other"
PATIENCE_S = 60.0

T = TypeVar("T")


def account(name: str, **fields: Any) -> AccountSettings:
    return AccountSettings.model_validate({"name": name, "access_key": f"key-of-{name}", **fields})


def accounts(notification_url: str = "", **limits: Any) -> tuple[AccountSettings, ...]:
    """Two accounts with projects, and one without."""
    credentials = [{"access_key_id": ACCESS_KEY_ID, "secret_key": SECRET_KEY}]
    vod = {
        "project_id": PROJECT,
        "tokens": [TOKEN],
        "credentials": credentials,
        "notification_url": notification_url,
    }
    other = {"project_id": OTHER_PROJECT, "tokens": [OTHER_TOKEN]}
    return (account("acme", vod=vod, **limits), account("other", vod=other), account("third"))


def vendor_client(url: str, *, secret_key: str = SECRET_KEY, project: str = PROJECT) -> VodClient:
    """Return the vendor's client. It blocks: use it in a thread."""
    credentials = BasicCredentials(ACCESS_KEY_ID, secret_key, project)
    return VodClient.new_builder().with_credentials(credentials).with_endpoint(url).build()


@dataclass(slots=True)
class Maker:
    """Makes "audio" of whatever there is, when it is let go (a `MakeAudio`)."""

    go: threading.Event = field(default_factory=threading.Event)
    made: list[str] = field(default_factory=list)
    fault: AudiowardenError | None = None

    def __call__(
        self,
        library: Library,
        name: str,
        target: Path,
        form: AudioForm,
        progress: Callable[[float], None],
        cancelled: Callable[[], bool],
    ) -> WholeAudio:
        self.made.append(name)
        progress(0.5)
        while not self.go.wait(0.005):
            if cancelled():
                raise RecordingError(RecordingFault.CANCELLED, "it was cancelled")
        if self.fault is not None:
            raise self.fault
        source = library.open(name)
        target.write_bytes(form.encode() + b" of " + source.read(100))
        source.close()
        return WholeAudio(2.5, 2)


@dataclass(frozen=True, slots=True)
class Caller:
    """Sends requests as they are, with a token."""

    url: str
    session: aiohttp.ClientSession
    project: str = PROJECT
    token: str | None = TOKEN

    async def send(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any
    ) -> tuple[int, Any]:
        """Send to a path behind `/asset`; return status and JSON (None without a body)."""
        token = {} if self.token is None else {"X-Auth-Token": self.token}
        async with self.session.request(
            method,
            f"{self.url}/v1.0/{self.project}/asset{path}",
            headers={**token, **(headers or {})},
            **options,
        ) as response:
            assert len(response.headers["X-Request-Id"]) == 32
            return response.status, await response.json() if await response.read() else None

    async def create(self, **fields: Any) -> str:
        """Register an asset and return its id."""
        status, answer = await self.send("POST", "", json=fields)
        assert status == 200, answer
        return str(answer["asset_id"])

    async def extract(self, asset_id: str, **fields: Any) -> str:
        """Begin an extraction and return the audio's id."""
        status, answer = await self.send("POST", "/extract_audio", json={"asset_id": asset_id, **fields})
        assert (status, answer["asset_id"]) == (202, asset_id), answer
        return str(answer["audio_asset_id"])

    async def details(self, asset_id: str) -> dict[str, Any]:
        """Return an asset's details."""
        status, answer = await self.send("GET", f"/details?asset_id={asset_id}")
        assert status == 200, answer
        return dict(answer)

    async def reaches(self, asset_id: str, wanted: str) -> dict[str, Any]:
        """Wait until an asset has a status; return its details."""

        async def look() -> dict[str, Any] | None:
            details = await self.details(asset_id)
            return details if details["status"] == wanted else None

        return await eventually(look)


@asynccontextmanager
async def calling(url: str, project: str = PROJECT, token: str | None = TOKEN) -> AsyncIterator[Caller]:
    """Open a caller."""
    async with aiohttp.ClientSession() as session:
        yield Caller(url, session, project, token)


@dataclass(frozen=True, slots=True)
class House:
    """What a test works with."""

    url: str
    root: Path
    jobs: DurableJobs
    ledger: SqliteLedger
    metrics: Metrics


@asynccontextmanager
async def house(
    folder: Path,
    maker: Maker,
    *,
    settings: tuple[AccountSettings, ...] = (),
    clock: Callable[[], float] = time.monotonic,
    working: bool = True,
    at_once: int = 1,
    max_result_bytes: int = 10**9,
) -> AsyncIterator[House]:
    """Serve the contract with the media root `folder/media`; jobs are done when `working`.

    By `clock` requests are counted.
    """
    settings = settings or accounts()
    root = folder / "media"
    root.mkdir(exist_ok=True)
    ledger = await SqliteLedger.open(folder / "data")
    metrics, clients = Metrics(), S3Clients(S3Settings())
    stores = ConfiguredStores(FolderStore(root, SignedAddresses("http://daemon.example", b"x" * 32)), clients)
    addresses = AddressPolicy(allow_private=False)
    sources = Sources(stores, lambda bench: WebLibrary(addresses, NetworkSettings(), bench))
    workshop = await asyncio.to_thread(Workshop, folder / "data", at_once, max_result_bytes)
    projects, assets = Projects(settings, Accounts(settings, clock)), Assets(ledger.documents)
    async with aiohttp.ClientSession() as session:
        callbacks = CallbackSettings(first_retry_s=0.02, max_retry_s=0.05)
        outbox = Outbox(ledger.callbacks, ledger.dead_letters, session, callbacks, metrics)
        extraction = Extraction(assets, projects, stores, outbox, workshop, sources, maker)
        jobs = DurableJobs(
            ledger.jobs,
            ledger.documents,
            {KIND: extraction.kind},
            [each.name for each in settings],
            JobSettings(at_once=at_once, waiting=3),
            metrics,
            backoff=QUICK,
        )
        metrics.collect(AssetGauges(assets))
        registration = Registration(assets, stores, addresses)
        app = web.Application(middlewares=[plain_errors])
        VodRoutes(projects, assets, registration, jobs, stores, metrics).add_to(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, auto_decompress=False)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await outbox.start()
        running = asyncio.create_task(jobs.run(), name="jobs") if working else None
        try:
            yield House(f"http://127.0.0.1:{runner.addresses[0][1]}", root, jobs, ledger, metrics)
        finally:
            await runner.cleanup()
            await jobs.drain(0)
            if running is not None:
                running.cancel()
                await asyncio.wait((running,))
            await outbox.stop(1.0)
            workshop.close()
            await clients.close()
            await ledger.close()


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """Repeat a look until it finds something. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if (found := await look()) is not None:
                return found
            await asyncio.sleep(0.02)
