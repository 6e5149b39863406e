"""The streams that this daemon moderates: started once, resumed after a restart, finished or drained."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping

import structlog

from config.errors import AudiowardenError
from daemon.admission import Admission, Load, demand_of
from daemon.contracts.interfaces import StreamCall, StreamContract
from daemon.ledger.interfaces import Lease, LedgerError, Renewal, WorkQueue
from daemon.live import Live
from daemon.logs import tell_kind
from daemon.metrics import Metrics
from daemon.outbox import Outbox
from daemon.patience import patiently
from daemon.sink import StreamSink
from pipeline.report import StreamEnd
from pipeline.room import stream_of
from pipeline.stream import Stages

log = structlog.get_logger()

TAKE_AT_ONCE = 64
TAKE_WAIT_S = 30.0
FAILED_STREAM_RETRY_S = 5.0
MAX_CRASHES = 3
"""How often a stream is run before an error of our own ends it."""


class DuplicateStreamError(AudiowardenError):
    """The stream is being moderated already, as `stream_id`."""

    def __init__(self, stream_id: str) -> None:
        super().__init__(f"the stream is being moderated as {stream_id}")
        self.stream_id = stream_id


class CapacityError(AudiowardenError):
    """One more stream would delay the others' windows."""


class Registry:
    """Owns every stream's task. Streams live in the ledger first, so that a restart finds them again."""

    def __init__(
        self,
        queue: WorkQueue,
        outbox: Outbox,
        contracts: Mapping[str, StreamContract],
        stages: Stages,
        metrics: Metrics,
        admission: Admission,
        crash_retry_s: float = FAILED_STREAM_RETRY_S,
    ) -> None:
        """`crash_retry_s`: how long a stream rests after an error of our own."""
        self._queue = queue
        self._outbox = outbox
        self._contracts = contracts
        self._stages = stages
        self._metrics = metrics
        self._admission = admission
        self._crash_retry_s = crash_retry_s
        self._live: dict[str, Live] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = asyncio.Event()
        self._recovered = asyncio.Event()

    async def start(self, contract: str, call: StreamCall, *, limit: int) -> None:
        """Take a stream on: durable when this returns; it is pulled a moment later.

        Raises DuplicateStreamError, LimitReachedError (the account has `limit` streams), CapacityError and
        LedgerError.
        """
        demand = demand_of(call.spec)
        running = self.load
        if not self._admission.admits(running, demand) and not self._is_live(call):
            raise CapacityError(
                f"{running.words:.0f} of {self._admission.capacity:.0f} streams are taken, and "
                f"{self._admission.listening_share(running):.0%} of the time for sounds"
            )
        body = json.dumps({"contract": contract, "call": call.document()}, ensure_ascii=False).encode()
        spec = call.spec
        self._live[spec.stream_id] = Live(spec.account, call.identity, demand)
        created = False
        try:
            put = await self._queue.put(spec.account, call.identity, body, limit=limit)
            created = put.created
            if not created:
                raise DuplicateStreamError(json.loads(put.first_body)["call"]["request_id"])
        finally:
            if not created:
                del self._live[spec.stream_id]

    def _is_live(self, call: StreamCall) -> bool:
        """Whether the call is for a stream that is there already: a duplicate is told so, capacity or not."""
        key = (call.spec.account, call.identity)
        return any((live.account, live.identity) == key for live in self._live.values())

    async def finish(self, account: str, stream_id: str) -> bool:
        """End a stream of this account; False when it has no such stream."""
        live = self._live.get(stream_id)
        if live is None or live.account != account or live.closed:
            return False
        # Before the wait: a second request would else stop whoever takes the identity in between.
        live.closed = True
        try:
            await self._queue.stop(account, live.identity)
        except BaseException:
            live.closed = False
            raise
        live.finishing.set()
        return True

    def knows(self, account: str, stream_id: str) -> bool:
        """Whether the account has such a stream: its last callback has not been written yet."""
        live = self._live.get(stream_id)
        return live is not None and live.account == account

    @property
    def load(self) -> Load:
        """What the streams take together."""
        return self._admission.load_of((live.demand, live.weight) for live in self._live.values())

    @property
    def live_count(self) -> int:
        """How many streams are being moderated or about to be."""
        return len(self._live)

    @property
    def draining(self) -> bool:
        """Whether streams are being put down to be resumed by the next daemon."""
        return self._draining.is_set()

    async def run(self) -> None:
        """Take streams from the ledger and moderate them until cancelled; while draining, take none."""
        while True:
            if self.draining:
                # What is put down is due again at once: taking it would give it back for ever.
                await asyncio.sleep(TAKE_WAIT_S)
                continue
            leases = await patiently(self._take)
            for lease in leases:
                task = asyncio.create_task(self._moderate(lease), name=f"stream {lease.key}")
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            if len(leases) < TAKE_AT_ONCE and not self._recovered.is_set():
                # Behind the first steps of their tasks, in which the streams become known.
                asyncio.get_running_loop().call_soon(self._recovered.set)

    async def _take(self) -> list[Lease]:
        """Wait for streams that are due; a drain that began meanwhile gives them back."""
        leases = await self._queue.take(TAKE_AT_ONCE, TAKE_WAIT_S if self._recovered.is_set() else 0.0)
        if not self.draining:
            return leases
        for lease in leases:
            await lease.release()
        return []

    async def recovered(self, timeout_s: float) -> bool:
        """Wait until the streams of the daemon before are known and can be finished; False when late."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._recovered.wait()
        except TimeoutError:
            return False
        return True

    async def drain(self, timeout_s: float) -> None:
        """Stop pulling, moderate the windows in progress, leave the streams in the ledger to be resumed."""
        self._draining.set()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=timeout_s)
        for task in late:
            task.cancel()
        if late:
            log.warning("streams_not_drained", count=len(late))
            await asyncio.wait(late, timeout=timeout_s)

    async def _moderate(self, lease: Lease) -> None:
        """Run one stream under its lease; an error of our own ends this stream alone, after a few tries."""
        try:
            document = json.loads(lease.body)
            call = self._contracts[document["contract"]].restore(document["call"])
        except (ValueError, KeyError, TypeError, AudiowardenError) as error:
            # Written by another version: kept for the operator, and for that version to resume.
            tell_kind("stored_stream_not_understood", error, account=lease.group, identity=lease.key)
            return
        stream_id = call.spec.stream_id
        structlog.contextvars.bind_contextvars(request_id=stream_id)
        if call.spec.user is not None:
            structlog.contextvars.bind_contextvars(user=call.spec.user)
        live = self._live.setdefault(stream_id, Live(call.spec.account, call.identity, demand_of(call.spec)))
        sink = StreamSink(call, lease, live, self._outbox, self._metrics, self._admission)
        try:
            if await lease.renew() is Renewal.STOP:
                live.closed = True
                live.finishing.set()
            end = await self._run(call, sink, live)
            if self._draining.is_set() and not live.finishing.is_set():
                # Without a ledger the lease lapses with the process all the same.
                with contextlib.suppress(LedgerError):
                    await lease.release()
                return
            await self._close(lease, sink, end)
        except Exception:
            log.exception("stream_crashed", attempt=lease.attempt + 1)
            self._metrics.stream_crashes.inc()
            if lease.attempt + 1 < MAX_CRASHES and not live.finishing.is_set():
                await patiently(lambda: lease.release(self._crash_retry_s, failed=True))
            else:
                await self._close(lease, sink, StreamEnd(None, sink.heard_s, "internal error", crashed=True))

    async def _close(self, lease: Lease, sink: StreamSink, end: StreamEnd) -> None:
        """Tell the platform that the stream has ended, then forget it."""
        await sink.ended(end)
        if (live := self._live.get(sink.stream_id)) is not None:
            live.closed = True
        await patiently(lease.done)
        self._live.pop(sink.stream_id, None)
        fault = int(end.fault) if end.fault is not None else None
        log.info("stream_ended", fault=fault, reason=end.reason, streamed_s=round(end.streamed_s, 1))

    async def _run(self, call: StreamCall, sink: StreamSink, live: Live) -> StreamEnd:
        stream = stream_of(call.spec, self._stages, sink, sink.position, sink.heard_s)
        self._metrics.streams.inc()
        log.info("stream_started", account=call.spec.account, next_window=sink.position.next_index)
        running = asyncio.create_task(stream.run(), name=f"run {call.spec.stream_id}")
        finishing = asyncio.create_task(live.finishing.wait(), name=f"finish {call.spec.stream_id}")
        draining = asyncio.create_task(self._draining.wait(), name=f"drain {call.spec.stream_id}")
        try:
            await asyncio.wait((running, finishing, draining), return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                await stream.finish()
            return await running
        finally:
            self._metrics.streams.dec()
            for task in (running, finishing, draining):
                task.cancel()
            await asyncio.wait((running, finishing, draining))
