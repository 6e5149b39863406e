"""Delivers callbacks: stored first, in order per stream, tried again by the contract's schedule."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
import structlog

from config.errors import AudiowardenError
from config.settings import CallbackSettings
from daemon.egress import reason_of
from daemon.ledger.interfaces import DeadLetters, History, Lease, LedgerError, Record, Saving, WorkQueue
from daemon.logs import tell_kind
from daemon.patience import patiently
from daemon.signing import UNSIGNED, Signer
from pipeline.retry import Backoff

log = structlog.get_logger()

MAX_IN_FLIGHT = 512
"""Callbacks being sent at once, to all consumers together."""
MAX_FAILING_IN_FLIGHT = MAX_IN_FLIGHT // 2
"""Of these, to consumers whose last attempt failed: many that are down leave room for those that work."""
MAX_FAILING_KNOWN = 4096
TAKE_WAIT_S = 2.0
"""Also how soon callbacks are noticed that another process put back (`audiowarden callbacks replay`)."""
FLUSH_S = 5.0
"""At the end: how long callbacks that are due may still be sent before the rest is left to the next start."""
MAX_ANSWER_BYTES = 64 * 1024
ANSWER_BODY_S = 1.0
"""How long the body of an answer is waited for once its status is known."""
DELIVERY_HEADER = "X-Audiowarden-Delivery"
"""Carries the delivery's id, the same in every attempt: who has seen it may answer 200 at once."""
SEQUENCE_HEADER = "X-Audiowarden-Sequence"
"""Counts a stream's callbacks from 1 without a gap: who misses one knows it."""
ATTEMPT_HEADER = "X-Audiowarden-Attempt"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One callback. `sequence` is unique within its stream; the order is that of the calls of `send`."""

    stream_id: str
    sequence: str
    url: str
    body: bytes
    account: str = ""
    """Whose secret signs it."""
    number: int = 0
    """Its place among all that is called back of its stream, from 1; 0 when nobody counted."""
    place: int | None = None
    """Where the stream's history keeps it; None: not at all."""
    last: bool = False
    """Whether the stream has ended with it."""


