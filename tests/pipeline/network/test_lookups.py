"""The crew of threads that look names up."""

from __future__ import annotations

import threading
import time

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

    lookups = Lookups(resolver, max_threads=3, max_waiting=5)
    begun = [lookups.begin("host", number) for number in range(3)]
    wait_until(lambda: now == 3, "three look-ups under way")
    begun += [lookups.begin("host", number) for number in range(3, 8)]
    with pytest.raises(LookupsBusyError) as caught:
        lookups.begin("host", 8)
    assert caught.value.retryable
    time.sleep(0.1)
    release.set()
    assert [future.result(10) for future in begun] == [[f"host:{number}"] for number in range(8)]
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

    lookups = Lookups(resolver, max_threads=1)
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
