"""Files of the media root over HTTP: a real server, a real client, and addresses as replies carry them."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from structlog.testing import capture_logs
from yarl import URL

from daemon.contracts.errors import plain_errors
from daemon.storage.addresses import Denial, SignedAddresses
from daemon.storage.folder import FolderStore
from daemon.storage.routes import ObjectRoutes
from tests.support.clip_store import Clock
from tests.support.houses import SECRET, put

FILM = bytes(range(256)) * 160


class Watched(FolderStore):
    """A media root in which somebody does something right after a file was found."""

    def __init__(self, root: Path, addresses: SignedAddresses) -> None:
        super().__init__(root, addresses)
        self.meanwhile: Callable[[], object] = lambda: None

    async def find(self, key: str, expires: str, signature: str) -> FileIO | Denial:
        found = await super().find(key, expires, signature)
        self.meanwhile()
        return found


@dataclass
class Place:
    root: Path
    store: Watched
    clock: Clock


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    clock = Clock()
    place = Place(tmp_path, Watched(tmp_path, SignedAddresses(url, SECRET, clock)), clock)
    app = web.Application(middlewares=[plain_errors])
    ObjectRoutes(place.store).add_to(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    yield place
    await runner.cleanup()


@pytest_asyncio.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield session


@pytest.mark.parametrize(
    ("key", "content_type"),
    [
        ("a.mp3", "audio/mpeg"),
        ("day/ä film+1%20.mp4", "video/mp4"),
        ("a.jpg", "image/jpeg"),
        ("a.html", "application/octet-stream"),
        ("a.unknown", "application/octet-stream"),
    ],
)
async def test_a_file_can_be_fetched(
    place: Place, client: aiohttp.ClientSession, key: str, content_type: str
) -> None:
    await put(place.store, key, FILM)
    address = URL(await place.store.address(key, 60), encoded=True)
    async with client.get(address) as answer:
        assert (answer.status, answer.content_type) == (200, content_type)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "private"
        assert await answer.read() == FILM
    async with client.get(address, headers={"Range": "bytes=5-9"}) as answer:
        assert (answer.status, await answer.read()) == (206, FILM[5:10])
    async with client.head(address) as answer:
        assert (answer.status, answer.content_length) == (200, len(FILM))


@pytest.mark.parametrize("name", ["a.mp3", "a.mp3.gz"])
async def test_what_takes_the_place_of_a_file_is_not_served(
    place: Place, client: aiohttp.ClientSession, tmp_path: Path, name: str
) -> None:
    await put(place.store, "a.mp3", FILM)
    (tmp_path / "secret").write_bytes(b"not theirs")

    def swap() -> None:
        (place.root / name).unlink(missing_ok=True)
        if name == "a.mp3":
            (place.root / name).symlink_to(tmp_path / "secret")
        else:
            # What a server of static files would take for the same file, compressed.
            (place.root / name).write_bytes(b"not it")

    place.store.meanwhile = swap
    good = await place.store.address("a.mp3", 60)
    async with client.get(good, headers={"Accept-Encoding": "gzip"}) as answer:
        assert (answer.status, await answer.read()) == (200, FILM)


@pytest.mark.parametrize("asked", ["", "bytes=1000-"])
async def test_a_file_that_is_cut_short_while_it_is_sent_ends_the_connection(
    place: Place, client: aiohttp.ClientSession, asked: str
) -> None:
    await put(place.store, "a.mp3", FILM)
    # More than the sockets' buffers hold, so that it cannot have been sent when it is cut.
    os.truncate(place.root / "a.mp3", 200_000_000)
    headers = {"Range": asked} if asked else {}
    with capture_logs() as logs:
        async with client.get(await place.store.address("a.mp3", 60), headers=headers) as answer:
            assert answer.content_length == 200_000_000 - (1000 if asked else 0)
            os.truncate(place.root / "a.mp3", 500_000)
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
    [told] = [each for each in logs if each["log_level"] == "error"]
    assert (told["event"], told["promised_bytes"], told["bytes"]) == (
        "file_cut_short_while_sent",
        200_000_000,
        500_000,
    )


async def test_what_is_not_to_be_fetched(place: Place, client: aiohttp.ClientSession) -> None:
    await put(place.store, "a.mp3", FILM)
    await put(place.store, "b.mp3", FILM)
    (place.root / "link.mp3").symlink_to(place.root / "a.mp3")
    good = await place.store.address("a.mp3", 60)
    expected = {
        good.replace("a.mp3", "b.mp3"): (403, "the address of this file is not one that was given out"),
        good.partition("?")[0]: (403, "the address of this file is not one that was given out"),
        await place.store.address("none.mp3", 60): (404, "this file has been deleted"),
        await place.store.address("link.mp3", 60): (503, "the file cannot be read just now"),
    }
    for address, said in expected.items():
        async with client.get(address) as answer:
            assert (answer.status, (await answer.json())["message"]) == said
            assert answer.headers["Cache-Control"] == "no-store"
    place.clock.now_s += 60
    async with client.get(good) as answer:
        assert (answer.status, (await answer.json())["message"]) == (
            403,
            "the address of this file has expired",
        )
