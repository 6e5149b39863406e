"""What every store does, a folder as well as a bucket of a real S3 server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from daemon.storage.addresses import SignedAddresses
from daemon.storage.folder import FolderStore
from daemon.storage.interfaces import (
    Location,
    ObjectStore,
)
from tests.support.object_store import BUCKET, ObjectServer, opened

pytestmark = pytest.mark.usefixtures("nothing_blocks")

MIB = 1024 * 1024
BIG = bytes(range(256)) * (19 * MIB // 256) + b"the end"
"""Three parts of an upload, and a bit."""


@dataclass(frozen=True, slots=True)
class House:
    store: ObjectStore
    location: Location
    elsewhere: Location


@pytest_asyncio.fixture(params=["folder", "s3"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    if request.param == "folder":
        addresses = SignedAddresses("http://daemon.test", b"s" * 32)
        yield House(FolderStore(tmp_path, addresses), Location(), Location(BUCKET))
        return
    server: ObjectServer = request.getfixturevalue("object_server")
    async with opened(server) as store:
        yield House(store, Location(BUCKET), Location())


async def chunks(*data: bytes) -> AsyncIterator[bytes]:
    for each in data:
        yield each


async def put(store: ObjectStore, key: str, *data: bytes, replace: bool = True) -> None:
    await store.put(key, chunks(*data), content_type="video/mp4", replace=replace)


async def read(store: ObjectStore, key: str, start: int = 0, length: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.read(key, start, length)])


@pytest.mark.parametrize("data", [b"", b"sound", BIG], ids=["empty", "small", "big"])
async def test_what_is_put_is_read(house: House, data: bytes) -> None:
    pieces = [data[at : at + 3 * MIB] for at in range(0, len(data), 3 * MIB)]
    await put(house.store, "a/b c/ä%20.mp4", *pieces)
    assert await read(house.store, "a/b c/ä%20.mp4") == data
    info = await house.store.info("a/b c/ä%20.mp4")
    assert info is not None
    assert info.size == len(data)
    assert info.etag
    assert abs(info.modified_at - time.time()) < 60