@dataclass(frozen=True, slots=True)
class Head:
    """What is stored in front of a callback's body."""

    url: str
    account: str
    number: int

    @classmethod
    def of(cls, stored: bytes) -> Head:
        """Read what is stored of a callback. Raises ValueError."""
        head = json.loads(stored.partition(b"\n")[0])
        match head:
            case {"url": str(url)}:
                # An older version stored neither of these.
                return cls(url, str(head.get("account", "")), int(head.get("number", 0)))
        raise ValueError("the stored callback has no address")


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
        signer: Signer = UNSIGNED,
        history: History | None = None,
    ) -> None:
        """Without `history` no callback is kept once it was delivered."""
        self._queue = queue
        self._dead_letters = dead_letters
        self._session = session
        self._settings = settings
        self._observer = observer
        self._signer = signer
        self._history = history
        self._backoff = Backoff(
            first_s=settings.first_retry_s,
            step_s=settings.first_retry_s,
            max_s=settings.max_retry_s,
            attempts=settings.attempts - 1,
        )
        self._busy: Counter[str] = Counter()
        self._failing: set[str] = set()
        self._slot_freed = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._dispatcher: asyncio.Task[None] | None = None
        self._flushed = asyncio.Event()
        self._stopping = False

    async def send(self, delivery: Delivery, saving: Saving | None = None) -> None:
        """Take a callback; durable when this returns, together with `saving`. Raises LedgerError."""
        head = {"url": delivery.url, "account": delivery.account, "number": delivery.number}
        record = None
        if delivery.place is not None and self._history is not None:
            record = Record(
                delivery.account, delivery.stream_id, delivery.place, delivery.body, last=delivery.last
            )
        await self._queue.put(
            delivery.stream_id,
            delivery.sequence,
            json.dumps(head).encode() + b"\n" + delivery.body,
            lane=_origin(delivery.url),
            record=record,
            saving=saving,
        )

    async def ended(self, account: str, stream_id: str) -> None:
        """Take note that a stream ended without a last callback. Raises LedgerError."""
        if self._history is not None:
            await self._history.end(account, stream_id)

    async def start(self) -> None:
        """Begin to deliver, what the last daemon left first."""
        self._dispatcher = asyncio.create_task(self._dispatch(), name="outbox")

    async def stop(self, flush_s: float = FLUSH_S) -> None:
        """Send what is due for up to `flush_s`, then stop; the rest stays in the ledger, unharmed."""
        self._stopping = True
        self._slot_freed.set()
        try:
            await asyncio.wait_for(self._flushed.wait(), flush_s)
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
            leases = await patiently(self._take)
            for lease in leases or ():
                self._begin(lease)
            if self._stopping and leases == [] and not self._sending:
                self._flushed.set()

    async def _take(self) -> list[Lease] | None:
        """Lease what is due for consumers that have a slot; None when a slot was freed first."""
        room = self._room()
        if room == 0:
            await self._slot_freed.wait()
            return None
        wait_s = 0.05 if self._stopping else TAKE_WAIT_S
        taking = asyncio.create_task(
            self._queue.take(room, wait_s, skip_lanes=self._full_lanes()), name="outbox take"
        )
        freed = asyncio.create_task(self._slot_freed.wait(), name="outbox slot")
        try:
            await asyncio.wait((taking, freed), return_when=asyncio.FIRST_COMPLETED)
            return taking.result() if taking.done() else None
        finally:
            for task in (taking, freed):
                task.cancel()
            await asyncio.wait((taking, freed))

    def _room(self) -> int:
        """How many may be taken without knowing whose they are: what the fullest open consumer has left."""
        each = self._settings.connections_per_consumer
        left = min((each - busy for busy in self._busy.values() if busy < each), default=each)
        return min(left, MAX_IN_FLIGHT - len(self._sending))

    def _full_lanes(self) -> set[str]:
        """Consumers that may not be sent anything more for now."""
        each = self._settings.connections_per_consumer
        full = {lane for lane, busy in self._busy.items() if busy >= each}
        if sum(self._busy[lane] for lane in self._failing & self._busy.keys()) >= MAX_FAILING_IN_FLIGHT:
            full |= self._failing
        return full

    def _begin(self, lease: Lease) -> None:
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
            with contextlib.suppress(LedgerError):
                await lease.release()
            raise
        if reason and len(self._failing) < MAX_FAILING_KNOWN:
            self._failing.add(lease.lane)
        elif not reason:
            self._failing.discard(lease.lane)
        await patiently(lambda: self._settle(lease, reason))

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
        try:
            status = await self._status_of(lease)
        except TimeoutError:
            return "no answer in time"
        except AudiowardenError as error:
            return str(error)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _why(error)
        except Exception as error:  # whatever it is, the stream's callbacks must go on
            tell_kind("delivery_crashed", error, request_id=lease.group)
            return type(error).__name__
        return "" if status == 200 else f"status {status}"

    async def _status_of(self, lease: Lease) -> int:
        head, body = Head.of(lease.body), lease.body.partition(b"\n")[2]
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            DELIVERY_HEADER: f"{lease.group}_{lease.key}",
            ATTEMPT_HEADER: str(lease.attempt + 1),
            **self._signer.headers(head.account, body),
        }
        if head.number:
            headers[SEQUENCE_HEADER] = str(head.number)
        async with (
            asyncio.timeout(self._settings.timeout_s) as deadline,
            self._session.post(head.url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            # The status is what counts; a short body is read so that the connection can be used again.
            deadline.reschedule(None)
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with asyncio.timeout(ANSWER_BODY_S):
                    await _skim(response.content)
            return response.status


async def _skim(content: aiohttp.StreamReader) -> None:
    """Read up to MAX_ANSWER_BYTES and forget them."""
    left = MAX_ANSWER_BYTES
    while left > 0 and (part := await content.read(left)):
        left -= len(part)


def _origin(url: str) -> str:
    """Return what may be shown of an address, and what its consumer is told apart by."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _why(error: Exception) -> str:
    """Say why nothing was delivered."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the consumer closed the connection without an answer"
    reason = reason_of(error)
    return f"cannot reach the consumer: {reason}" if isinstance(error, OSError) else reason
