"""Whole runs of a source against real servers, fast and slow consumers, mistakes, leaks."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from config.settings import NetworkSettings
from pipeline.audio import WINDOW_SAMPLES, LostWindow, Pcm, Window
from pipeline.blocks import Block
from pipeline.handover import CAPACITY
from pipeline.media_reader import MediaReader
from pipeline.pull import PulledSource, abandoned_threads
from pipeline.source import Position, SourceFault
from tests.support.listening import (
    PATIENCE_S,
    POLICY,
    QUICK,
    likeness,
    no_matter,
    pulling,
    source,
    take,
    whole,
)
from tests.support.media_server import (
    QUIET_CODEC,
    HttpServer,
    RtmpServer,
    encode,
    paced,
    recorded_hls,
    wait_until,
)
from tests.support.speech import noise, write_wav

SENTENCE = "Good evening everybody, and welcome to my stream. Tonight we play a new game together."


pytestmark = pytest.mark.usefixtures("no_thread_is_left")


async def test_a_file_as_windows(spoken_wav: Path, spoken: Pcm) -> None:
    before = time.time()
    run = PulledSource.of_file(spoken_wav, QUICK)
    taken, error = await take(run)
    windows = whole(taken)
    assert error is None
    assert not run.live
    assert [(window.index, len(window.pcm), window.heard_s) for window in windows] == [
        (0, WINDOW_SAMPLES, 10.0),
        (1, WINDOW_SAMPLES, 10.0),
        (2, WINDOW_SAMPLES // 2, 5.0),
    ]
    assert np.array_equal(np.concatenate([window.pcm for window in windows]), spoken)
    assert before <= windows[0].started_at <= time.time()
    assert windows[2].ended_at == pytest.approx(windows[0].started_at + 25)
    assert windows[0].speech_share > 0.3
    assert windows[1].speech_share < 0.05


async def test_rtmp_as_windows_and_the_lost_connection_after_them(spoken_wav: Path, spoken: Pcm) -> None:
    with RtmpServer(spoken_wav) as rtmp:
        run = source(rtmp.url)
        taken, error = await take(run)
    windows = whole(taken)
    assert run.live
    assert [window.index for window in windows] == [0, 1, 2]
    assert windows[2].heard_s == pytest.approx(5, abs=0.15)
    assert likeness(np.concatenate([window.pcm for window in windows]), spoken) > 0.7
    assert error is not None
    assert (error.fault, error.retryable) == (SourceFault.CANNOT_OPEN, True)


async def test_http_flv_that_ends(server: HttpServer, spoken_flv: bytes) -> None:
    run = source(server.stream("live.flv", paced(spoken_flv, 0)))
    taken, error = await take(run)
    assert [window.index for window in taken] == [0, 1, 2]
    assert error is None
    assert run.live, "whoever reads it takes the end for a lost connection"


async def test_an_outage_of_the_server(spoken_wav: Path) -> None:
    now = 1_700_000_000.0

    def clock() -> float:
        return now

    with RtmpServer(spoken_wav) as rtmp:
        first, error = await take(source(rtmp.url, clock=clock))
        assert error is not None
        rtmp.kill()
        nobody, error = await take(source(rtmp.url))
        assert nobody == []
        assert error is not None
        assert (error.fault, error.retryable) == (SourceFault.CANNOT_OPEN, True)
        rtmp.start()
        now += 63.0
        last = first[-1]
        second, _ = await take(source(rtmp.url, position=Position(last.origin, last.index + 1), clock=clock))
    assert [window.index for window in first] == [0, 1, 2]
    assert [(window.index, window.heard_s) for window in whole(second)] == [
        (7, pytest.approx(7, abs=0.3)),
        (8, 10.0),
        (9, pytest.approx(8, abs=0.4)),
    ]
    # The clock stood still while the first ten seconds came: they were that old already.
    assert first[0].started_at == pytest.approx(1_700_000_000.0 - 10, abs=0.3)
    assert second[0].started_at == first[0].started_at + 70


async def test_a_recording_is_rejoined_where_it_was_left(
    spoken_wav: Path, folder: Path, server: HttpServer, spoken: Pcm
) -> None:
    file = encode(spoken_wav, folder / "rejoin.m4a", "-movflags", "faststart")
    taken, error = await take(source(server.url(file.name), position=Position(1_700_000_000.0, 1)))
    assert error is None
    windows = whole(taken)
    assert [(window.index, window.origin) for window in windows] == [
        (1, 1_700_000_000.0),
        (2, 1_700_000_000.0),
    ]
    assert likeness(windows[0].pcm, spoken[WINDOW_SAMPLES:]) > 0.5


@pytest.mark.parametrize("left", [3, 400])
async def test_a_recording_that_broke_off_behind_its_last_window_just_ends(
    left: int, spoken_wav: Path, folder: Path, server: HttpServer
) -> None:
    recorded_hls(spoken_wav, folder / "told")
    encode(spoken_wav, folder / "told.wav")
    for name in ("told/recording.m3u8", "told.wav"):
        run = source(server.url(name), position=Position(1_700_000_000.0, left))
        assert await take(run) == ([], None)
        assert not run.live


# A consumer that falls behind.


async def test_a_live_stream_is_not_delayed_by_its_consumer(folder: Path) -> None:
    long = write_wav(folder / "live.wav", noise(115, seed=2))
    with RtmpServer(long, options=QUIET_CODEC) as rtmp:
        run = source(rtmp.url)
        iterator = run.windows()
        first = await anext(iterator)
        await asyncio.to_thread(wait_until, lambda: not pulling(), "the run to end", 30)
        rest, error = await take(iterator)
    taken = [first, *rest]
    assert error is not None
    assert [window.index for window in taken] == list(range(12))
    lost = [window.index for window in taken if isinstance(window, LostWindow)]
    kept = [window.index for window in taken if isinstance(window, Window)]
    assert kept[-CAPACITY:] == list(range(12 - CAPACITY, 12)), "the newest are kept"
    assert lost
    assert lost == list(range(lost[0], lost[-1] + 1))
    assert all(window.origin == taken[0].origin for window in taken)


async def test_a_recording_waits_for_its_consumer(folder: Path) -> None:
    run = PulledSource.of_file(
        write_wav(folder / "patient.wav", noise(115, seed=2)),
        NetworkSettings(connect_timeout_s=5, read_timeout_s=2.0),
    )
    indices = []
    async for window in run.windows():
        assert isinstance(window, Window)
        indices.append(window.index)
        if window.index == 1:
            # Longer than the read time-out: waiting for the consumer is no stall.
            await asyncio.sleep(3.0)
    assert indices == list(range(12))


# Mistakes and leaks.


class BrokenReader(MediaReader):
    """Yields a second, then meets a mistake in the program."""

    def blocks(self, start_s: float = 0.0) -> Iterator[Block]:  # type: ignore[override]  # closed the same way
        yield Block(start_s, noise(1.0))
        raise ZeroDivisionError("a mistake")


async def test_a_mistake_is_no_quiet_end() -> None:
    run = PulledSource("", Position(), POLICY, QUICK, name="broken", reader=BrokenReader(no_matter))
    iterator = run.windows()
    window = await anext(iterator)
    assert isinstance(window, Window)
    assert window.heard_s == 1.0
    with pytest.raises(ZeroDivisionError):
        await anext(iterator)


class StuckReader(MediaReader):
    """Gives a second, then waits for what never comes, whoever cancels it, until the test lets it go."""

    def __init__(self) -> None:
        super().__init__(no_matter)
        self.release = threading.Event()

    def blocks(self, start_s: float = 0.0) -> Iterator[Block]:  # type: ignore[override]  # closed the same way
        self.progress.opened_at = time.monotonic()
        second = noise(1.0)
        self.progress.hear(second)
        yield Block(start_s, second)
        self.release.wait(60)


@pytest.mark.parametrize("by_stop", [True, False])
async def test_a_thread_that_does_not_end_is_left_to_itself(by_stop: bool) -> None:
    reader = StuckReader()
    network = NetworkSettings(read_timeout_s=60 if by_stop else 0.2)
    run = PulledSource("", Position(), POLICY, network, name="stuck", reader=reader)
    taking = asyncio.create_task(take(run), name="take")
    await asyncio.to_thread(wait_until, lambda: reader.progress.heard_s > 0, "the first second")
    if by_stop:
        await run.stop()
    windows, error = await asyncio.wait_for(taking, PATIENCE_S)
    assert windows == []
    assert (error is None) == by_stop
    assert abandoned_threads() == 1
    reader.release.set()


def resident_kb() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


async def test_thirty_runs_leave_nothing_behind(
    server: HttpServer, spoken_flv: bytes, spoken_wav: Path
) -> None:
    url = server.stream("leak.flv", paced(spoken_flv, 0))

    async def once(number: int) -> None:
        if number % 10 == 0:
            with RtmpServer(spoken_wav) as rtmp:
                await take(source(rtmp.url))
        else:
            await take(source(url))

    for number in range(5):
        await once(number * 5)
    gc.collect()
    threads, kilobytes = threading.active_count(), resident_kb()
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - entries vanish while they are looked at
    for number in range(30):
        await once(number)
    gc.collect()
    wait_until(lambda: threading.active_count() <= threads + 1, "the threads to end")
    # The server closes its ends in a thread of its own.
    wait_until(lambda: len(os.listdir("/proc/self/fd")) <= descriptors + 2, "connections to end")  # noqa: PTH208
    # The audio of thirty runs, were it kept, is 24 MB; allocators of many cores keep some for themselves.
    assert resident_kb() - kilobytes < 20_000
