"""One step of the capacity benchmark: so many streams for so long, and what came of it."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass

from benchmarks.callbacks import Failed, Judged, Timed, ended_at_of, origins, timed, understood
from benchmarks.daemon import House
from benchmarks.fleet import Fleet
from benchmarks.host import ProcessTree
from benchmarks.quantiles import Quantiles
from pipeline.audio import WINDOW_S

SETTLE_S = 2.0
"""Connecting to a stream takes part of a second; its first window, the warm-up, ends so much later."""
GRACE_S = 12.0
"""How long after the step its last windows may come: more than `recogniser.max_delay_s`."""
LOOK_EVERY_S = 0.5
HELD_SHARE = 0.99
"""Of the windows that must come within the limit."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a number of streams did to a daemon. Times in seconds, of the windows that ended in the step."""

    streams: int
    """That were accepted."""
    refused: int
    """Starts answered 1901."""
    failed: int
    """Windows called back as not moderated (1903)."""
    missing: int
    """Windows that had not come when the step and its grace were over; they count as infinitely late."""
    latency: Quantiles
    wait: Quantiles
    analysis: Quantiles
    delivery: Quantiles
    measured_s: float
    daemon_cores: float
    """CPU seconds a second."""
    load_cores: float
    """Of the play server and the platform."""
    memory_mb: float
    limit_s: float

    @property
    def cost_ms(self) -> float:
        """CPU milliseconds of the daemon for a second of one stream."""
        return 1000 * self.daemon_cores / self.streams if self.streams else math.nan

    @property
    def held(self) -> bool:
        """Whether the daemon has kept its promise to the streams it took."""
        return bool(self.latency.count) and not self.failed and self.latency.p99 <= self.limit_s

    @property
    def mark(self) -> str:
        """Whether it held, or what went wrong first, in a word for a table."""
        if self.failed:
            return "1903"
        return ("held, 1901" if self.refused else "held") if self.held else "late"

    @property
    def verdict(self) -> str:
        """Why the step held or did not, in a few words."""
        troubles = []
        if self.refused:
            troubles.append(f"{self.refused} starts refused")
        if self.failed:
            troubles.append(f"{self.failed} windows not moderated")
        if self.missing:
            troubles.append(f"{self.missing} windows missing")
        if not self.latency.p99 <= self.limit_s:
            troubles.append(f"p99 {self.latency.p99:.1f} s")
        if self.held:
            return ", ".join(["held", *troubles])
        return ", ".join(troubles)


class Stepper:
    """Brings a daemon to a number of streams, lets it warm up, and measures it."""

    def __init__(self, house: House, fleet: Fleet, server: ProcessTree, *, limit_s: float) -> None:
        self._house = house
        self._fleet = fleet
        self._server = server
        self._limit_s = limit_s
        self._judged: list[Judged] = []
        """Of all steps: the more windows of a stream are known, the better its origin is."""
        self._failed: list[Failed] = []

    async def measure(self, streams: int, spans: int) -> Step:
        """Measure `streams` streams over so many spans of a window's length, less when they are too many."""
        refused = await self._fleet.resize(streams)
        await asyncio.sleep(WINDOW_S + SETTLE_S)
        began_at, began = time.time(), self._cpu_s()
        ended_at = await self._let_run(began_at, spans)
        measured_s, ended = time.time() - began_at, self._cpu_s()
        memory_mb = self._house.processes.memory_mb()
        count = len(self._fleet.stream_ids)
        # Every stream has exactly one window's end in each span.
        expected = count * round((ended_at - began_at) / WINDOW_S)
        windows, failed = await self._last_of(began_at, ended_at, expected)
        missing = max(0, expected - len(windows) - failed)
        return Step(
            streams=count,
            refused=refused,
            failed=failed,
            missing=missing,
            latency=Quantiles.of([each.latency_s for each in windows] + [math.inf] * missing),
            wait=Quantiles.of([each.wait_s for each in windows]),
            analysis=Quantiles.of([each.analysis_s for each in windows]),
            delivery=Quantiles.of([each.delivery_s for each in windows]),
            measured_s=measured_s,
            daemon_cores=(ended[0] - began[0]) / measured_s,
            load_cores=(ended[1] - began[1]) / measured_s,
            memory_mb=memory_mb,
            limit_s=self._limit_s,
        )

    def _cpu_s(self) -> tuple[float, float]:
        """CPU seconds of the daemon, and of what loads it."""
        return self._house.processes.cpu_s(), self._server.cpu_s() + time.process_time()

    async def _let_run(self, began_at: float, spans: int) -> float:
        """Let the spans pass, none once the step cannot hold any more; return when the last one ended."""
        allowed = (1 - HELD_SHARE) * spans * len(self._fleet.stream_ids)
        ended_at = began_at
        for _ in range(spans):
            ended_at += WINDOW_S
            await asyncio.sleep(max(0.0, ended_at - time.time()))
            windows, failed = self._between(began_at, ended_at)
            if failed or sum(each.latency_s > self._limit_s for each in windows) > allowed:
                break
        return ended_at

    async def _last_of(self, began_at: float, ended_at: float, expected: int) -> tuple[list[Timed], int]:
        """Return what `_between` does once all windows have come, or have had their time."""
        while True:
            windows, failed = self._between(began_at, ended_at)
            if len(windows) + failed >= expected or time.time() > ended_at + GRACE_S:
                return windows, failed
            await asyncio.sleep(LOOK_EVERY_S)

    def _between(self, began_at: float, ended_at: float) -> tuple[list[Timed], int]:
        """Return the live streams' windows that ended in this time, and how many were not moderated."""
        judged, failed = understood(self._house.consumer.received)
        self._house.consumer.received.clear()
        live = set(self._fleet.stream_ids)
        # The last window of a stream that was finished is no whole one.
        self._judged = [each for each in self._judged + judged if each.stream_id in live]
        self._failed = [each for each in self._failed + failed if each.stream_id in live]
        origin_of = origins(self._judged)
        windows = [each for each in timed(self._judged, origin_of) if began_at < each.ended_at <= ended_at]
        ends = (ended_at_of(each, origin_of) for each in self._failed)
        return windows, sum(began_at < end <= ended_at for end in ends)
