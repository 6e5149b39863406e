"""The crew of threads that look names up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from pipeline.network.lookups import Lookups, LookupsBusyError
from tests.support.media_server import wait_until


def test_at_most_so_many_at_once_and_so_many_waiting() -> None:
    release = threading.Event()
    lock = threading.Lock()
    now, most = 0, 0

    def resolver(host: str, port: int) -> list[str]:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        release.wait(60)
        with lock:
            now -= 1
        return [f"{host}:{port}"]

    lookups = Lookups(resolver, max_quick=3, max_waiting=5, slow_s=60)
    begun = [lookups.begin(f"host{number}", 1) for number in range(3)]
    wait_until(lambda: now == 3, "three look-ups under way")
    begun += [lookups.begin(f"host{number}", 1) for number in range(3, 8)]
    with pytest.raises(LookupsBusyError) as caught:
        lookups.begin("host8", 1)
    assert caught.value.retryable
    time.sleep(0.1)
    release.set()
    assert [future.result(10) for future in begun] == [[f"host{number}:1"] for number in range(8)]
    assert most == 3
    assert lookups.begin("host", 99).result(10) == ["host:99"], "there is room again"


def test_a_cancelled_lookup_is_not_begun_and_disturbs_nobody() -> None:
    release = threading.Event()
    asked: list[int] = []

    def resolver(host: str, port: int) -> list[str]:
        del host
        asked.append(port)
        release.wait(60)
        return []

    lookups = Lookups(resolver, max_quick=1, slow_s=60)
    running, waiting, last = (lookups.begin("host", port) for port in range(3))
    assert waiting.cancel()
    assert running.cancel(), "whoever waits is free at once"
    release.set()
    assert last.result(10) == []
    assert asked in ([0, 2], [2])


def test_an_error_reaches_whoever_waits() -> None:
    def resolver(host: str, port: int) -> list[str]:
        raise OSError(f"{host}:{port}")

    assert str(Lookups(resolver).begin("host", 1).exception(10)) == "host:1"


class Resolver:
    """Answers at once, but for names that begin with "dead", which hang until `release`."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host.startswith("dead"):
            self.release.wait(60)
            raise OSError("no such name")
        return [host]


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    resolver = Resolver()
    yield resolver
    resolver.release.set()


def test_names_that_hang_keep_no_others_waiting(resolver: Resolver) -> None:
    lookups = Lookups(resolver, max_quick=4, slow_s=0.2)
    dead = [lookups.begin(f"dead{number}", 1) for number in range(40)]
    # Those before it become slow four at a time.
    assert lookups.begin("alive", 1).result(45) == ["alive"]
    assert not any(future.done() for future in dead)


def test_a_name_that_hangs_holds_one_thread(resolver: Resolver) -> None:
    lookups = Lookups(resolver, max_quick=2, slow_s=60)
    dead = [lookups.begin("dead", port) for port in (1, 1, 1, 2, 3)]
    assert lookups.begin("alive", 1).result(10) == ["alive"]
    wait_until(lambda: "dead" in resolver.asked, "the first of them to be asked for")
    assert resolver.asked.count("dead") == 1
    resolver.release.set()
    assert [type(future.exception(10)) for future in dead] == [OSError] * 5
    assert resolver.asked.count("dead") == 3, "once for each port"


def test_names_that_were_slow_come_behind(resolver: Resolver) -> None:
    lookups = Lookups(resolver, max_threads=6, slow_s=0.1, max_slow_names=2)
    names = [f"dead{number}" for number in range(5)]
    first = [lookups.begin(name, 1) for name in names]
    wait_until(lambda: len(resolver.asked) == len(names), "all to be asked for")
    time.sleep(0.2)
    resolver.release.set()
    for future in first:
        assert isinstance(future.exception(10), OSError)
    resolver.release.clear()
    resolver.asked.clear()
    for name in names:
        lookups.begin(name, 1)
    assert [lookups.begin(f"alive{number}", 1).result(10) for number in range(20)]
    wait_until(lambda: len(resolver.asked) >= 22, "two of the slow ones to be asked for")
    assert sorted(resolver.asked)[20:] == names[:2]
