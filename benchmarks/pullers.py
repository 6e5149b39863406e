"""`python -m benchmarks.pullers`: pulls live streams as the daemon does, and writes when each window came."""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path
from typing import TextIO

from config.settings import LogSettings, NetworkSettings
from pipeline.audio import WINDOW_SAMPLES, Window
from pipeline.ingest.remote import RemoteSource
from pipeline.ingest.workers import IngestWorkers, Start
from pipeline.network.addresses import AddressPolicy
from pipeline.pull import PulledSource
from pipeline.source import Position, Source, SourceError

FAILED = "failed"
"""Written in place of a delay when a stream ended, which none should."""


async def take(source: Source, delays: TextIO) -> None:
    """Take windows for ever; write for each whole one by how many seconds it came after its end."""
    try:
        async for window in source.windows():
            if isinstance(window, Window) and len(window.pcm) == WINDOW_SAMPLES:
                print(time.time() - window.ended_at, file=delays, flush=True)
    except SourceError as error:
        print(FAILED, error.fault.name, file=delays, flush=True)
    else:
        print(FAILED, "ENDED", file=delays, flush=True)


async def pull(urls: list[str], processes: int, delays: TextIO) -> None:
    """Pull all, in threads or in processes; say so on standard output once all have begun."""
    network = NetworkSettings(allow_private_addresses=True)
    policy = AddressPolicy.of(network)
    workers = IngestWorkers(processes, Start("daemon.ingest", network, LogSettings()), on_lost=lambda: None)

    def open_source(url: str, name: str) -> Source:
        if processes:
            return RemoteSource(workers, url, Position(), name=name)
        return PulledSource(url, Position(), policy, network, name=name)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(workers.run(), name="ingest")
        await workers.wait_ready()
        for number, url in enumerate(urls):
            tasks.create_task(take(open_source(url, str(number)), delays), name=f"take {number}")
        print("ready", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Pull until killed."""
    parser = argparse.ArgumentParser(prog="benchmarks.pullers", description=__doc__)
    parser.add_argument("--processes", type=int, default=0)
    parser.add_argument("--delays", type=Path, required=True)
    parser.add_argument("urls", nargs="*")
    given = parser.parse_args()
    with given.delays.open("w", encoding="utf-8") as delays:
        asyncio.run(pull(given.urls, given.processes, delays))


if __name__ == "__main__":
    main()
