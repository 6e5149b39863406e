"""What operators watch: counters, gauges and latencies in Prometheus form."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.registry import Collector

from daemon.admission import Recognition
from pipeline.analyse import Analysis
from pipeline.audio import Window
from pipeline.report import Failure

# A series for the birth of each counter and histogram doubles what is scraped, and nobody asks for it.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the package left its annotation out

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LATENCY_BUCKETS_S = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)


class WatchedRecognition(Recognition, Protocol):
    """What metrics show of the recognisers."""

    @property
    def waiting(self) -> int:
        """Windows that wait for a reading."""


class Metrics:
    """All metrics of one daemon, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "audiowarden_requests",
            "API requests by endpoint and code.",
            ["endpoint", "code"],
            registry=registry,
        )
        self.streams = Gauge("audiowarden_streams", "Streams being moderated.", registry=registry)
        self.stream_crashes = Counter(
            "audiowarden_stream_crashes",
            "Streams stopped by an error of the daemon's own.",
            registry=registry,
        )
        self.connections = Counter(
            "audiowarden_stream_connections",
            "Connections to streams: started, stalled, reconnecting, resumed.",
            ["state"],
            registry=registry,
        )
        self.ingest_restarts = Counter(
            "audiowarden_ingest_worker_restarts",
            "Ingest processes that were lost and started anew.",
            registry=registry,
        )
        self.windows = Counter(
            "audiowarden_windows",
            "Windows by level, silent ones apart; not_moderated ones by reason.",
            ["level", "reason"],
            registry=registry,
        )
        self.window_delay = Histogram(
            "audiowarden_window_delay_seconds",
            "From a live window's end on the stream's timeline to its verdict.",
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.inventions = Counter(
            "audiowarden_inventions",
            "Recognised texts dropped because the recogniser invented them.",
            ["reason"],
            registry=registry,
        )
        self.screened = Counter(
            "audiowarden_screened_windows",
            "Windows by whose words they are, where recogniser.screen_model is set: cleared ones the small "
            "recogniser's; suspected, unsure and straight ones the large one's.",
            ["route"],
            registry=registry,
        )
        self.deliveries = Counter(
            "audiowarden_callback_attempts", "Callback attempts by outcome.", ["outcome"], registry=registry
        )

        self.jobs = Counter(
            "audiowarden_jobs",
            "Exports and extractions that are over, by kind and outcome.",
            ["kind", "outcome"],
            registry=registry,
        )

    def job_ended(self, kind: str, outcome: str) -> None:
        """Count a job that is over."""
        self.jobs.labels(kind, outcome).inc()

    def collect(self, collector: Collector) -> None:
        """Register what makes its metrics when somebody asks."""
        self._registry.register(collector)

    def gauge(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """Register a gauge that is read when somebody asks."""
        Gauge(name, help_text, registry=self._registry).set_function(value)

    def analysed(self, window: Window, analysis: Analysis) -> None:
        """Count a moderated window, and a text that the recogniser invented in it."""
        self.windows.labels(analysis.level.value, "silent" if analysis.silent else "").inc()
        delay_s = time.time() - window.ended_at
        # A recording is read ahead of its time: its windows would hide how late those of live streams are.
        if delay_s > 0:
            self.window_delay.observe(delay_s)
        if analysis.transcript.invention is not None:
            self.inventions.labels(analysis.transcript.invention.value).inc()
        if analysis.route is not None:
            self.screened.labels(analysis.route.value).inc()

    def not_moderated(self, failure: Failure) -> None:
        """Count a window that was called back as not moderated."""
        self.windows.labels("not_moderated", failure.value).inc()

    def watch_recogniser(self, recognition: WatchedRecognition) -> None:
        """Show the recogniser's line and cost."""
        self.gauge(
            "audiowarden_recogniser_waiting",
            "Windows that wait for recognition.",
            lambda: recognition.waiting,
        )
        self.gauge(
            "audiowarden_recogniser_window_cost_seconds",
            "One worker's time for a window, a moving average; 0 until one was read.",
            lambda: recognition.cost_s or 0.0,
        )
        self.gauge("audiowarden_recogniser_workers", "Threads that recognise.", lambda: recognition.workers)

    def delivery(self, outcome: str) -> None:
        """Count an attempt to deliver a callback."""
        self.deliveries.labels(outcome).inc()

    def render(self) -> bytes:
        """Return the text that a Prometheus server scrapes."""
        return generate_latest(self._registry)
