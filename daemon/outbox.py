"""Delivers callbacks: stored first, in order per stream, tried again by the contract's schedule."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
import structlog

from config.errors import AudiowardenError
from config.settings import CallbackSettings
from daemon.ledger.interfaces import DeadLetters, Lease, LedgerError, WorkQueue
from pipeline.retry import Backoff

log = structlog.get_logger()

MAX_IN_FLIGHT = 512
"""Callbacks being sent at once, to all consumers together."""
TAKE_WAIT_S = 30.0
LEDGER_RETRY_S = 1.0
FLUSH_S = 5.0
"""At the end: how long callbacks that are due may still be sent before the rest is left to the next start."""
MAX_ANSWER_BYTES = 64 * 1024
DELIVERY_HEADER = "X-Audiowarden-Delivery"
"""Carries the delivery's id, the same in every attempt: who has seen it may answer 200 at once."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One callback. `sequence` is unique within its stream; the order is that of the calls of `send`."""

    stream_id: str
    sequence: str
    url: str
    body: bytes


class DeliveryObserver(Protocol):
    """Counts attempts by outcome: `delivered`, `failed`, `dead`."""

    def delivery(self, outcome: str) -> None:
        """Count one attempt."""


class Outbox:
    """Owns every callback from `send` until its consumer answered 200 or its attempts are used up.

    Bodies wait in the ledger, not in memory. Only the oldest callback of a stream is ever tried, so that a
    stream is in order; a consumer may occupy `connections_per_consumer` slots, so that one that is down
    delays nobody else.
    """

    def __init__(
        self,
        queue: WorkQueue,
        dead_letters: DeadLetters,
        session: aiohttp.ClientSession,
        settings: CallbackSettings,
        observer: DeliveryObserver,
    ) -> None:
        self._queue = queue
        self._dead_letters = dead_letters
        self._session = session
        self._settings = settings
        self._observer = observer
        self._backoff = Backoff(
            first_s=settings.first_retry_s,
            step_s=settings.first_retry_s,
            max_s=settings.max_retry_s,
            attempts=settings.attempts - 1,
        )
        self._busy: Counter[str] = Counter()
        self._slot_freed = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._dispatcher: asyncio.Task[None] | None = None
        self._flushed = asyncio.Event()
        self._stopping = False

    async def send(self, delivery: Delivery) -> None:
        """Take a callback; durable when this returns. Raises LedgerError."""
        head = json.dumps({"url": delivery.url}).encode()
        await self._queue.put(
            delivery.stream_id, delivery.sequence, head + b"\n" + delivery.body, lane=_origin(delivery.url)
        )

    @property
    def in_flight(self) -> int:
        """Callbacks being sent now."""
        return len(self._sending)

    async def start(self) -> None:
        """Begin to deliver, what the last daemon left first."""
        self._dispatcher = asyncio.create_task(self._dispatch(), name="outbox")

    async def stop(self) -> None:
        """Send what is due for a moment longer, then stop; the rest stays in the ledger."""
        self._stopping = True
        self._slot_freed.set()
        try:
            await asyncio.wait_for(self._flushed.wait(), FLUSH_S)
        except TimeoutError:
            log.info("outbox_not_empty")
        tasks = [task for task in (self._dispatcher, *self._sending) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _dispatch(self) -> None:
        """Take what is due and send it, as far as there are slots; runs until cancelled."""
        while True:
            self._slot_freed.clear()
            try:
                leases = await self._take()
            except LedgerError as error:
                log.error("ledger_unavailable", reason=str(error))  # noqa: TRY400 - expected
                await asyncio.sleep(LEDGER_RETRY_S)
                continue
            for lease in leases:
                await self._begin(lease)
            if self._stopping and not leases and not self._sending:
                self._flushed.set()

    async def _take(self) -> list[Lease]:
        """Lease what is due for consumers that have a slot; come back early when a slot is freed."""
        free = MAX_IN_FLIGHT - len(self._sending)
        if free <= 0:
            await self._slot_freed.wait()
            return []
        full = [lane for lane, busy in self._busy.items() if busy >= self._settings.connections_per_consumer]
        wait_s = 0.05 if self._stopping else TAKE_WAIT_S
        taking = asyncio.create_task(self._queue.take(free, wait_s, skip_lanes=full), name="outbox take")
        freed = asyncio.create_task(self._slot_freed.wait(), name="outbox slot")
        try:
            await asyncio.wait((taking, freed), return_when=asyncio.FIRST_COMPLETED)
            return taking.result() if taking.done() else []
        finally:
            for task in (taking, freed):
                task.cancel()
            await asyncio.wait((taking, freed))

    async def _begin(self, lease: Lease) -> None:
        if self._busy[lease.lane] >= self._settings.connections_per_consumer:
            # More of one consumer's were due than it has slots: they are offered again when one is free.
            await lease.release()
            return
        self._busy[lease.lane] += 1
        task = asyncio.create_task(self._deliver(lease), name=f"callback {lease.group} {lease.key}")
        self._sending.add(task)
        task.add_done_callback(lambda done: self._ended(done, lease.lane))

    def _ended(self, task: asyncio.Task[None], lane: str) -> None:
        self._sending.discard(task)
        self._busy[lane] -= 1
        if not self._busy[lane]:
            del self._busy[lane]
        self._slot_freed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("delivery_crashed", exc_info=error)

    async def _deliver(self, lease: Lease) -> None:
        try:
            reason = await self._post(lease)
        except asyncio.CancelledError:
            # Stopped in the middle: not the consumer's failure.
            await lease.release()
            raise
        while True:
            try:
                return await self._settle(lease, reason)
            except LedgerError as error:
                log.error("ledger_unavailable", reason=str(error))  # noqa: TRY400 - expected
                await asyncio.sleep(LEDGER_RETRY_S)

    async def _settle(self, lease: Lease, reason: str) -> None:
        """Remove a delivered callback; give a failed one back, or bury it after its last attempt."""
        attempt = lease.attempt + 1
        if not reason:
            await lease.done()
            self._observer.delivery("delivered")
            return
        delay_s = self._backoff.delay_s(attempt)
        fields = {
            "request_id": lease.group,
            "sequence": lease.key,
            "consumer": lease.lane,
            "attempt": attempt,
            "reason": reason,
        }
        if delay_s is None:
            await self._dead_letters.bury(lease, reason)
            self._observer.delivery("dead")
            log.error("callback_given_up", **fields)
            return
        await lease.release(delay_s, failed=True)
        self._observer.delivery("failed")
        log.warning("callback_failed", delay_s=delay_s, **fields)

    async def _post(self, lease: Lease) -> str:
        """Send one callback; return why it failed, or an empty string. Anything but 200 is a failure."""
        head, _, body = lease.body.partition(b"\n")
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            DELIVERY_HEADER: f"{lease.group}_{lease.key}",
        }
        try:
            async with (
                asyncio.timeout(self._settings.timeout_s),
                self._session.post(
                    json.loads(head)["url"], data=body, headers=headers, allow_redirects=False
                ) as response,
            ):
                await response.content.read(MAX_ANSWER_BYTES)
                return "" if response.status == 200 else f"status {response.status}"
        except TimeoutError:
            return "no answer in time"
        except AudiowardenError as error:
            return str(error)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The library's own text may hold the address with its query.
            return type(error).__name__


def _origin(url: str) -> str:
    """Return what may be shown of an address, and what its consumer is told apart by."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
