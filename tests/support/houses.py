"""A folder or a bucket: whatever a test of stores runs against, with a look at what is really in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from daemon.storage.addresses import SignedAddresses
from daemon.storage.folder import FolderStore
from daemon.storage.interfaces import Location, ObjectStore
from tests.support.object_store import BUCKET, ObjectServer, opened

SECRET = b"s" * 32


@dataclass(frozen=True, slots=True)
class House:
    store: ObjectStore
    location: Location
    elsewhere: Location
    """Of the other kind of store."""
    keys: Callable[[], list[str]]
    """Of all there is, also of what is half written."""


def folder_house(root: Path) -> House:
    def keys() -> list[str]:
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    store = FolderStore(root, SignedAddresses("http://daemon.test", SECRET))
    return House(store, Location(), Location(BUCKET), keys)


@asynccontextmanager
async def bucket_house(server: ObjectServer) -> AsyncIterator[House]:
    async with opened(server) as store:
        yield House(store, Location(BUCKET), Location(), lambda: server.keys() + server.uploads())


async def chunks(*data: bytes) -> AsyncIterator[bytes]:
    for each in data:
        yield each


async def put(store: ObjectStore, key: str, *data: bytes, replace: bool = True) -> None:
    await store.put(key, chunks(*data), content_type="video/mp4", replace=replace)


async def read(store: ObjectStore, key: str, start: int = 0, length: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.read(key, start, length)])
