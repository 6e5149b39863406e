"""Capacity: how many live streams this host carries with 99 of 100 verdicts within two seconds.

    .venv/bin/python -m benchmarks.capacity --silence 0.6 --json FILE

A real daemon pulls live streams from a local server and calls every window back. The number of streams
is raised step by step, then the limit is narrowed down, and a fresh daemon carries 80 % of it. Latency is
taken where it counts: from the moment a window's audio ended until its consumer had the verdict. The play
server and the consumer run on the same cores; what they use is shown.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.daemon import add_settings, serving, settings_of
from benchmarks.figures import end_when_told, write_figures
from benchmarks.fleet import Fleet
from benchmarks.ladder import Ladder
from benchmarks.play import PlayServer, add_form
from benchmarks.step import Step, Stepper
from benchmarks.talk import talk_file
from pipeline.audio import WINDOW_S

SHARE_OF_LIMIT = 0.8
BASELINE_STREAMS = 5
"""Few streams, whose cost each the many are compared with."""


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What a search has found."""

    steps: list[Step]
    limit: int
    bounded: bool
    """False: the host may carry more; `max_streams` held."""


class Bench:
    """The benchmark's measurements on one kind of talk."""

    def __init__(self, server: PlayServer, given: argparse.Namespace, console: Console) -> None:
        self._server = server
        self._given = given
        self._console = console

    @asynccontextmanager
    async def _stepper(self) -> AsyncIterator[Stepper]:
        async with serving(settings_of(self._given.settings)) as house:
            fleet = Fleet(house.platform, self._server.url)
            yield Stepper(house, fleet, self._server.processes, limit_s=self._given.limit_s)

    async def search(self) -> Found:
        """Raise the number of streams until they are too many, then narrow the limit down."""
        given = self._given
        steps: list[Step] = []
        ladder = Ladder(given.start_at, max_rung=given.max_streams, resolution=given.resolution)
        async with self._stepper() as stepper:
            if given.baseline:
                steps.append(await self._step(stepper, given.baseline))
            while (rung := ladder.next()) is not None:
                step = await self._step(stepper, rung)
                steps.append(step)
                ladder.tell(step.streams, held=step.held)
                if step.refused:
                    ladder.tell(step.streams + 1, held=False)
        return Found(steps, ladder.held, not ladder.unbroken)

    async def carry(self, streams: int) -> Step:
        """Measure a number of streams on a fresh daemon."""
        async with self._stepper() as stepper:
            return await self._step(stepper, streams)

    async def _step(self, stepper: Stepper, streams: int) -> Step:
        with self._console.status(f"{streams} streams ..."):
            step = await stepper.measure(streams, -(-self._given.step_s // WINDOW_S))
        self._console.print(f"{streams} streams: {step.verdict}")
        return step


def table_of(title: str, steps: Sequence[Step]) -> Table:
    """Show steps, one a row."""
    columns = ("streams", "windows", "p50 s", "p95 s", "p99 s", "cores", "ms/s", "load", "MB")
    table = Table(title=title, caption=caption_of(steps), box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for step in sorted(steps, key=lambda each: each.streams):
        table.add_row(
            str(step.streams),
            str(step.latency.count),
            *(f"{value:.2f}" for value in (step.latency.p50, step.latency.p95, step.latency.p99)),
            f"{step.daemon_cores:.2f}",
            f"{step.cost_ms:.1f}",
            f"{step.load_cores:.2f}",
            f"{step.memory_mb:.0f}",
            step.mark,
        )
    return table


def breakdown_of(step: Step) -> Table:
    """Show where a step's latency was spent."""
    columns = ("seconds", "p50", "p95", "p99")
    table = Table(*columns, title=f"Latency at {step.streams} streams", box=box.SIMPLE_HEAD, pad_edge=False)
    parts = {
        "until analysis began": step.wait,
        "analysis and clip": step.analysis,
        "delivery": step.delivery,
        "window's end to receipt": step.latency,
    }
    for name, part in parts.items():
        table.add_row(name, *(f"{value:.3f}" for value in (part.p50, part.p95, part.p99)))
    return table


async def measure(silence: float, given: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Find the limit of one kind of talk, print it, and return the figures."""
    with tempfile.TemporaryDirectory(prefix="audiowarden-bench-") as folder:
        media = talk_file(Path(folder), given.audio, silence)
        name = f"{silence:.0%} silence" if silence else "talk without a pause"
        with PlayServer(media, sample_rate_hz=given.sample_rate, channels=given.channels) as server:
            bench = Bench(server, given, console)
            if given.latency_only:
                step = await bench.carry(given.latency_only)
                console.print(table_of(name, [step]), breakdown_of(step))
                return {"silence": silence, "step": dataclasses.asdict(step)}
            found = await bench.search()
            at_share = round(found.limit * SHARE_OF_LIMIT)
            fresh = await bench.carry(at_share) if at_share else None
    more = "" if found.bounded else " or more"
    console.print(table_of(f"Capacity, {name}: {found.limit} streams{more}", found.steps))
    if fresh is not None:
        title = f"{SHARE_OF_LIMIT:.0%} of it, on a fresh daemon"
        console.print(table_of(title, [fresh]), breakdown_of(fresh))
    return {
        "silence": silence,
        "limit": found.limit,
        "bounded": found.bounded,
        "steps": [dataclasses.asdict(each) for each in found.steps],
        "at_80_percent": dataclasses.asdict(fresh) if fresh is not None else None,
    }


def caption_of(steps: Sequence[Step]) -> str:
    """Say what the columns are, and how a stream's cost changes from the fewest streams to the most."""
    held = sorted((each for each in steps if each.held), key=lambda each: each.streams)
    legend = "cores: of the daemon, ms/s: each stream's share of them; load: cores of server and platform"
    if len(held) < 2:
        return legend
    few, many = held[0], held[-1]
    change = many.cost_ms / few.cost_ms - 1
    return (
        f"{legend}\nper stream second: {few.cost_ms:.1f} ms at {few.streams} streams, "
        f"{many.cost_ms:.1f} ms at {many.streams} ({change:+.0%})"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print tables, and write JSON if asked."""
    parser = argparse.ArgumentParser(prog="benchmarks.capacity", description=__doc__)
    parser.add_argument("--audio", type=Path, help="folder of recordings; default: the test voice")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--silence", type=float, help="share of silence, 0..1; default: 0, then 0.6")
    parser.add_argument("--start-at", type=int, default=40, help="streams of the first step")
    parser.add_argument("--max-streams", type=int, default=2000)
    parser.add_argument("--step-s", type=int, default=40, help="seconds that are measured of a step")
    parser.add_argument("--resolution", type=float, default=0.08, help="how exactly the limit is found")
    parser.add_argument("--limit-s", type=float, default=2.0, help="what p99 of the latency may be")
    parser.add_argument(
        "--baseline", type=int, default=BASELINE_STREAMS, help="streams of a step for the cost alone; 0: none"
    )
    parser.add_argument("--latency-only", type=int, metavar="N", help="measure N streams, search nothing")
    add_form(parser, sample_rate_hz=44_100, channels=2)
    add_settings(parser)
    given = parser.parse_args(arguments)
    end_when_told()
    console = Console()
    shares = (0.0, 0.6) if given.silence is None else (given.silence,)
    figures = []
    for share in shares:
        figures.append(asyncio.run(measure(share, given, console)))
        # More silence carries more streams: the next search begins where this one ended.
        given.start_at = figures[-1].get("limit") or given.start_at
    write_figures(given.json, figures)


if __name__ == "__main__":
    main()
