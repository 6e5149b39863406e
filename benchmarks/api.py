"""API: how long starts and finishes take while a daemon moderates 200 live streams.

    .venv/bin/python -m benchmarks.api --streams 200 --json FILE

The live streams are pulled from a local server. By default they say nothing, so that it is the API, the
ledger and the ingest that compete, not recognition; `--silence 0` lets them talk. As platforms do, they ask
only for windows that are not PASS: a silent window costs no clip. A platform gives up on a start after one
second, whatever the daemon is busy with.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from benchmarks.daemon import House, add_settings, serving, settings_of
from benchmarks.figures import end_when_told, write_figures
from benchmarks.fleet import SUCCESS, Fleet
from benchmarks.play import PlayServer, add_form
from benchmarks.quantiles import Quantiles
from benchmarks.talk import talk_file
from pipeline.audio import WINDOW_S
from tests.support.consumer import Platform

PAUSE_S = 0.05
"""After each of the requests one by one: a platform's do not come in a row."""
FURTHER = 10
"""How many further streams are live meanwhile."""
SETTLE_S = WINDOW_S + 2.0
"""Until every live stream has had its first window."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answers:
    """What a number of requests was answered. Times in milliseconds."""

    ms: Quantiles
    refused: int
    """Answers other than 1100."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """The figures of a run."""

    streams: int
    """Live ones."""
    refused: int
    """Of their starts."""
    daemon_cores: float
    windows_per_s: float
    """Moderated during the requests one by one."""
    answers: dict[str, Answers]


class Latencies:
    """Collects answers of one kind of request."""

    def __init__(self) -> None:
        self._took_ms: list[float] = []
        self._refused = 0

    def add(self, took_ms: float, answer: dict[str, Any]) -> None:
        """Take one answer."""
        self._took_ms.append(took_ms)
        self._refused += answer["code"] != SUCCESS

    def answers(self) -> Answers:
        """Summarise."""
        return Answers(Quantiles.of(self._took_ms), self._refused)


class Quiet:
    """A platform (a `Client`) that wants no callback for windows that are PASS."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def start(self, url: str) -> dict[str, Any]:
        """Start a stream."""
        return await self._platform.start(url, data={"returnAllText": 0})

    async def finish(self, request_id: str) -> dict[str, Any]:
        """Finish a stream."""
        return await self._platform.finish(request_id)

    async def windows(self) -> float:
        """Return how many windows the daemon has moderated."""
        _, text = await self._platform.get("/metrics")
        families = text_string_to_metric_families(text.decode())
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == "audiowarden_windows_total"
        )


class Caller:
    """Sends starts and finishes of further streams, and times them."""

    def __init__(self, platform: Quiet, fleet: Fleet) -> None:
        self._platform = platform
        self._fleet = fleet

    async def start(self, latencies: Latencies) -> str:
        """Start a further stream and return its id."""
        answer = await self._timed(self._platform.start(self._fleet.next_url()), latencies)
        return str(answer["requestId"])

    async def finish(self, stream_id: str, latencies: Latencies) -> None:
        """Finish a stream."""
        await self._timed(self._platform.finish(stream_id), latencies)

    async def _timed(self, request: Awaitable[dict[str, Any]], latencies: Latencies) -> dict[str, Any]:
        began = time.perf_counter()
        answer = await request
        latencies.add((time.perf_counter() - began) * 1000, answer)
        return answer


async def one_by_one(caller: Caller, count: int) -> dict[str, Answers]:
    """Start streams one after the other; each is finished a few starts later."""
    starts, finishes = Latencies(), Latencies()
    further: deque[str] = deque()
    for _ in range(count):
        further.append(await caller.start(starts))
        await asyncio.sleep(PAUSE_S)
        if len(further) > FURTHER:
            await caller.finish(further.popleft(), finishes)
            await asyncio.sleep(PAUSE_S)
    for stream_id in further:
        await caller.finish(stream_id, finishes)
    return {"starts, one by one": starts.answers(), "finishes, one by one": finishes.answers()}


async def at_once(caller: Caller, count: int) -> dict[str, Answers]:
    """Start streams all at once, then finish them all at once."""
    starts, finishes = Latencies(), Latencies()
    stream_ids = await asyncio.gather(*(caller.start(starts) for _ in range(count)))
    await asyncio.gather(*(caller.finish(each, finishes) for each in stream_ids))
    return {
        f"{count} starts at once": starts.answers(),
        f"{count} finishes at once": finishes.answers(),
    }


async def load_and_call(house: House, server: PlayServer, given: argparse.Namespace) -> Outcome:
    """Bring the live streams up and send the requests."""
    platform = Quiet(house.platform)
    fleet = Fleet(platform, server.url)
    caller = Caller(platform, fleet)
    refused = await fleet.resize(given.streams)
    await asyncio.sleep(SETTLE_S)
    before = await platform.windows()
    cpu_s, began = house.processes.cpu_s(), time.perf_counter()
    answers = await one_by_one(caller, given.requests)
    elapsed_s = time.perf_counter() - began
    cores = (house.processes.cpu_s() - cpu_s) / elapsed_s
    windows = await platform.windows() - before
    answers |= await at_once(caller, given.burst)
    return Outcome(len(fleet.stream_ids), refused, cores, windows / elapsed_s, answers)


async def measure(given: argparse.Namespace, console: Console) -> Outcome:
    """Start everything, measure, end everything."""
    with tempfile.TemporaryDirectory(prefix="audiowarden-bench-") as folder:
        media = talk_file(Path(folder), given.audio, given.silence)
        with PlayServer(media, sample_rate_hz=given.sample_rate, channels=given.channels) as server:
            async with serving(settings_of(given.settings)) as house:
                with console.status(f"{given.streams} live streams ..."):
                    return await load_and_call(house, server, given)


def table_of(outcome: Outcome) -> Table:
    """Show the latencies of each kind of request."""
    table = Table("requests", title=f"API, {outcome.streams} live streams")
    for name in ("p50 ms", "p95 ms", "p99 ms", "longest ms", "not 1100"):
        table.add_column(name, justify="right")
    for name, each in outcome.answers.items():
        figures = (each.ms.p50, each.ms.p95, each.ms.p99, each.ms.longest)
        table.add_row(name, *(f"{value:.1f}" for value in figures), str(each.refused))
    table.caption = (
        f"one by one: daemon {outcome.daemon_cores:.2f} cores, {outcome.windows_per_s:.1f} windows/s "
        f"moderated, {outcome.streams / WINDOW_S:.1f} were due"
    )
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON if asked."""
    parser = argparse.ArgumentParser(prog="benchmarks.api", description=__doc__)
    parser.add_argument("--audio", type=Path, help="folder of recordings; default: the test voice")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--streams", type=int, default=200, help="live streams meanwhile")
    parser.add_argument("--requests", type=int, default=200, help="starts, and finishes, one by one")
    parser.add_argument("--burst", type=int, default=200, help="starts, and finishes, at once")
    parser.add_argument("--silence", type=float, default=1.0, help="share of silence in the streams, 0..1")
    add_form(parser, sample_rate_hz=16_000, channels=1)
    add_settings(parser)
    given = parser.parse_args(arguments)
    end_when_told()
    console = Console()
    outcome = asyncio.run(measure(given, console))
    console.print(table_of(outcome))
    write_figures(given.json, dataclasses.asdict(outcome))


if __name__ == "__main__":
    main()
