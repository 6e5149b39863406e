"""Streams started and finished by the number."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from benchmarks.daemon import settings_of
from benchmarks.fleet import Fleet


class Daemon:
    """Answers as a daemon with room for so many streams does."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.live: list[str] = []

    async def start(self, url: str) -> dict[str, Any]:
        if len(self.live) >= self.room:
            return {"code": 1901, "message": "quota", "requestId": "x"}
        self.live.append(url)
        return {"code": 1100, "message": "", "requestId": url}

    async def finish(self, request_id: str) -> dict[str, Any]:
        self.live.remove(request_id)
        return {"code": 1100, "message": "", "requestId": request_id}


async def test_it_grows_and_shrinks_to_the_number() -> None:
    daemon = Daemon(room=1000)
    fleet = Fleet(daemon, str, spread_s=0.0)
    for count in (5, 40, 40, 30, 31, 0):
        assert await fleet.resize(count) == 0
        assert len(daemon.live) == count
        assert sorted(daemon.live) == sorted(fleet.stream_ids)
    assert int(fleet.next_url()) == 41


async def test_streams_that_leave_are_taken_from_everywhere() -> None:
    fleet = Fleet(Daemon(room=1000), str, spread_s=0.0)
    await fleet.resize(40)
    await fleet.resize(30)
    numbers = sorted(int(each) for each in fleet.stream_ids)
    assert max(later - earlier for earlier, later in itertools.pairwise(numbers)) == 2


async def test_refused_starts_are_counted() -> None:
    fleet = Fleet(Daemon(room=7), str, spread_s=0.0)
    assert await fleet.resize(10) == 3
    assert len(fleet.stream_ids) == 7


def test_settings_are_read_by_name() -> None:
    assert settings_of(["recogniser.model=tiny.en", "data_dir=a=b"]) == {
        "recogniser.model": "tiny.en",
        "data_dir": "a=b",
    }


@pytest.mark.parametrize("pair", ["recogniser.model", "=base", ""])
def test_a_setting_that_is_none_is_named(pair: str) -> None:
    with pytest.raises(SystemExit, match="VALUE is needed"):
        settings_of([pair])
