"""Ingest: what pulling and decoding N live streams costs, beside N processes of ffmpeg that do the same.

    .venv/bin/python -m benchmarks.ingest --streams 1,10,40 --rounds 2 --span-s 15 --processes 2 --json FILE

Ours is a process of its own that takes windows, once with threads and once with ingest processes. A delay is
counted from a window's end on the stream's own clock, which its earliest audio sets.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figures import end_when_told, write_figures
from benchmarks.host import ProcessTree
from benchmarks.play import PlayServer, add_form
from benchmarks.pullers import FAILED
from benchmarks.quantiles import Quantiles
from benchmarks.talk import talk_file
from tests.support.media_server import ffmpeg_exe

THREADS, PROCESSES, PEER = "threads", "processes", "ffmpeg"
FORMS = (THREADS, PROCESSES, PEER)
WARM_UP_S = 7.0
"""ffmpeg looks at five seconds of a stream before it decodes any."""


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """The figures of one form in one round."""

    form: str
    streams: int
    round: int
    cpu_s_per_stream_s: float
    """NaN without streams."""
    memory_mb: float
    """PSS of all its processes, at the end of the span."""
    delays_s: list[float]
    """Of whole windows, from their end to their arrival; none for ffmpeg."""


@dataclasses.dataclass(frozen=True, slots=True)
class Spread:
    """A ratio over the rounds."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"


def delays_of(text: str) -> list[float]:
    """Read what `benchmarks.pullers` wrote; raise RuntimeError when a stream ended."""
    lines = text.splitlines()
    if ended := [line for line in lines if line.startswith(FAILED)]:
        raise RuntimeError(f"{len(ended)} streams ended: {ended[0]}")
    return [float(line) for line in lines]


def order_of(number: int) -> Sequence[str]:
    """Return the forms in the order of this round: every other round backwards."""
    return FORMS[::-1] if number % 2 else FORMS


def ratio(costs: Sequence[Cost], form: str, figure: str) -> Spread:
    """Return a figure of a form over ffmpeg's of the same round; `costs` are of one number of streams."""
    by_key = {(each.form, each.round): float(getattr(each, figure)) for each in costs}
    rounds = sorted({each.round for each in costs})
    ratios = [_over(by_key[form, number], by_key[PEER, number]) for number in rounds]
    return Spread(statistics.median(ratios), min(ratios), max(ratios))


def _over(ours: float, theirs: float) -> float:
    return ours / theirs if theirs else math.nan


@contextlib.contextmanager
def running(form: str, urls: Sequence[str], processes: int, delays: Path) -> Iterator[list[ProcessTree]]:
    """Run a form on these streams; they are killed at the end of the block."""
    with contextlib.ExitStack() as stack:
        if form == PEER:
            options = ("-hide_banner", "-loglevel", "error", "-nostdin")
            audio = ("-vn", "-ar", "16000", "-ac", "1", "-f", "s16le", "-")
            commands = [[ffmpeg_exe(), *options, "-i", url, *audio] for url in urls]
            started = [subprocess.Popen(each, stdout=subprocess.DEVNULL) for each in commands]
        else:
            count = processes if form == PROCESSES else 0
            told = ("--processes", str(count), "--delays", str(delays), *urls)
            command = [sys.executable, "-m", "benchmarks.pullers", *told]
            started = [subprocess.Popen(command, stdout=subprocess.PIPE)]
        for process in started:
            stack.enter_context(process)
            stack.callback(process.kill)
        if started and started[0].stdout is not None and not started[0].stdout.readline():
            raise RuntimeError("the pulling process did not start")
        yield [ProcessTree(process.pid) for process in started]
        if any(process.poll() is not None for process in started):
            raise RuntimeError(f"a process of {form} ended early")


def measure(form: str, urls: Sequence[str], number: int, given: argparse.Namespace, folder: Path) -> Cost:
    """Measure one form over the span, after the warm-up."""
    delays = folder / "delays"
    delays.write_text("", encoding="utf-8")
    with running(form, urls, given.processes, delays) as trees:
        time.sleep(WARM_UP_S if urls else 1.0)
        cpu_s, began = sum(tree.cpu_s() for tree in trees), time.perf_counter()
        time.sleep(given.span_s if urls else 0.0)
        used_s = sum(tree.cpu_s() for tree in trees) - cpu_s
        elapsed_s = time.perf_counter() - began
        memory_mb = sum(tree.memory_mb() for tree in trees)
        arrived = delays_of(delays.read_text(encoding="utf-8"))
    per_stream = used_s / (elapsed_s * len(urls)) if urls else math.nan
    return Cost(form, len(urls), number, per_stream, memory_mb, arrived)


def table_of(costs: Sequence[Cost]) -> Table:
    """Show each number of streams; ratios are to ffmpeg, below 1 is less."""
    table = Table("streams", "form", title="Ingest: ratios to ffmpeg, median (min-max) of rounds")
    for name in ("CPU ms/stream s", "MB/stream", "CPU ratio", "memory ratio", "delay p50 ms", "p99 ms"):
        table.add_column(name, justify="right")
    for streams in sorted({each.streams for each in costs if each.streams}):
        same = [each for each in costs if each.streams == streams]
        for form in FORMS:
            mine = [each for each in same if each.form == form]
            cpu_ms = statistics.median(each.cpu_s_per_stream_s for each in mine) * 1000
            memory_mb = statistics.median(each.memory_mb for each in mine) / streams
            ratios = [str(ratio(same, form, name)) for name in ("cpu_s_per_stream_s", "memory_mb")]
            delays = Quantiles.of([delay * 1000 for each in mine for delay in each.delays_s])
            late = [f"{value:.0f}" if delays.count else "" for value in (delays.p50, delays.p99)]
            table.add_row(str(streams), form, f"{cpu_ms:.1f}", f"{memory_mb:.1f}", *ratios, *late)
    fixed = (f"{each.form} {each.memory_mb:.0f} MB" for each in costs if not each.streams)
    table.caption = "memory at 0 streams, contained in the above: " + ", ".join(fixed)
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON if asked."""
    parser = argparse.ArgumentParser(prog="benchmarks.ingest", description=__doc__)
    parser.add_argument("--audio", type=Path, help="folder of recordings; default: the test voice")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--streams", default="1,10,40", help="numbers of streams")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--span-s", type=float, default=15.0, help="25 and more for delays of many windows")
    parser.add_argument("--processes", type=int, default=2, help="ingest processes of the second form")
    add_form(parser, sample_rate_hz=44_100, channels=2)
    given = parser.parse_args(arguments)
    end_when_told()
    costs: list[Cost] = []
    with tempfile.TemporaryDirectory(prefix="audiowarden-bench-") as name:
        folder = Path(name)
        media = talk_file(folder, given.audio, 0.0)
        with PlayServer(media, sample_rate_hz=given.sample_rate, channels=given.channels) as server:
            costs += [measure(form, (), 0, given, folder) for form in (THREADS, PROCESSES)]
            for streams in map(int, given.streams.split(",")):
                urls = [server.url(number) for number in range(streams)]
                for number in range(given.rounds):
                    costs += [measure(form, urls, number, given, folder) for form in order_of(number)]
    Console().print(table_of(costs))
    write_figures(given.json, [dataclasses.asdict(each) for each in costs])


if __name__ == "__main__":
    main()
