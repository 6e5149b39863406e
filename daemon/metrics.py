"""What operators watch: counters, gauges and latencies in Prometheus form."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from pipeline.report import WindowReport

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LATENCY_BUCKETS_S = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)


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
            "Connections to streams: started, reconnecting, resumed.",
            ["state"],
            registry=registry,
        )
        self.windows = Counter(
            "audiowarden_windows",
            "Windows reported, by level; not_moderated ones by reason.",
            ["level", "reason"],
            registry=registry,
        )
        self.window_delay = Histogram(
            "audiowarden_window_delay_seconds",
            "From a window's end on the stream's timeline to its report.",
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.inventions = Counter(
            "audiowarden_inventions",
            "Recognised texts dropped because the recogniser invented them.",
            ["reason"],
            registry=registry,
        )
        self.deliveries = Counter(
            "audiowarden_callback_attempts", "Callback attempts by outcome.", ["outcome"], registry=registry
        )

    def gauge(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """Register a gauge that is read when somebody asks."""
        Gauge(name, help_text, registry=self._registry).set_function(value)

    def observe_window(self, report: WindowReport) -> None:
        """Count a reported window."""
        if report.failure is not None:
            self.windows.labels("not_moderated", report.failure.value).inc()
            return
        self.windows.labels(report.level.value, "").inc()
        self.window_delay.observe(max(0.0, time.time() - report.ended_at))

    def delivery(self, outcome: str) -> None:
        """Count an attempt to deliver a callback."""
        self.deliveries.labels(outcome).inc()

    def render(self) -> bytes:
        """Return the text that a Prometheus server scrapes."""
        return generate_latest(self._registry)
