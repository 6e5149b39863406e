"""What works on recorded media: stores, jobs, exports, the contracts of both; made and stopped together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from config.settings import Settings
from daemon.accounts import Accounts
from daemon.contracts.tvu.polling import KIND as EXPORT
from daemon.contracts.tvu.polling import PolledExports
from daemon.contracts.tvu.routes import AUDIO_AT_ONCE, TvuRoutes
from daemon.contracts.vod.access import Projects
from daemon.contracts.vod.assets import Assets
from daemon.contracts.vod.extraction import KIND, Extraction
from daemon.contracts.vod.gauges import AssetGauges
from daemon.contracts.vod.registration import Registration
from daemon.contracts.vod.routes import VodRoutes
from daemon.exports.exporter import Exporter
from daemon.exports.sources import Sources
from daemon.exports.whole_audio import make_whole_audio
from daemon.jobs.durable import DurableJobs
from daemon.jobs.gauges import JobGauges
from daemon.jobs.interfaces import JobKind
from daemon.jobs.workshop import Workshop
from daemon.ledger.interfaces import Ledger
from daemon.metrics import Metrics
from daemon.outbox import Outbox
from daemon.storage.interfaces import Stores
from daemon.storage.opened import Storage
from pipeline.network.addresses import AddressPolicy
from pipeline.recording.web import WebLibrary

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RecordedMedia:
    """What the HTTP server and the background tasks need of it."""

    jobs: DurableJobs
    vod: VodRoutes
    tvu: TvuRoutes


@asynccontextmanager
async def recorded_media(
    settings: Settings,
    accounts: Accounts,
    ledger: Ledger,
    outbox: Outbox,
    storage: Storage,
    addresses: AddressPolicy,
    metrics: Metrics,
) -> AsyncIterator[RecordedMedia]:
    """Make it all; `jobs.run` and `jobs.drain` are the caller's to call. Raises AudiowardenError."""
    # Audio that a client waits for has threads of its own beside the jobs'.
    threads = settings.jobs.at_once + AUDIO_AT_ONCE
    workshop = await asyncio.to_thread(Workshop, settings.data_dir, threads, settings.jobs.max_result_bytes)
    try:
        projects = Projects(settings.accounts, accounts)
        projects.check_notifications(addresses)
        assets = Assets(ledger.documents)
        stores = storage.stores
        sources = _sources(stores, addresses, settings)
        extraction = Extraction(assets, projects, stores, outbox, workshop, sources, make_whole_audio)
        sealing = _sealing_keys(settings)
        exporter = Exporter(stores, sources, workshop, sealing)
        kinds: dict[str, JobKind] = {KIND: extraction.kind, EXPORT: JobKind(exporter.work)}
        names = [account.name for account in settings.accounts]
        jobs = DurableJobs(ledger.jobs, ledger.documents, kinds, names, settings.jobs, metrics)
        metrics.collect(JobGauges(jobs))
        metrics.collect(AssetGauges(assets))
        registration = Registration(assets, stores, addresses)
        vod = VodRoutes(projects, assets, registration, jobs, stores, metrics)
        # Its clients wait for audio.
        waited_for = _sources(storage.waited_for, addresses, settings)
        at_once = Exporter(storage.waited_for, waited_for, workshop, sealing)
        tvu = TvuRoutes(accounts, at_once, PolledExports(jobs, stores), metrics, sealing)
        yield RecordedMedia(jobs, vod, tvu)
    finally:
        workshop.close()


def _sources(stores: Stores, addresses: AddressPolicy, settings: Settings) -> Sources:
    return Sources(stores, lambda bench: WebLibrary(addresses, settings.network, bench))


def _sealing_keys(settings: Settings) -> dict[str, bytes]:
    keys = ((account.name, account.tvu.descriptor_key) for account in settings.accounts)
    return {name: bytes.fromhex(key.get_secret_value()) for name, key in keys if key is not None}
