"""Stopping a source, in every state."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from pipeline.audio import SAMPLE_RATE_HZ, WINDOW_S, LostWindow, Window
from pipeline.handover import CAPACITY
from pipeline.network.addresses import AddressPolicy
from pipeline.pull import PulledSource
from pipeline.readers import FileReader
from pipeline.source import Position
from tests.support.listening import (
    PATIENCE_S,
    PATIENT,
    POLICY,
    QUICK,
    no_matter,
    source,
    take,
    until_heard,
    whole,
)
from tests.support.media_server import RtmpServer, SilentServer, wait_until
from tests.support.speech import noise, write_wav

SENTENCE = "Good evening everybody, and welcome to my stream. Tonight we play a new game together."


pytestmark = pytest.mark.usefixtures("no_thread_is_left")


async def stopped(
    run: PulledSource, ready: Callable[[PulledSource], Awaitable[object]]
) -> list[Window | LostWindow]:
    """Stop a run once it is ready for that; return its windows.

    Its thread ends long before the time-outs of PATIENT: `no_thread_is_left` waits for none.
    """
    taking = asyncio.create_task(take(run), name="take")
    await ready(run)
    assert not taking.done(), "there is something to stop"
    await run.stop()
    await run.stop()
    windows, error = await asyncio.wait_for(taking, PATIENCE_S)
    assert error is None
    return windows


async def a_moment(_: PulledSource) -> None:
    """Let a thread begin what will never end by itself."""
    await asyncio.sleep(0.3)


@pytest.mark.parametrize("scheme", ["rtmp", "http"])
async def test_stop_while_opening(scheme: str) -> None:
    with SilentServer() as silent:
        run = source(f"{scheme}://127.0.0.1:{silent.port}/live/x", PATIENT)
        assert await stopped(run, a_moment) == []


@pytest.mark.parametrize("scheme", ["rtmp", "http"])
async def test_stop_while_the_name_is_looked_up(scheme: str) -> None:
    release = threading.Event()

    def resolver(host: str, port: int) -> list[str]:
        release.wait(60)
        raise OSError(f"{host}:{port} was not found")

    policy = AddressPolicy(allow_private=True, resolver=resolver)
    run = PulledSource(f"{scheme}://slow.test/live/x", Position(), policy, PATIENT, name="test")
    windows = await stopped(run, a_moment)
    release.set()
    assert windows == []


async def test_stop_while_reading_hands_over_what_was_heard(spoken_wav: Path) -> None:
    with RtmpServer(spoken_wav, realtime=True) as rtmp:
        windows = await stopped(source(rtmp.url, PATIENT), until_heard)
    window = whole(windows)[-1]
    assert 0.2 <= window.heard_s <= 10
    assert len(window.pcm) == round(window.heard_s * SAMPLE_RATE_HZ)


async def test_stop_while_the_server_stalls(spoken_wav: Path) -> None:
    with RtmpServer(spoken_wav, realtime=True) as rtmp:

        async def paused(run: PulledSource) -> None:
            await until_heard(run)
            rtmp.pause()
            await asyncio.sleep(0.3)

        windows = await stopped(source(rtmp.url, PATIENT), paused)
    assert windows, "what was heard before"


async def test_stop_while_a_recording_waits_for_its_consumer(folder: Path) -> None:
    reader = FileReader(write_wav(folder / "long.wav", noise(120, seed=1)), no_matter)
    run = PulledSource("", Position(), POLICY, QUICK, name="test", reader=reader)
    iterator = run.windows()
    first = await anext(iterator)
    # The first window was taken, so many wait, and the next one is whole: the thread has to wait with it.
    full_s = WINDOW_S * (1 + CAPACITY + 1)
    await asyncio.to_thread(wait_until, lambda: reader.progress.heard_s >= full_s, "all places to be taken")
    await run.stop()
    rest = [window async for window in iterator]
    assert [window.index for window in [first, *rest]] == list(range(1 + len(rest)))
    assert CAPACITY < len(rest) <= CAPACITY + 3


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
        await asyncio.sleep(0.5)
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking


async def test_an_iteration_that_is_dropped_and_stopped_leaves_no_task(folder: Path) -> None:
    run = PulledSource.of_file(write_wav(folder / "dropped.wav", noise(120, seed=1)), QUICK)
    iterator = run.windows()
    await anext(iterator)
    # As when the body of an `async for` is cancelled: nobody closes the iterator, but the source is stopped.
    await run.stop()
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("watch ")] == []
    await take(iterator)
