"""Whole runs of a source against real servers: ends, stops, stalls, outages."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from config.settings import NetworkSettings
from pipeline.addresses import AddressPolicy
from pipeline.audio import SAMPLE_RATE_HZ, WINDOW_SAMPLES, LostWindow, Pcm, Window
from pipeline.blocks import Block
from pipeline.decode import MediaReader
from pipeline.handover import CAPACITY
from pipeline.pull import PulledSource, abandoned_threads
from pipeline.source import Position, SourceFault
from tests.support.flv_tags import AUDIO, VIDEO, Tag, join_tags, tags
from tests.support.listening import POLICY, QUICK, likeness, no_matter, take
from tests.support.media_server import HttpServer, RtmpServer, SilentServer, encode, flv, paced, wait_until
from tests.support.speech import fit, join, noise, speech_pcm, write_wav

SENTENCE = "Good evening everybody, and welcome to my stream. Tonight we play a new game together."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="module")
def original() -> Pcm:
    return join(fit(speech_pcm(SENTENCE), 10), noise(15, 0.02, seed=5))


@pytest.fixture(scope="module")
def wav(folder: Path, original: Pcm) -> Path:
    return write_wav(folder / "original.wav", original)


@pytest.fixture(scope="module")
def flv_bytes(wav: Path) -> bytes:
    return flv(wav)


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[HttpServer]:
    with HttpServer(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    wait_until(lambda: not pulling(), "the sources' threads to end", 10)
    assert abandoned_threads() == 0


def pulling() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pull ")]


def source(
    url: str,
    network: NetworkSettings = QUICK,
    position: Position | None = None,
    clock: Callable[[], float] = time.time,
) -> PulledSource:
    return PulledSource(url, position or Position(), POLICY, network, name="test", clock=clock)


def whole(windows: list[Window | LostWindow]) -> list[Window]:
    kept = [window for window in windows if isinstance(window, Window)]
    assert len(kept) == len(windows)
    return kept


async def test_a_file_as_windows(wav: Path, original: Pcm) -> None:
    before = time.time()
    run = PulledSource.of_file(wav, QUICK)
    taken, error = await take(run)
    windows = whole(taken)
    assert error is None
    assert not run.live
    assert [(window.index, len(window.pcm), window.heard_s) for window in windows] == [
        (0, WINDOW_SAMPLES, 10.0),
        (1, WINDOW_SAMPLES, 10.0),
        (2, WINDOW_SAMPLES // 2, 5.0),
    ]
    assert np.array_equal(np.concatenate([window.pcm for window in windows]), original)
    assert before <= windows[0].started_at <= time.time()
    assert windows[2].ended_at == pytest.approx(windows[0].started_at + 25)
    assert windows[0].speech_share > 0.3
    assert windows[1].speech_share < 0.05


async def test_rtmp_as_windows_and_the_lost_connection_after_them(wav: Path, original: Pcm) -> None:
    with RtmpServer(wav) as rtmp:
        run = source(rtmp.url)
        taken, error = await take(run)
    windows = whole(taken)
    assert run.live
    assert [window.index for window in windows] == [0, 1, 2]
    assert windows[2].heard_s == pytest.approx(5, abs=0.15)
    assert likeness(np.concatenate([window.pcm for window in windows]), original) > 0.7
    assert error is not None
    assert (error.fault, error.retryable) == (SourceFault.CANNOT_OPEN, True)


async def test_http_flv_that_ends(server: HttpServer, flv_bytes: bytes) -> None:
    run = source(server.stream("live.flv", paced(flv_bytes, 0)))
    taken, error = await take(run)
    assert [window.index for window in taken] == [0, 1, 2]
    assert error is None
    assert run.live, "whoever reads it takes the end for a lost connection"


async def test_an_outage_of_the_server(wav: Path) -> None:
    now = 1_700_000_000.0

    def clock() -> float:
        return now

    with RtmpServer(wav) as rtmp:
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
        (6, 7.0),
        (7, 10.0),
        (8, pytest.approx(8, abs=0.15)),
    ]
    assert second[0].started_at == first[0].started_at + 60


async def test_a_recording_is_rejoined_where_it_was_left(
    wav: Path, folder: Path, server: HttpServer, original: Pcm
) -> None:
    file = encode(wav, folder / "rejoin.m4a", "-movflags", "faststart")
    taken, error = await take(source(server.url(file.name), position=Position(1_700_000_000.0, 1)))
    assert error is None
    windows = whole(taken)
    assert [(window.index, window.origin) for window in windows] == [
        (1, 1_700_000_000.0),
        (2, 1_700_000_000.0),
    ]
    assert likeness(windows[0].pcm, original[WINDOW_SAMPLES:]) > 0.5


# Stopping, in every state.


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


async def test_stop_while_reading_hands_over_what_was_heard(wav: Path) -> None:
    with RtmpServer(wav, realtime=True) as rtmp:
        windows, took_s = await stopped_after(source(rtmp.url), 2.0)
    (window,) = whole(windows)
    assert 0.5 < window.heard_s < 4
    assert len(window.pcm) == round(window.heard_s * SAMPLE_RATE_HZ)
    assert took_s < 2


async def test_stop_while_the_server_stalls(wav: Path) -> None:
    with RtmpServer(wav, realtime=True) as rtmp:
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


async def test_stop_before_the_beginning_and_after_the_end(wav: Path) -> None:
    early = PulledSource.of_file(wav, QUICK)
    await early.stop()
    assert await take(early) == ([], None)
    late = PulledSource.of_file(wav, QUICK)
    await take(late)
    await late.stop()
    with pytest.raises(RuntimeError, match="runs once"):
        await take(late)


async def test_leaving_early_ends_the_run(folder: Path, wav: Path) -> None:
    long = write_wav(folder / "left.wav", noise(120, seed=1))
    iterator = PulledSource.of_file(long, QUICK).windows()
    await anext(iterator)
    assert isinstance(iterator, AsyncIterator)
    await iterator.aclose()  # type: ignore[attr-defined]  # every async generator has it
    with RtmpServer(wav, realtime=True) as rtmp:
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


# Streams that are open and say nothing.


async def test_a_stalled_server_is_a_failure(wav: Path) -> None:
    with RtmpServer(wav, realtime=True) as rtmp:
        asyncio.get_running_loop().call_later(1.5, rtmp.pause)
        network = NetworkSettings(connect_timeout_s=5, read_timeout_s=1.5)
        windows, error = await take(source(rtmp.url, network))
    assert len(windows) == 1, "what was heard before comes before the failure"
    assert error is not None
    assert (error.fault, error.retryable) == (SourceFault.CANNOT_OPEN, True)


async def test_a_server_that_never_begins_is_a_failure() -> None:
    with SilentServer() as silent:
        network = NetworkSettings(connect_timeout_s=0.2, read_timeout_s=30)
        windows, error = await take(source(f"rtmp://127.0.0.1:{silent.port}/live/x", network))
    assert windows == []
    assert error is not None
    assert error.fault is SourceFault.CANNOT_OPEN


def film(flv_bytes: bytes, parts: list[Tag]) -> bytes:
    """FLV that announces sound and picture."""
    content = join_tags(flv_bytes, sorted(parts, key=lambda tag: tag.time_ms))
    return content[:4] + b"\x05" + content[5:]


async def test_pictures_without_sound_are_no_audio(server: HttpServer, flv_bytes: bytes) -> None:
    sound = [tag for tag in tags(flv_bytes) if tag.time_ms < 1500]
    # Screen video needs no set-up; what it shows does not matter.
    picture = [Tag(VIDEO, time_ms, b"\x13" + bytes(20)) for time_ms in range(0, 10_000, 100)]
    url = server.stream("film.flv", paced(film(flv_bytes, sound + picture), 10))
    network = NetworkSettings(connect_timeout_s=5, read_timeout_s=1.5)
    windows, error = await take(source(url, network))
    assert len(windows) == 1
    assert error is not None
    assert error.fault is SourceFault.NO_AUDIO


async def test_drops_of_data_keep_no_stream_alive(server: HttpServer, flv_bytes: bytes) -> None:
    # A byte a tenth of a second is enough for every time-out of a socket.
    async def dribble() -> AsyncIterator[bytes]:
        yield flv_bytes[:40_000]
        for place in range(40_000, 40_400):
            yield flv_bytes[place : place + 1]
            await asyncio.sleep(0.1)

    network = NetworkSettings(connect_timeout_s=5, read_timeout_s=1.5)
    began_at = time.monotonic()
    windows, error = await take(source(server.stream("drops.flv", dribble), network))
    assert len(windows) == 1
    assert error is not None
    assert error.fault is SourceFault.CANNOT_OPEN
    assert time.monotonic() - began_at < 15


async def test_another_codec_in_mid_stream_is_a_failure(
    server: HttpServer, wav: Path, flv_bytes: bytes
) -> None:
    # FFmpeg makes it a stream of its own, which nobody reads: the audio just stops.
    mp3 = [tag for tag in tags(flv(wav, "-c:a", "mp3", "-ar", "44100")) if tag.kind == AUDIO]
    later = [replace(tag, time_ms=tag.time_ms + 25_030) for tag in mp3]
    content = join_tags(flv_bytes, [*tags(flv_bytes), *later])
    network = NetworkSettings(connect_timeout_s=5, read_timeout_s=1.5)
    windows, error = await take(
        source(server.stream("codecs.flv", paced(content, 0, then_hang=True)), network)
    )
    assert [window.index for window in windows] == [0, 1, 2]
    assert error is not None
    assert error.retryable


# A consumer that falls behind.


async def test_a_live_stream_is_not_delayed_by_its_consumer(folder: Path) -> None:
    long = write_wav(folder / "live.wav", noise(115, seed=2))
    with RtmpServer(long) as rtmp:
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
        NetworkSettings(connect_timeout_s=5, read_timeout_s=0.3),
    )
    indices = []
    async for window in run.windows():
        assert isinstance(window, Window)
        indices.append(window.index)
        if window.index == 1:
            # Longer than the read time-out: waiting for the consumer is no stall.
            await asyncio.sleep(1.0)
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
    windows, error = await asyncio.wait_for(taking, 10)
    assert windows == []
    assert (error is None) == by_stop
    assert abandoned_threads() == 1
    reader.release.set()


def resident_kb() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


async def test_thirty_runs_leave_nothing_behind(server: HttpServer, flv_bytes: bytes, wav: Path) -> None:
    url = server.stream("leak.flv", paced(flv_bytes, 0))

    async def once(number: int) -> None:
        if number % 10 == 0:
            with RtmpServer(wav) as rtmp:
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
    wait_until(lambda: not pulling(), "the threads to end", 10)
    assert threading.active_count() <= threads + 1
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 2  # noqa: PTH208
    assert resident_kb() - kilobytes < 12_000
