"""AGORA channels by the vendor's SDK, or by a fake that behaves as its source says, in its own process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from config.settings import LogSettings, NetworkSettings
from pipeline.audio import LostWindow, Pcm, Window
from pipeline.ingest.remote import RemoteSource
from pipeline.ingest.workers import Start
from pipeline.rooms import agora
from pipeline.rooms.channel import Channel, Wanted
from pipeline.rooms.workers import MAX_APPLICATIONS, RoomWorkers
from pipeline.source import Position, SourceError, SourceFault
from tests.support.agora_cloud import Cloud, install
from tests.support.ingesting import alive
from tests.support.listening import take
from tests.support.speech import noise

pytestmark = pytest.mark.usefixtures("nothing_blocks")

QUICK = NetworkSettings(connect_timeout_s=3.0, read_timeout_s=3.0)
TALK_S = 1.2
BEGINS_S = 1.0
"""Nobody talks before: three who join at once, on a busy machine, are not ready to listen sooner."""
BAN = [BEGINS_S + 2.6, "on_connection_failure", [None, 3]]
PIECE_SAMPLES = 1600


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.syspath_prepend(str(install(tmp_path)))
    return Cloud(tmp_path / "app")


@asynccontextmanager
async def joining(
    *, may_lose: bool = False, applications: int = MAX_APPLICATIONS
) -> AsyncIterator[RoomWorkers]:
    """Processes that join rooms; all of them must be gone at the end."""
    lost: list[int] = []
    logs = LogSettings(level="warning", format="json")
    environ = await asyncio.to_thread(agora.environment, {})
    start = Start("daemon.ingest", QUICK, logs, environ)
    workers = RoomWorkers(start, on_lost=lambda: lost.append(1), applications=applications)
    running = asyncio.create_task(workers.run(), name="rooms")
    pids: list[int] = []
    try:
        yield workers
        pids = workers.pids
        assert may_lose or not lost
    finally:
        running.cancel()
        await asyncio.wait((running,))
    assert not [pid for pid in pids if alive(pid)]


async def listen(
    workers: RoomWorkers, channel: Channel
) -> tuple[list[Window | LostWindow], SourceError | None]:
    """Take all that a channel gives."""
    async with asyncio.timeout(80):
        return await take(RemoteSource(workers, channel, Position(), name="test").windows())


def talk(seed: int) -> Pcm:
    return noise(TALK_S, 0.1, seed=seed)


def heard(window: Window | LostWindow) -> Pcm:
    assert isinstance(window, Window)
    return window.pcm


def share_of(spoken: Pcm, window: Window | LostWindow) -> float:
    """Return which share of what was spoken is heard, in pieces: callbacks that come late part them."""
    pieces = [spoken[place : place + PIECE_SAMPLES] for place in range(0, len(spoken), PIECE_SAMPLES)]
    return sum(holds(heard(window), piece) for piece in pieces) / len(pieces)


def holds(pcm: Pcm, piece: Pcm) -> bool:
    """Say whether a piece of noise is somewhere in a sound, whatever else is."""
    size = len(pcm) + len(piece)
    sound, wanted = np.fft.rfft(pcm.astype(float), size), np.fft.rfft(piece.astype(float), size)
    alike = np.fft.irfft(sound * np.conj(wanted), size).max()
    return bool(alike > 0.8 * np.square(piece.astype(float)).sum())


async def test_a_mix_and_single_users(cloud: Cloud) -> None:
    second_s = BEGINS_S + TALK_S
    muted = [second_s + 0.2, second_s + 0.7]
    users = {
        "11": {"pcm": talk(1), "from_s": BEGINS_S},
        "22": {"pcm": talk(2), "from_s": second_s, "muted": [muted]},
    }
    cloud.channel("studio", users=users, calls=[BAN], token="right")
    async with joining() as workers:
        mixed = cloud.asked("studio", token="right")
        single = cloud.asked("studio", token="right", mixed=False)
        listed = cloud.asked("studio", token="right", mixed=False, wanted=Wanted.LISTED, listed=("22",))
        results = await asyncio.gather(*(listen(workers, each) for each in (mixed, single, listed)))
        assert len(workers.pids) == 1, "one process for one application"
    for _, error in results:
        assert error is not None
        assert (error.fault, error.retryable) == (SourceFault.CANNOT_OPEN, False)
        assert "banned" in str(error)
    (mix,), both, (alone,) = (windows for windows, _ in results)
    assert mix.user is None
    assert share_of(talk(1), mix) > 0.7
    assert share_of(talk(2), mix) > 0.35, "half a second of it was muted"
    assert {each.user for each in both} == {"11", "22"}
    assert sorted(each.index for each in both) == [0, 1]
    for window in both:
        own, other = (1, 2) if window.user == "11" else (2, 1)
        assert share_of(talk(own), window) > 0.35
        assert share_of(talk(other), window) == 0.0
    assert alone.user == "22"
    assert alone.heard_s == pytest.approx(0.7, abs=0.1), "half a second of it was muted"


WRONG: tuple[tuple[dict[str, object], SourceFault, bool, str], ...] = (
    ({"token": "another"}, SourceFault.NOT_AUTHORISED, False, "the token is not valid"),
    ({"connect_status": -109}, SourceFault.NOT_AUTHORISED, False, "the token has expired"),
    ({"connect_status": -2}, SourceFault.CANNOT_OPEN, True, "ended: -2"),
    (
        {"calls": [[0.1, "on_token_privilege_did_expire", []]]},
        SourceFault.NOT_AUTHORISED,
        False,
        "the token has expired",
    ),
    (
        {"calls": [[0.1, "on_connection_failure", [None, 7]]]},
        SourceFault.NO_SUCH_STREAM,
        False,
        "name is not valid",
    ),
    (
        {"calls": [[0.1, "on_error", [101, "invalid app id"]]]},
        SourceFault.NOT_AUTHORISED,
        False,
        "application id is not valid",
    ),
    (
        {"calls": [[0.1, "on_reconnecting", [None, 2]], [0.2, "on_connection_lost", [None]]]},
        SourceFault.CANNOT_OPEN,
        True,
        "was lost",
    ),
    ({"connect_s": 60}, SourceFault.CANNOT_OPEN, True, "no connection to the channel in 3 s"),
    (
        {"users": {"11": {"pcm": talk(1)}}, "rate_hz": 48_000},
        SourceFault.INVALID_DATA,
        False,
        "other audio",
    ),
)


async def test_what_goes_wrong_has_its_number(cloud: Cloud) -> None:
    for number, (script, *_) in enumerate(WRONG):
        cloud.channel(f"c{number}", **script)
    channels = [cloud.asked(f"c{number}", token="secret-token") for number in range(len(WRONG))]
    async with joining() as workers:
        results = await asyncio.gather(*(listen(workers, each) for each in channels))
    for (script, fault, retryable, said), (_, error) in zip(WRONG, results, strict=True):
        assert error is not None, script
        assert (error.fault, error.retryable) == (fault, retryable), script
        assert said in str(error)
        assert "secret-token" not in str(error)


async def test_a_lost_connection_that_comes_back_loses_nothing_else(cloud: Cloud) -> None:
    calls = [[0.3, "on_reconnecting", [None, 2]], [0.6, "on_reconnected", [None, 15]], BAN]
    cloud.channel("studio", users={"11": {"pcm": talk(1)}}, calls=calls)
    async with joining() as workers:
        windows, error = await listen(workers, cloud.asked("studio", mixed=False))
    assert error is not None
    assert "banned" in str(error), "and nothing before"
    assert [each.user for each in windows] == ["11"]
    assert windows[0].heard_s == pytest.approx(TALK_S, abs=0.05)


async def test_a_package_that_cannot_be_loaded_fails_the_stream_and_not_the_process(
    tmp_path: Path, cloud: Cloud
) -> None:
    """The SDK's own import calls `sys.exit` when its library is missing."""
    (tmp_path / "site" / "agora" / "__init__.py").write_text("import sys\nsys.exit(1)\n", encoding="utf-8")
    cloud.channel("studio")
    async with joining() as workers:
        for _ in range(2):
            windows, error = await listen(workers, cloud.asked("studio"))
            assert windows == []
            assert error is not None
            assert (error.fault, error.retryable) == (SourceFault.CANNOT_OPEN, False)
            assert str(error) == "the SDK cannot be loaded: SystemExit"


