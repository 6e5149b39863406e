"""Sources in processes of their own give what sources in threads give."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.audio import SAMPLE_RATE_HZ, LostWindow, Pcm, Window
from pipeline.handover import CAPACITY
from pipeline.ingest.remote import RemoteSource
from pipeline.source import Position, SourceError, SourceFault
from tests.support.ingesting import LOOPBACK, PATIENT_LOOPBACK, ingesting, until_heard_there
from tests.support.listening import PATIENCE_S, likeness, source, take, whole
from tests.support.media_server import (
    QUIET_CODEC,
    HttpServer,
    RtmpServer,
    SilentServer,
    encode,
    free_port,
    paced,
    wait_until,
)
from tests.support.speech import noise, write_wav

pytestmark = pytest.mark.usefixtures("nothing_blocks")


async def test_the_same_windows_as_from_a_thread(
    server: HttpServer, spoken_flv: bytes, spoken_wav: Path, folder: Path
) -> None:
    stream = server.stream("same.flv", paced(spoken_flv, 0))
    recording = server.url(encode(spoken_wav, folder / "same.m4a", "-movflags", "faststart").name)
    refused = f"rtmp://127.0.0.1:{free_port()}/live/x"
    cases = [
        (stream, Position()),
        (recording, Position()),
        (recording, Position(1_700_000_000.0, 1)),
        (refused, Position()),
        (server.url("nothing-here.flv"), Position()),
        ("file:///etc/passwd", Position()),
    ]
    async with ingesting() as ingest:
        for url, position in cases:
            thread, remote = source(url, position=position), ingest.source(url, position)
            expected, expected_error = await take(thread)
            got, error = await take(remote.windows())
            assert remote.live == thread.live
            assert [vars_of(window) for window in got] == [vars_of(window) for window in expected]
            assert facts_of(error) == facts_of(expected_error)
            if error is not None and expected_error is not None:
                assert (error.fault, error.retryable) == (expected_error.fault, expected_error.retryable)
        assert ingest.lost == 0


def vars_of(item: Window | LostWindow) -> tuple[object, ...]:
    assert isinstance(item, Window)
    return item.index, item.heard_s, item.speech_share, item.pcm.tobytes()


def facts_of(error: SourceError | None) -> tuple[object, ...] | None:
    """What crosses the border between two processes; which kind of SourceError it was does not."""
    return None if error is None else (error.fault, str(error), error.retryable)


async def test_rtmp_as_windows_and_the_lost_connection_after_them(spoken_wav: Path, spoken: Pcm) -> None:
    async with ingesting() as ingest:
        with RtmpServer(spoken_wav) as rtmp:
            run = ingest.source(rtmp.url)
            before = time.time()
            taken, error = await take(run.windows())
    windows = whole(taken)
    assert run.live
    assert [window.index for window in windows] == [0, 1, 2]
    assert before - 30 < windows[0].origin < time.time()
    assert likeness(np.concatenate([window.pcm for window in windows]), spoken) > 0.7
    assert error is not None
    assert (error.fault, error.retryable) == (SourceFault.CANNOT_OPEN, True)


async def test_the_process_holds_no_secret_that_others_can_list(
    server: HttpServer, spoken_flv: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIOWARDEN__ACCOUNTS", '[{"access_key": "very-secret"}]')
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    async with ingesting() as ingest:
        url = server.stream("private.flv", paced(spoken_flv, 3, then_hang=True)) + "?key=very-secret"
        run = ingest.source(url)
        taking = asyncio.create_task(take(run.windows()), name="take")
        await asyncio.sleep(0.5)
        (pid,) = ingest.pids
        for name in ("cmdline", "environ"):
            listed = await asyncio.to_thread(Path(f"/proc/{pid}/{name}").read_bytes)
            assert listed
            assert b"very-secret" not in listed
        await run.stop()
        await taking


async def test_a_refused_address_is_refused_in_the_process_too(server: HttpServer) -> None:
    strict = LOOPBACK.model_copy(update={"allow_private_addresses": False})
    async with ingesting(network=strict) as ingest:
        taken, error = await take(ingest.source(server.url("original.wav")).windows())
    assert taken == []
    assert error is not None
    assert not error.retryable


# A consumer that falls behind.


async def test_a_slow_consumer_loses_the_oldest_and_stalls_no_neighbour(
    server: HttpServer, folder: Path, spoken_flv: bytes
) -> None:
    long = write_wav(folder / "remote-live.wav", noise(115, seed=2))
    neighbour = server.stream("neighbour.flv", paced(spoken_flv, 0))
    async with ingesting() as ingest:
        (pid,) = ingest.pids
        idle = threads(pid)
        with RtmpServer(long, options=QUIET_CODEC) as rtmp:
            iterator = ingest.source(rtmp.url).windows()
            first = await anext(iterator)
            await asyncio.to_thread(wait_until, lambda: threads(pid) <= idle, "the run to end", 30)
        taken, error = await take(ingest.source(neighbour).windows())
        assert [window.index for window in whole(taken)] == [0, 1, 2]
        assert error is None
        rest, error = await take(iterator)
    assert error is not None
    items = [first, *rest]
    assert [window.index for window in items] == list(range(12))
    lost = [window.index for window in items if isinstance(window, LostWindow)]
    kept = [window.index for window in items if isinstance(window, Window)]
    assert kept[-CAPACITY:] == list(range(12 - CAPACITY, 12)), "the newest are kept"
    # Beside the newest: the partial last one, the first, and the one on its way before any was given up.
    assert len(lost) >= 12 - (CAPACITY + 1) - 2
    assert lost == list(range(lost[0], lost[-1] + 1))


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


# Stopping, in every state.


async def stopped(
    run: RemoteSource, ready: Callable[[RemoteSource], Awaitable[object]]
) -> list[Window | LostWindow]:
    """Stop a run once it is ready for that; return its windows."""
    taking = asyncio.create_task(take(run.windows()), name="take")
    await ready(run)
    assert not taking.done(), "there is something to stop"
    await run.stop()
    await run.stop()
    windows, error = await asyncio.wait_for(taking, PATIENCE_S)
    assert error is None
    return windows


async def a_moment(_: RemoteSource) -> None:
    """Let a thread begin what will not end by itself."""
    await asyncio.sleep(0.3)


async def test_stop_while_opening() -> None:
    async with ingesting(network=PATIENT_LOOPBACK) as ingest:
        (pid,) = ingest.pids
        idle = threads(pid)
        with SilentServer() as silent:
            for scheme in ("rtmp", "http"):
                url = f"{scheme}://127.0.0.1:{silent.port}/live/x"
                assert await stopped(ingest.source(url), a_moment) == []
                await asyncio.to_thread(wait_until, lambda: threads(pid) <= idle, "its thread to end")


async def test_stop_while_reading_hands_over_what_was_heard(spoken_wav: Path) -> None:
    async with ingesting(network=PATIENT_LOOPBACK) as ingest:
        (pid,) = ingest.pids
        idle = threads(pid)
        with RtmpServer(spoken_wav, realtime=True) as rtmp:
            windows = await stopped(ingest.source(rtmp.url), until_heard_there)
            await asyncio.to_thread(wait_until, lambda: threads(pid) <= idle, "its thread to end")
    window = whole(windows)[-1]
    assert 0.2 <= window.heard_s <= 10
    assert len(window.pcm) == round(window.heard_s * SAMPLE_RATE_HZ)


async def test_stop_gives_all_that_waits_for_a_slow_consumer(folder: Path, server: HttpServer) -> None:
    write_wav(folder / "remote-long.wav", noise(10 * (1 + CAPACITY), seed=1))
    async with ingesting() as ingest:
        (pid,) = ingest.pids
        idle = threads(pid)
        run = ingest.source(server.url("remote-long.wav"))
        iterator = run.windows()
        first = await anext(iterator)
        # All that is left of the file fits into the places of the process.
        await asyncio.to_thread(wait_until, lambda: threads(pid) <= idle, "the file to be read")
        await run.stop()
        rest = [window async for window in iterator]
        assert ingest.workers.workers[0].load == 0
    assert [window.index for window in [first, *rest]] == list(range(1 + CAPACITY))


async def test_stop_before_the_beginning_and_after_the_end(server: HttpServer, wav: Path) -> None:
    async with ingesting() as ingest:
        early = ingest.source(server.url(wav.name))
        await early.stop()
        assert await take(early.windows()) == ([], None)
        late = ingest.source(server.url(wav.name))
        await take(late.windows())
        await late.stop()
        with pytest.raises(RuntimeError, match="runs once"):
            await take(late.windows())


async def test_leaving_early_ends_the_run(spoken_wav: Path) -> None:
    async with ingesting() as ingest:
        (pid,) = ingest.pids
        idle = threads(pid)
        with RtmpServer(spoken_wav, realtime=True) as rtmp:
            taking = asyncio.create_task(take(ingest.source(rtmp.url).windows()), name="take")
            await asyncio.sleep(1.0)
            taking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await taking
            assert ingest.workers.workers[0].load == 0
            await asyncio.to_thread(wait_until, lambda: threads(pid) <= idle, "its thread to end")


# Many.


async def test_twenty_streams_are_shared_out(server: HttpServer, spoken_flv: bytes) -> None:
    url = server.stream("twenty.flv", paced(spoken_flv, 2))
    async with ingesting(2) as ingest:
        runs = [ingest.source(url) for _ in range(20)]
        taking = [asyncio.create_task(take(run.windows()), name="take") for run in runs]
        async with asyncio.timeout(PATIENCE_S):
            while sum(worker.load for worker in ingest.workers.workers) < 20:  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0)
        assert [worker.load for worker in ingest.workers.workers] == [10, 10]
        for windows, error in await asyncio.gather(*taking):
            assert [(window.index, len(window.pcm)) for window in whole(windows)][:2] == [
                (0, 160_000),
                (1, 160_000),
            ]
            assert len(windows) == 3
            assert error is None
        assert [worker.load for worker in ingest.workers.workers] == [0, 0]
