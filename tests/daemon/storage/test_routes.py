"""Clips over HTTP: a real server, a real client, and addresses as callbacks carry them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from config.settings import ClipSettings
from daemon.contracts.errors import plain_errors
from daemon.storage.local import LocalClipStore
from daemon.storage.routes import ClipRoutes

SOUND = bytes(range(256)) * 160


class Place:
    """A store behind a server on loopback, and the time it believes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_s = 1_700_000_000.0
        self.base_url = ""

    async def put(self, name: str = "a_1.mp3") -> str:
        return await self.store().put(name, SOUND)

    def store(self) -> LocalClipStore:
        return LocalClipStore(self.folder, self.base_url, ClipSettings(), lambda: self.now_s)

    def clip(self) -> Path:
        (path,) = (self.folder / "clips").rglob("*.mp3")
        return path


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    place = Place(tmp_path)
    app = web.Application(middlewares=[plain_errors])
    ClipRoutes(place.store()).add_to(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    place.base_url = f"http://{host}:{port}"
    yield place
    await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield session


async def refused(client: aiohttp.ClientSession, address: str) -> tuple[int, str]:
    async with client.get(address) as answer:
        assert answer.content_type == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        body = await answer.json()
        assert set(body) == {"code", "message"}
        return answer.status, body["message"]


async def test_a_clip_can_be_fetched(place: Place, client: aiohttp.ClientSession) -> None:
    async with client.get(await place.put()) as answer:
        assert (answer.status, answer.content_type) == (200, "audio/mpeg")
        assert answer.headers["Cache-Control"] == "private"
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert await answer.read() == SOUND


async def test_head_tells_the_size(place: Place, client: aiohttp.ClientSession) -> None:
    async with client.head(await place.put()) as answer:
        assert (answer.status, answer.content_type) == (200, "audio/mpeg")
        assert answer.content_length == len(SOUND)
        assert await answer.read() == b""


@pytest.mark.parametrize(
    ("asked", "start", "stop"), [("0-99", 0, 100), ("40000-", 40_000, 40_960), ("-10", 40_950, 40_960)]
)
async def test_a_player_may_seek(
    asked: str, start: int, stop: int, place: Place, client: aiohttp.ClientSession
) -> None:
    async with client.get(await place.put(), headers={"Range": f"bytes={asked}"}) as answer:
        assert (answer.status, answer.content_type) == (206, "audio/mpeg")
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(SOUND)}"
        assert await answer.read() == SOUND[start:stop]


async def test_a_range_beyond_the_end_is_refused(place: Place, client: aiohttp.ClientSession) -> None:
    async with client.get(await place.put(), headers={"Range": "bytes=40960-"}) as answer:
        assert answer.status == 416
        assert answer.headers["Content-Range"] == f"bytes */{len(SOUND)}"


async def test_a_changed_address_is_refused(place: Place, client: aiohttp.ClientSession) -> None:
    address = await place.put()
    for forged in (
        address.replace("a_1", "a_2"),
        address.replace("expires=1", "expires=2"),
        address[:-1] + ("0" if address[-1] != "0" else "1"),
        address.split("?")[0],
        address.split("&")[0],
        address + "0",
        address.replace("signature=", "signature=%ff"),
        address.replace("a_1.mp3", "..%2F..%2Fclips.key"),
    ):
        assert await refused(client, forged) == (
            403,
            "the address of this clip is not one that was given out",
        ), forged


async def test_an_old_address_is_refused(place: Place, client: aiohttp.ClientSession) -> None:
    address = await place.put()
    place.now_s += 72 * 3600
    assert await refused(client, address) == (403, "the address of this clip has expired")


async def test_a_deleted_clip_is_not_found(place: Place, client: aiohttp.ClientSession) -> None:
    address = await place.put()
    place.clip().unlink()
    assert await refused(client, address) == (404, "this clip has been deleted")
    async with client.head(address) as answer:
        assert answer.status == 404


async def test_a_disk_that_cannot_be_read_is_our_fault(place: Place, client: aiohttp.ClientSession) -> None:
    address = await place.put()
    clip = place.clip()
    clip.unlink()
    day = clip.parent
    day.rmdir()
    # Looking into a link that points to itself fails, for root as well.
    day.symlink_to(day)
    assert await refused(client, address) == (503, "the clip cannot be read just now")


async def test_nothing_can_be_sent_here(place: Place, client: aiohttp.ClientSession) -> None:
    async with client.post(await place.put()) as answer:
        assert answer.status == 405