async def test_a_lost_process_is_a_lost_window_of_each_user_and_a_failure(cloud: Cloud) -> None:
    cloud.channel("studio", users={user: {"pcm": noise(30.0, 0.1)} for user in ("11", "22")})
    async with joining(may_lose=True) as workers:
        run = RemoteSource(workers, cloud.asked("studio", mixed=False), Position(), name="test")
        items = run.windows()
        async with asyncio.timeout(80):
            first = [await anext(items), await anext(items)]
            for pid in workers.pids:
                os.kill(pid, signal.SIGKILL)
            rest, error = await take(items)
    assert {each.user for each in first} == {each.user for each in rest} == {"11", "22"}
    assert [type(each) for each in rest] == [LostWindow] * 2
    assert [each.index for each in (*first, *rest)] == [0, 1, 2, 3]
    assert [each.place for each in (*first, *rest)] == [0, 0, 1, 1]
    assert error is not None
    assert (error.fault, error.retryable) == (SourceFault.CANNOT_OPEN, True)


async def test_applications_beyond_the_limit_wait_for_a_place(tmp_path: Path, cloud: Cloud) -> None:
    other = Cloud(tmp_path / "other")
    for each in (cloud, other):
        each.channel("studio", users={"11": {"pcm": talk(1)}}, calls=[BAN])
    async with joining(applications=1) as workers:
        first = asyncio.create_task(listen(workers, cloud.asked("studio")), name="first")
        while not workers.running:  # noqa: ASYNC110 - a process has no event
            await asyncio.sleep(0.01)
        _, refused = await listen(workers, other.asked("studio"))
        assert refused is not None
        assert (refused.fault, refused.retryable) == (SourceFault.CANNOT_OPEN, True)
        assert "1 applications" in str(refused)
        windows, _ = await first
        assert len(windows) == 1
        windows, _ = await listen(workers, other.asked("studio"))
        assert len(windows) == 1
        assert len(workers.pids) == 1


def test_it_is_not_there_without_its_native_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its import would fetch that library, unverified: the daemon imports nothing that does."""
    assert agora.environment({}) == {}, "no test needs the real one"
    site = install(tmp_path)
    monkeypatch.syspath_prepend(str(site))
    libraries = str(site / "agora" / "agora_sdk")
    assert agora.environment({}) == {"LD_LIBRARY_PATH": libraries}
    assert agora.environment({"LD_LIBRARY_PATH": "/x"}) == {"LD_LIBRARY_PATH": f"{libraries}:/x"}
    (site / "agora" / agora.NATIVE_LIBRARY).unlink()
    assert agora.environment({"LD_LIBRARY_PATH": "/x"}) == {}
    assert not [name for name in sys.modules if name.partition(".")[0] == "agora"]
