"""The composition root: every part is made here, started in order and stopped in reverse."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

import structlog
from aiohttp import ClientSession, web

from config.settings import Settings
from daemon.accounts import Accounts
from daemon.admission import Admission
from daemon.analysis import SMALL_WORK_THREADS, Analysis, loaded_analysis
from daemon.asking import JsonAsker
from daemon.clips import ClipWriter
from daemon.contracts.audiostream import document as audiostream
from daemon.contracts.audiostream.contract import AudioStreamContract
from daemon.contracts.audiostream.query import StreamQuery
from daemon.contracts.audiostream.routes import AudioStreamRoutes
from daemon.contracts.errors import plain_errors
from daemon.contracts.tvu import document as tvu
from daemon.contracts.vod import document as vod
from daemon.doors import Doors, LimitedSite, most_descriptors
from daemon.egress import make_session
from daemon.enrolled import Enrolled
from daemon.health import HealthRoutes
from daemon.lag import LoopLag
from daemon.ledger.interfaces import History, LedgerError
from daemon.ledger.sqlite import SqliteLedger
from daemon.lists import CustomerLists
from daemon.logs import tell
from daemon.metrics import Metrics
from daemon.openapi import OpenApiRoutes
from daemon.outbox import Outbox
from daemon.port import open_port
from daemon.recorded import RecordedMedia, recorded_media
from daemon.registry import Registry
from daemon.signing import Signer
from daemon.sources import Sources
from daemon.storage.interfaces import ClipStore, StorageError
from daemon.storage.opened import Storage, opened_storage
from daemon.storage.routes import ClipRoutes, ObjectRoutes
from daemon.tasks import Tasks
from daemon.upkeep import Upkeep
from models.songs.index import SongIndex
from models.voice.index import VoiceIndex
from pipeline.ingest.workers import IngestWorkers, Start
from pipeline.mp3 import encode_mp3
from pipeline.network.addresses import AddressPolicy
from pipeline.pull import abandoned_threads
from pipeline.report import StreamSpec
from pipeline.retry import RetryBudget
from pipeline.rooms import agora
from pipeline.rooms.workers import RoomWorkers
from pipeline.stream import Stages

log = structlog.get_logger()

EXPIRE_EVERY_S = 600.0
HTTP_SHUTDOWN_S = 2.0
RECOVER_S = 10.0
READY_S = 2.0
"""How long a probe waits for the ledger: probes have deadlines of a few seconds themselves."""
INGEST_MODULE = "daemon.ingest"
IDLE_S = 75.0
"""How long a connection may take to send a request's head; what is idle for longer is closed."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """A daemon that serves."""

    url: str
    """Where its API is."""
    failed: asyncio.Event
    """Set when a part of it has died: it must be stopped."""


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Daemon]:
    """Start everything, yield when it serves, drain and stop everything in reverse.

    Raises AudiowardenError (one sentence) when a part cannot be started.
    """
    async with AsyncExitStack() as house:
        # Before anything slow is loaded, so that a taken one is said at once.
        listener = open_port(settings.server)
        house.callback(listener.close)
        log.info("starting", model=settings.recogniser.model)
        descriptors = most_descriptors()
        tasks = Tasks()
        parts = await _furnish(settings, _url_of(listener), house)
        house.push_async_callback(tasks.stop)
        if settings.ingest.processes:
            tasks.start("ingest", parts.ingest.run())
            await parts.ingest.wait_ready()
        tasks.start("rooms", parts.rooms.run())
        tasks.start("clip expiry", _expire(parts.storage))
        tasks.start("word lists", parts.lists.watch())
        tasks.start("enrolled voices", parts.voices.watch())
        tasks.start("enrolled songs", parts.songs.watch())
        tasks.start("loop lag", parts.lag.run())
        tasks.start("callback upkeep", parts.upkeep.run())
        doors = Doors(settings.server.max_connections, descriptors)
        parts.metrics.gauge(
            "audiowarden_http_connections", "Connections to the API.", lambda: doors.connections
        )
        runner = web.AppRunner(
            _routes(settings, parts, doors),
            access_log=None,
            shutdown_timeout=HTTP_SHUTDOWN_S,
            keepalive_timeout=IDLE_S,
            auto_decompress=False,
        )
        await runner.setup()
        house.push_async_callback(runner.cleanup)
        house.push_async_callback(_drain, parts, settings.server.drain_s)
        tasks.start("registry", parts.registry.run())
        tasks.start("jobs", parts.recorded.jobs.run())
        if not await parts.registry.recovered(RECOVER_S):
            log.warning("streams_not_recovered_yet", waited_s=RECOVER_S)
        await LimitedSite(runner, listener, doors).start()
        log.info("serving", url=_url_of(listener), accounts=len(settings.accounts))
        yield Daemon(_url_of(listener), tasks.failed)
        log.info("draining", streams=parts.registry.live_count)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the HTTP server and the background tasks are made of."""

    metrics: Metrics
    accounts: Accounts
    ledger: SqliteLedger
    storage: Storage
    recorded: RecordedMedia
    lists: CustomerLists
    voices: Enrolled[VoiceIndex]
    songs: Enrolled[SongIndex]
    addresses: AddressPolicy
    contract: AudioStreamContract
    registry: Registry
    ingest: IngestWorkers
    rooms: RoomWorkers
    lag: LoopLag
    query: StreamQuery
    upkeep: Upkeep


async def _furnish(settings: Settings, url: str, house: AsyncExitStack) -> _Parts:
    """Make all parts but the HTTP server; the end of each is pushed to `house`."""
    metrics = Metrics()
    ledger = await SqliteLedger.open(settings.data_dir)
    house.push_async_callback(ledger.close)
    base_url = settings.clips.public_base_url or url
    storage = await house.enter_async_context(opened_storage(settings, base_url))
    lists = CustomerLists(settings.accounts)
    await lists.load()
    analysis = await house.enter_async_context(loaded_analysis(settings, lists.of))
    addresses = AddressPolicy.of(settings.network)
    session = await house.enter_async_context(make_session(settings.network, addresses))
    history = ledger.history if settings.callbacks.history_hours else None
    outbox = _outbox(settings, ledger, session, metrics, history)
    await outbox.start()
    house.push_async_callback(outbox.stop)
    accounts = Accounts(settings.accounts)
    recorded = await house.enter_async_context(
        recorded_media(settings, accounts, ledger, outbox, storage, addresses, metrics)
    )
    sdk = await asyncio.to_thread(agora.environment, os.environ)
    contract = AudioStreamContract(analysis.taxonomy, settings.accounts, agora_sdk=bool(sdk))
    start = Start(INGEST_MODULE, settings.network, settings.logs)
    ingest = _ingest(settings, start, metrics)
    rooms = RoomWorkers(replace(start, environ=sdk), on_lost=metrics.ingest_restarts.inc)
    sources = Sources(
        settings.network, addresses, ingest if settings.ingest.processes else None, rooms, JsonAsker(session)
    )
    stages = _stages(settings, analysis, sources, storage.clips)
    admission = Admission(
        analysis.recognition,
        settings.recogniser.max_load,
        listening=analysis.listening.listener,
        listening_threads=SMALL_WORK_THREADS,
    )
    metrics.watch_recogniser(analysis.recognition)
    registry = Registry(ledger.streams, outbox, {contract.name: contract}, stages, metrics, admission)
    lag = LoopLag(admission)
    upkeep = Upkeep(ledger.dead_letters, ledger.history, settings.callbacks)
    _show(metrics, admission, registry, lag, upkeep)
    query = StreamQuery(registry, history)
    voices, songs = analysis.listening.voices, analysis.listening.songs
    return _Parts(
        metrics,
        accounts,
        ledger,
        storage,
        recorded,
        lists,
        voices,
        songs,
        addresses,
        contract,
        registry,
        ingest,
        rooms,
        lag,
        query,
        upkeep,
    )


def _outbox(
    settings: Settings,
    ledger: SqliteLedger,
    session: ClientSession,
    metrics: Metrics,
    history: History | None,
) -> Outbox:
    signer = Signer(settings.accounts)
    return Outbox(
        ledger.callbacks, ledger.dead_letters, session, settings.callbacks, metrics, signer, history
    )


def _show(metrics: Metrics, admission: Admission, registry: Registry, lag: LoopLag, upkeep: Upkeep) -> None:
    """Let the metrics tell what the parts know now."""
    metrics.gauge(
        "audiowarden_capacity_streams",
        "Streams that this host carries by what their windows cost; more are refused.",
        lambda: admission.capacity,
    )
    metrics.gauge(
        "audiowarden_streams_accepted", "Streams that can be finished.", lambda: registry.live_count
    )
    metrics.gauge(
        "audiowarden_listening_load",
        "Share of the time for sounds and voices that streams take; a start beyond max_load is refused.",
        lambda: admission.listening_share(registry.load),
    )
    metrics.gauge(
        "audiowarden_event_loop_lag_seconds",
        "How long the event loop's timers are overdue, mean of the last seconds; no streams above 0.25.",
        lambda: lag.lag_s,
    )
    metrics.gauge(
        "audiowarden_dead_letters", "Callbacks that were given up and are kept.", lambda: upkeep.dead_letters
    )


def _ingest(settings: Settings, start: Start, metrics: Metrics) -> IngestWorkers:
    ingest = IngestWorkers(settings.ingest.processes, start, on_lost=metrics.ingest_restarts.inc)
    metrics.gauge("audiowarden_ingest_workers", "Ingest processes that take streams.", lambda: ingest.running)
    metrics.gauge(
        "audiowarden_source_threads_abandoned",
        "Threads that read streams and could not be ended.",
        lambda: abandoned_threads() + ingest.abandoned_threads,
    )
    return ingest


def _stages(
    settings: Settings,
    analysis: Analysis,
    sources: Sources,
    store: ClipStore,
) -> Stages:
    def retries(spec: StreamSpec) -> RetryBudget:
        return RetryBudget(spec.backoff)

    encode = partial(encode_mp3, bit_rate_kbps=settings.clips.bit_rate_kbps)
    clips = ClipWriter(store, encode, analysis.executor)
    return Stages(sources.open, analysis.analyser, clips, retries, settings.recogniser.max_delay_s)


def _routes(settings: Settings, parts: _Parts, doors: Doors) -> web.Application:
    app = web.Application(middlewares=[doors.note, plain_errors])
    AudioStreamRoutes(
        parts.contract, parts.accounts, parts.registry, parts.addresses, parts.metrics, parts.query
    ).add_to(app)
    ClipRoutes(parts.storage.local_clips).add_to(app)
    if parts.storage.folder is not None:
        ObjectRoutes(parts.storage.folder).add_to(app)
    parts.recorded.vod.add_to(app)
    parts.recorded.tvu.add_to(app)
    OpenApiRoutes([audiostream.describe(), tvu.describe(), vod.describe()]).add_to(app)
    HealthRoutes(parts.metrics, partial(_unready, parts)).add_to(app)
    return app


async def _drain(parts: _Parts, timeout_s: float) -> None:
    """Put down streams and jobs, each in order."""
    await asyncio.gather(parts.registry.drain(timeout_s), parts.recorded.jobs.drain(timeout_s))


async def _unready(parts: _Parts) -> str:
    """Return why a start would be refused just now, whoever asks; empty when it would not."""
    if parts.registry.draining:
        return "draining"
    try:
        async with asyncio.timeout(READY_S):
            await parts.ledger.check()
    except (LedgerError, TimeoutError) as error:
        return str(error) or "the ledger does not answer"
    return ""


async def _expire(storage: Storage) -> None:
    """Delete clips that have lived long enough; runs until cancelled."""
    while True:
        try:
            expired = await storage.expire_clips()
        except StorageError as error:
            tell("clips_not_expired", error)
        else:
            if expired:
                log.info("clips_expired", count=expired)
        await asyncio.sleep(EXPIRE_EVERY_S)


def _url_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
