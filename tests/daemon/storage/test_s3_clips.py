"""Clips in a bucket of a real S3 server: addresses, and what is deleted when."""

from __future__ import annotations

import asyncio
import urllib.request
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from pydantic import ValidationError

from config.settings import ClipSettings
from daemon.storage.interfaces import RefusedError
from daemon.storage.s3.clips import S3ClipStore
from daemon.storage.s3.store import S3Store
from tests.support.clip_store import START_S, Clock
from tests.support.object_store import ObjectServer, opened, opened_at
from tests.support.rude_store import refusal, rude_store

pytestmark = pytest.mark.usefixtures("nothing_blocks")

NAME = "5f0c_12.mp3"
DAY_S = 86_400


def clips(store: S3Store, clock: Clock, hours: float = 2.0) -> S3ClipStore:
    settings = ClipSettings(store="s3", bucket="recordings", retention_hours=hours)
    return S3ClipStore(store, settings, clock)


async def test_a_clip_is_fetched_by_its_address(object_server: ObjectServer, clock: Clock) -> None:
    async with opened(object_server) as store:
        address = await clips(store, clock).put(NAME, b"sound")

        def fetch() -> tuple[bytes, str | None]:
            with urllib.request.urlopen(address) as answer:
                return answer.read(), answer.headers["Content-Type"]

        assert await asyncio.to_thread(fetch) == (b"sound", "audio/mpeg")
        assert parse_qs(urlsplit(address).query)["X-Amz-Expires"] == ["7200"]
        # Two hours after 22:13: the folder is that of the next day, on which the address expires.
        assert await asyncio.to_thread(object_server.keys) == [f"clips/2023-11-15/{NAME}"]


async def test_days_that_are_over_are_deleted_and_nothing_else(
    object_server: ObjectServer, clock: Clock
) -> None:
    others = ["clips/2020-01-01/readme.txt", "clips/other/a.mp3", "recording.ts", "clips/a.mp3"]
    async with opened(object_server) as store:
        shelf = clips(store, clock)
        for key in others:
            await asyncio.to_thread(object_server.put, key, b"x")
        for number in range(20):
            await shelf.put(f"old_{number}.mp3", b"sound")
        clock.now_s = START_S + DAY_S
        # It expires today: whoever has its address may still fetch it.
        assert await shelf.expire() == 0
        await shelf.put("new.mp3", b"sound")
        clock.now_s = START_S + 2 * DAY_S
        assert await shelf.expire() == 20
        assert await asyncio.to_thread(object_server.keys) == sorted([*others, "clips/2023-11-16/new.mp3"])
        assert await shelf.expire() == 0


async def test_what_cannot_be_deleted_keeps_nothing_else(object_server: ObjectServer, clock: Clock) -> None:
    async with rude_store(object_server) as rude, opened_at(rude.url) as store:
        shelf = clips(store, clock)
        for number in range(10):
            await shelf.put(f"old_{number}.mp3", b"sound")

        async def manners(request: web.Request, body: bytes) -> web.Response | None:
            stubborn = request.method == "DELETE" and request.path.endswith("old_3.mp3")
            return refusal(403, "AccessDenied") if stubborn else None

        rude.manners = manners
        clock.now_s = START_S + 2 * DAY_S
        with pytest.raises(RefusedError, match="AccessDenied"):
            await shelf.expire()
        assert await asyncio.to_thread(object_server.keys) == ["clips/2023-11-15/old_3.mp3"]


@pytest.mark.parametrize("name", ["../a.mp3", "a/b.mp3", "a.wav", "", ".mp3", "a\n.mp3"])
async def test_only_clips_have_names(name: str, object_server: ObjectServer, clock: Clock) -> None:
    async with opened(object_server) as store:
        with pytest.raises(RefusedError, match="cannot be the name of a clip"):
            await clips(store, clock).put(name, b"sound")
    assert await asyncio.to_thread(object_server.keys) == []


def test_settings_that_cannot_be_kept_are_refused() -> None:
    with pytest.raises(ValidationError, match="needs a bucket"):
        ClipSettings(store="s3")
    with pytest.raises(ValidationError, match="168 at most"):
        ClipSettings(store="s3", bucket="clips", retention_hours=168.5)
    assert ClipSettings(store="s3", bucket="clips", retention_hours=168).retention_hours == 168
    assert ClipSettings(retention_hours=8760).store == "local"
