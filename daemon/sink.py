"""A stream's way to the ledger and the outbox: what it reports, and how far it has come."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import structlog

from daemon.admission import Admission, demand_of
from daemon.contracts.interfaces import StreamCall
from daemon.ledger.interfaces import Lease, Saving
from daemon.live import Live
from daemon.metrics import Metrics
from daemon.numbering import Numbering
from daemon.outbox import Delivery, Outbox
from daemon.patience import patiently
from pipeline.analyse import Analysis
from pipeline.audio import Window
from pipeline.report import EventType, Failure, StreamEnd, StreamEvent, WindowReport
from pipeline.source import Position

log = structlog.get_logger()

BRINGS_WINDOWS = frozenset({EventType.STARTED, EventType.RESUMED})
CONNECTIONS = BRINGS_WINDOWS | {EventType.STALLED, EventType.RECONNECTING}


class StreamSink:
    """A stream's way to the ledger and the outbox (a `ReportSink`); waits for a ledger that is away."""

    def __init__(
        self,
        call: StreamCall,
        lease: Lease,
        live: Live,
        outbox: Outbox,
        metrics: Metrics,
        admission: Admission,
    ) -> None:
        self._call = call
        self._lease = lease
        self._live = live
        self._outbox = outbox
        self._metrics = metrics
        self._admission = admission
        saved: dict[str, Any] = json.loads(lease.progress) if lease.progress else {}
        self.position = Position(saved.get("origin"), saved.get("next_index", 0))
        self._numbering = Numbering.restore(saved)
        self._one_at_a_time = asyncio.Lock()
        self._places: dict[str, int] = {}
        """Of every user who was heard lately: the last window's place."""
        self.heard_s: float = saved.get("heard_s", 0.0)
        """Seconds of audio in the windows before `position.next_index`."""
        self._events: int = saved.get("events", 0)
        self.stream_id = call.spec.stream_id

    def analysed(self, window: Window, analysis: Analysis) -> None:
        """Count a window that was moderated, and the users who are heard."""
        if window.user is not None:
            recent = {user: place for user, place in self._places.items() if place >= window.place - 1}
            self._places = recent | {window.user: window.place}
            self._live.voices = len(self._places)
            # A room of which it was told that it stalled may bring windows of those who are known.
            self._live.heard = True
        self._metrics.analysed(window, analysis)
        if demand_of(self._call.spec).words:
            self._admission.recognised(analysis.recognised)

    async def window(self, report: WindowReport) -> None:
        """Put a window's callback into the outbox."""
        if report.failure is not None:
            self._metrics.not_moderated(report.failure)
        if report.failure is Failure.OVERLOAD:
            self._admission.overloaded()
        await self._send(f"{report.index:08d}", self._call.window(report), report.index)
        log.info(
            "window_reported",
            window=report.index,
            verdict=None if report.failure else report.level.value,
            failure=report.failure and report.failure.value,
            labels=[finding.label.risk.value for finding in report.findings],
            lists=sorted({match.list_name for match in report.list_matches}),
            delay_ms=max(0, round((time.time() - report.ended_at) * 1000)),
        )

    async def advance(self, position: Position, heard_s: float) -> None:
        """Store how far the stream has come."""
        async with self._one_at_a_time:
            self.position = position
            self.heard_s = heard_s
            self._numbering.settle()
            await patiently(lambda: self._lease.save(self._progress()))

    def _progress(self) -> bytes:
        place = {"origin": self.position.origin, "next_index": self.position.next_index}
        counted = {"heard_s": self.heard_s, "events": self._events}
        return json.dumps({**place, **counted, **self._numbering.document()}).encode()

    async def event(self, event: StreamEvent) -> None:
        """Count connections, and put the event's callback into the outbox if the account wants it."""
        if event.type in CONNECTIONS:
            self._live.heard = event.type in BRINGS_WINDOWS
            self._metrics.connections.labels(event.type.value).inc()
        payload = self._call.event(event, self._events)
        if payload is not None:
            key = f"event-{self._events:08d}"
            self._events += 1
            await self._send(key, payload, None)

    async def ended(self, end: StreamEnd) -> None:
        """Put the stream's last callbacks into the outbox."""
        await self.event(StreamEvent(EventType.ENDED, time.time(), end.fault, end=end))
        index = self.position.next_index
        payload = self._call.end(end, index)
        if payload is not None:
            await self._send("end", payload, index, last=True)
        else:
            await patiently(lambda: self._outbox.ended(self._call.spec.account, self.stream_id))

    async def _send(
        self, key: str, payload: dict[str, Any], index: int | None, *, last: bool = False
    ) -> None:
        """Number a callback and store it with its number; history keeps it at `index` (None: not at all)."""
        body = json.dumps(payload, ensure_ascii=False).encode()
        async with self._one_at_a_time:
            delivery = Delivery(
                stream_id=self.stream_id,
                sequence=key,
                url=self._call.callback_url,
                body=body,
                account=self._call.spec.account,
                number=self._numbering.number(key),
                place=index,
                last=last,
            )
            saving = Saving(self._lease, self._progress())
            await patiently(lambda: self._outbox.send(delivery, saving))
