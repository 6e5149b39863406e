"""Ingest processes that die, hang or misbehave, and a daemon that dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.settings import LogSettings
from pipeline.audio import LostWindow, Window
from pipeline.ingest.remote import RemoteSource
from pipeline.ingest.workers import IngestError, IngestWorkers, Start
from pipeline.source import Position, SourceFault
from tests.support.ingesting import LOOPBACK, Ingest, alive, ingesting, until_heard_there
from tests.support.listening import PATIENCE_S, take
from tests.support.media_server import HttpServer, RtmpServer, SilentServer, paced, wait_until

LOGS = LogSettings(level="error", format="json")

pytestmark = pytest.mark.usefixtures("nothing_blocks")


async def replaced(ingest: Ingest, pid: int) -> None:
    """Wait until a lost process has a successor that takes sources."""
    async with asyncio.timeout(60):
        while ingest.pids == [pid] or not ingest.workers.running:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "hang_s"), [(signal.SIGKILL, 300.0), (signal.SIGSTOP, 4.0)], ids=["dies", "hangs"]
)
async def test_a_process_is_lost(
    number: signal.Signals, hang_s: float, server: HttpServer, spoken_flv: bytes
) -> None:
    """Two windows and a half come at once, then nothing: the third is in progress when it happens."""
    url = server.stream("lost.flv", paced(spoken_flv, 0, then_hang=True))
    async with ingesting(hang_s=hang_s) as ingest:
        iterator = ingest.source(url).windows()
        first, second = await anext(iterator), await anext(iterator)
        assert [type(first), type(second)] == [Window, Window]
        (pid,) = ingest.pids
        os.kill(pid, number)
        rest, error = await take(iterator)
        assert error is not None
        assert (error.fault, error.retryable) == (SourceFault.CANNOT_OPEN, True)
        assert {type(item) for item in rest} == {LostWindow}, "what it had heard is told"
        assert [item.index for item in rest] == list(range(2, 2 + len(rest)))
        await replaced(ingest, pid)
        assert ingest.lost == 1
        assert not alive(pid)
        again = ingest.source(url, Position(first.origin, rest[-1].index + 1))
        resumed = await anext(again.windows())
        await again.stop()
    assert resumed.origin == first.origin
    assert resumed.index > rest[-1].index


async def test_a_neighbour_in_another_process_hears_nothing_of_it(spoken_wav: Path) -> None:
    async with ingesting(2) as ingest:
        with RtmpServer(spoken_wav, realtime=True) as one, RtmpServer(spoken_wav, realtime=True) as other:
            runs = [ingest.source(each.url) for each in (one, other)]
            taking = [asyncio.create_task(take(run.windows()), name="take") for run in runs]
            for run in runs:
                await until_heard_there(run)
            assert [worker.load for worker in ingest.workers.workers] == [1, 1]
            os.kill(ingest.pids[0], signal.SIGKILL)
            _, error = await asyncio.wait_for(taking[0], PATIENCE_S)
            assert error is not None
            await asyncio.sleep(1.0)
            assert not taking[1].done()
            await runs[1].stop()
            windows, error = await taking[1]
    assert ({type(window) for window in windows}, error) == ({Window}, None)


async def test_stop_does_not_wait_for_a_process_that_hangs(spoken_wav: Path) -> None:
    async with ingesting(hang_s=300.0) as ingest:
        with RtmpServer(spoken_wav, realtime=True) as rtmp:
            run = ingest.source(rtmp.url)
            taking = asyncio.create_task(take(run.windows()), name="take")
            await until_heard_there(run)
            os.kill(ingest.pids[0], signal.SIGSTOP)
            await run.stop()
            _, error = await asyncio.wait_for(taking, PATIENCE_S)
            assert error is None
            async with asyncio.timeout(PATIENCE_S):
                while ingest.workers.workers[0].answers:  # noqa: ASYNC110 - no event says so
                    await asyncio.sleep(0.05)
            _, error = await take(ingest.source(rtmp.url).windows())
            assert error is not None, "a silent process is given nothing new"
            assert error.retryable


async def test_a_process_that_outlives_its_connection_is_killed() -> None:
    """The end of `ingesting` sees to it that none is left, nor what it has not read."""
    async with ingesting(2) as ingest:
        os.kill(ingest.pids[0], signal.SIGSTOP)
        for _ in range(50_000):
            ingest.workers.workers[0].take(1)


async def test_the_end_comes_while_a_hung_process_is_being_killed() -> None:
    with SilentServer() as silent:
        async with ingesting(hang_s=2.0) as ingest:
            (pid,) = ingest.pids
            taking = asyncio.create_task(
                take(ingest.source(f"rtmp://127.0.0.1:{silent.port}/live/x").windows()), name="take"
            )
            await asyncio.sleep(0.3)
            os.kill(pid, signal.SIGSTOP)
            _, error = await taking
            assert error is not None
    assert not alive(pid)


async def test_signals_that_stop_the_daemon_do_not_end_a_process(spoken_wav: Path) -> None:
    async with ingesting() as ingest:
        with RtmpServer(spoken_wav, realtime=True) as rtmp:
            taking = asyncio.create_task(take((run := ingest.source(rtmp.url)).windows()), name="take")
            await until_heard_there(run)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                os.kill(ingest.pids[0], number)
            await asyncio.sleep(1.0)
            assert not taking.done()
            await run.stop()
            windows, error = await taking
    assert ({type(window) for window in windows}, error) == ({Window}, None)
    assert ingest.lost == 0


async def test_processes_that_do_not_start() -> None:
    lost = asyncio.Event()
    workers = IngestWorkers(1, Start("tests.support.no_such_module", LOOPBACK, LOGS), on_lost=lost.set)
    running = asyncio.create_task(workers.run())
    with pytest.raises(IngestError, match="0 of 1 ingest processes were ready"):
        await workers.wait_ready(2.0)
    await asyncio.wait_for(lost.wait(), 20)
    _, error = await take(RemoteSource(workers, "rtmp://127.0.0.1/a/b", Position(), name="test").windows())
    assert error is not None
    assert error.retryable
    running.cancel()
    await asyncio.wait((running,))


async def test_a_process_that_talks_nonsense_is_killed() -> None:
    lost = asyncio.Event()
    workers = IngestWorkers(1, Start("tests.support.babbler", LOOPBACK, LOGS), on_lost=lost.set)
    running = asyncio.create_task(workers.run())
    await asyncio.wait_for(lost.wait(), 20)
    running.cancel()
    await asyncio.wait((running,))


OWNER = """
import asyncio, sys
from config.settings import LogSettings
from daemon.logs import configure_logging
from tests.support.ingesting import ingesting

configure_logging(LogSettings(level="error"))

async def main():
    async with ingesting(2) as ingest:
        run = ingest.source(sys.argv[1])
        windows = run.windows()
        taking = asyncio.ensure_future(anext(windows))
        print(*ingest.pids, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def test_no_process_outlives_a_daemon_that_is_killed(spoken_wav: Path) -> None:
    with RtmpServer(spoken_wav, realtime=True) as rtmp:
        owner = subprocess.Popen([sys.executable, "-c", OWNER, rtmp.url], stdout=subprocess.PIPE)
        with owner:
            assert owner.stdout is not None
            pids = [int(pid) for pid in owner.stdout.readline().split()]
            assert len(pids) == 2
            time.sleep(1.5)
            assert all(alive(pid) for pid in pids)
            owner.kill()
            wait_until(lambda: not any(alive(pid) for pid in pids), "the processes to end")
