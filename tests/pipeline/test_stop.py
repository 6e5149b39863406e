"""Stopping a source, in every state."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pipeline.audio import SAMPLE_RATE_HZ, LostWindow, Window
from pipeline.handover import CAPACITY
from pipeline.network.addresses import AddressPolicy
from pipeline.pull import PulledSource
from pipeline.source import Position
from tests.support.listening import QUICK, source, take, whole
from tests.support.media_server import RtmpServer, SilentServer
from tests.support.speech import noise, write_wav

SENTENCE = "Good evening everybody, and welcome to my stream. Tonight we play a new game together."


pytestmark = pytest.mark.usefixtures("no_thread_is_left")


async def stopped_after(run: PulledSource, wait_s: float) -> tuple[list[Window | LostWindow], float]:
    taking = asyncio.create_task(take(run), name="take")
    await asyncio.sleep(wait_s)
    assert not taking.done(), "there is something to stop"
    began_at = time.monotonic()
    await run.stop()
    took_s = time.monotonic() - began_at
    await run.stop()
    windows, error = await asyncio.wait_for(taking, 5)
    assert error is None
    return windows, took_s


@pytest.mark.parametrize("scheme", ["rtmp", "http"])
async def test_stop_while_opening(scheme: str) -> None:
    with SilentServer() as silent:
        windows, took_s = await stopped_after(source(f"{scheme}://127.0.0.1:{silent.port}/live/x"), 0.3)
    assert windows == []
    assert took_s < 2


@pytest.mark.parametrize("scheme", ["rtmp", "http"])
async def test_stop_while_the_name_is_looked_up(scheme: str) -> None:
    release = threading.Event()

    def resolver(host: str, port: int) -> list[str]:
        release.wait(60)
        raise OSError(f"{host}:{port} was not found")

    policy = AddressPolicy(allow_private=True, resolver=resolver)
    run = PulledSource(f"{scheme}://slow.test/live/x", Position(), policy, QUICK, name="test")
    windows, took_s = await stopped_after(run, 0.3)
    release.set()
    assert windows == []
    assert took_s < 2


async def test_stop_while_reading_hands_over_what_was_heard(spoken_wav: Path) -> None:
    with RtmpServer(spoken_wav, realtime=True) as rtmp:
        windows, took_s = await stopped_after(source(rtmp.url), 2.0)
    (window,) = whole(windows)
    assert 0.5 < window.heard_s < 4
    assert len(window.pcm) == round(window.heard_s * SAMPLE_RATE_HZ)
    assert took_s < 2


async def test_stop_while_the_server_stalls(spoken_wav: Path) -> None:
    with RtmpServer(spoken_wav, realtime=True) as rtmp:
        asyncio.get_running_loop().call_later(1.2, rtmp.pause)
        windows, took_s = await stopped_after(source(rtmp.url), 2.0)
    assert len(windows) == 1
    assert took_s < 2


async def test_stop_while_a_recording_waits_for_its_consumer(folder: Path) -> None:
    run = PulledSource.of_file(write_wav(folder / "long.wav", noise(120, seed=1)), QUICK)
    iterator = run.windows()
    first = await anext(iterator)
    await asyncio.sleep(0.3)
    await run.stop()
    rest = [window async for window in iterator]
    assert [window.index for window in [first, *rest]] == list(range(1 + len(rest)))
    assert CAPACITY <= len(rest) <= CAPACITY + 3


async def test_stop_before_the_beginning_and_after_the_end(spoken_wav: Path) -> None:
    early = PulledSource.of_file(spoken_wav, QUICK)
    await early.stop()
    assert await take(early) == ([], None)
    late = PulledSource.of_file(spoken_wav, QUICK)
    await take(late)
    await late.stop()
    with pytest.raises(RuntimeError, match="runs once"):
        await take(late)


async def test_leaving_early_ends_the_run(folder: Path, spoken_wav: Path) -> None:
    long = write_wav(folder / "left.wav", noise(120, seed=1))
    iterator = PulledSource.of_file(long, QUICK).windows()
    await anext(iterator)
    assert isinstance(iterator, AsyncIterator)
    await iterator.aclose()  # type: ignore[attr-defined]  # every async generator has it
    with RtmpServer(spoken_wav, realtime=True) as rtmp:
        taking = asyncio.create_task(take(source(rtmp.url)), name="take")
        await asyncio.sleep(1.0)
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking


async def test_an_iteration_that_is_dropped_and_stopped_leaves_no_task(folder: Path) -> None:
    run = PulledSource.of_file(write_wav(folder / "dropped.wav", noise(120, seed=1)), QUICK)
    iterator = run.windows()
    await anext(iterator)
    # As when the body of an `async for` is cancelled: nobody closes the iterator, but the source is stopped.
    began_at = time.monotonic()
    await run.stop()
    assert time.monotonic() - began_at < 2
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("watch ")] == []
    await take(iterator)
