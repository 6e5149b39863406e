"""What works on recorded media: stores, jobs, and the contract of assets; made and stopped together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from config.settings import Settings
from daemon.accounts import Accounts
from daemon.contracts.vod.access import Projects
from daemon.contracts.vod.assets import Asset, Assets
from daemon.contracts.vod.audio import make_audio
from daemon.contracts.vod.extraction import KIND, Extraction, LibraryInUse
from daemon.contracts.vod.registration import Registration
from daemon.contracts.vod.routes import VodRoutes
from daemon.jobs.durable import DurableJobs
from daemon.jobs.gauges import JobGauges
from daemon.jobs.interfaces import JobKind
from daemon.jobs.workshop import Workshop
from daemon.ledger.interfaces import Ledger
from daemon.metrics import Metrics
from daemon.outbox import Outbox
from daemon.storage.interfaces import Stores
from daemon.storage.library import StoredLibrary
from pipeline.network.addresses import AddressPolicy
from pipeline.recording.web import WebLibrary

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RecordedMedia:
    """What the HTTP server and the background tasks need of it."""

    jobs: DurableJobs
    vod: VodRoutes


@asynccontextmanager
async def recorded_media(
    settings: Settings,
    accounts: Accounts,
    ledger: Ledger,
    outbox: Outbox,
    stores: Stores,
    addresses: AddressPolicy,
    metrics: Metrics,
) -> AsyncIterator[RecordedMedia]:
    """Make it all; `jobs.run` and `jobs.drain` are the caller's to call. Raises AudiowardenError."""
    loop = asyncio.get_running_loop()

    def library_of(asset: Asset) -> LibraryInUse:
        if asset.place is None:
            return WebLibrary(addresses, settings.network)
        return StoredLibrary(stores.at(asset.place.location), loop)

    workshop = await asyncio.to_thread(Workshop, settings.data_dir, settings.jobs.at_once)
    try:
        projects = Projects(settings.accounts, accounts)
        assets = Assets(ledger.documents)
        extraction = Extraction(assets, projects, stores, outbox, workshop, library_of, make_audio)
        kinds: dict[str, JobKind] = {KIND: extraction.kind}
        names = [account.name for account in settings.accounts]
        jobs = DurableJobs(ledger.jobs, ledger.documents, kinds, names, settings.jobs, metrics)
        metrics.collect(JobGauges(jobs))
        registration = Registration(assets, projects, stores, addresses)
        yield RecordedMedia(jobs, VodRoutes(projects, assets, registration, jobs, stores, metrics))
    finally:
        workshop.close()
