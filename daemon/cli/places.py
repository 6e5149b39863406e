"""What a person at the terminal may name: files of this machine, addresses, objects of a store."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from config.errors import AudiowardenError
from config.settings import Settings
from daemon.exports.export import MediaSource, WebAddress
from daemon.storage.addresses import SignedAddresses
from daemon.storage.folder import FolderStore
from daemon.storage.interfaces import Location, ObjectStore, Place
from daemon.storage.keys import checked_key
from daemon.storage.s3.clients import WAITED_FOR, S3Clients
from daemon.storage.s3.store import S3Store
from daemon.storage.tree import PARTS

CLOCK = re.compile(r"(?:(?:(\d+):)?([0-5]?\d):)?(\d+(?:\.\d+)?)", re.ASCII)


class PlaceError(AudiowardenError):
    """What was typed is no place, no time, no format."""


class TerminalStores:
    """Every folder of this machine, and the buckets of the configured object store (a `Stores`)."""

    def __init__(self, clients: S3Clients) -> None:
        self._clients = clients
        self._folders: set[Path] = set()

    def at(self, location: Location) -> ObjectStore:
        """Return the store of a location; without a bucket its `region` is the folder."""
        if location.bucket:
            return S3Store(self._clients, location)
        folder = Path(location.region)
        self._folders.add(folder)
        # Nobody is handed an address from here.
        return FolderStore(folder, SignedAddresses("", b""))

    def tidy(self) -> None:
        """Remove the folders of unfinished files."""
        for folder in self._folders:
            with suppress(OSError):
                (folder / PARTS).rmdir()


@asynccontextmanager
async def terminal_stores(settings: Settings) -> AsyncIterator[TerminalStores]:
    """Open the stores, and close them."""
    clients = S3Clients(settings.storage.s3, WAITED_FOR)
    stores = TerminalStores(clients)
    try:
        yield stores
    finally:
        stores.tidy()
        await clients.close()


def source_of(text: str) -> MediaSource:
    """Return what is to be read. Raises PlaceError, StorageError."""
    if text.startswith(("http://", "https://")):
        return WebAddress(text)
    return target_of(text)


def target_of(text: str) -> Place:
    """Return where something is stored. Raises PlaceError, StorageError."""
    if text.startswith("s3://"):
        bucket, _, key = text.removeprefix("s3://").partition("/")
        if not bucket or not key:
            raise PlaceError(f"{text} should be s3://BUCKET/KEY")
        return Place(Location(bucket), checked_key(key))
    if "://" in text:
        raise PlaceError(f"{text} should be a file or s3://BUCKET/KEY (or, to read, an http address)")
    path = Path(text).expanduser()
    if not path.name or path.is_dir():
        raise PlaceError(f"{text} is a folder, not a file")
    folder = path.parent.resolve()
    if not folder.is_dir():
        raise PlaceError(f"{text}: there is no such folder")
    return Place(Location(region=str(folder)), path.name)


def seconds_of(text: str) -> float:
    """Return a time such as `90`, `1:30` or `00:46:13.5` in seconds. Raises PlaceError."""
    match = CLOCK.fullmatch(text.strip())
    if match is None:
        raise PlaceError(f"{text} is no time: write seconds, m:ss or h:mm:ss")
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)
