"""The stores of a daemon, made from its settings and closed with it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from config.settings import Settings
from daemon.logs import tell
from daemon.storage.addresses import SignedAddresses, address_secret
from daemon.storage.folder import FolderStore
from daemon.storage.interfaces import ClipStore, Location, ObjectStore, StorageError
from daemon.storage.local import LocalClipStore
from daemon.storage.once import once
from daemon.storage.s3.clients import WAITED_FOR, Deadlines, S3Clients
from daemon.storage.s3.clips import S3ClipStore
from daemon.storage.s3.store import S3Store
from daemon.storage.stores import ConfiguredStores

log = structlog.get_logger()

PROBE = b"audiowarden check"
PROBE_DEADLINES = Deadlines(connect_s=5.0, silence_s=10.0, patience_s=0.0)


@dataclass(frozen=True, slots=True)
class Storage:
    """Where everything is kept."""

    stores: ConfiguredStores
    waited_for: ConfiguredStores
    """The same places, for requests whose sender waits: a store that is away is not asked again for long."""
    folder: FolderStore | None
    """The media root, if there is one."""
    local_clips: LocalClipStore
    """Always there: addresses given out before `clips.store` was changed stay good."""
    clips: ClipStore
    """Where clips are put."""

    async def expire_clips(self) -> int:
        """Delete what has lived long enough; return how many clips went. Raises StorageError."""
        if self.clips is self.local_clips:
            return await self.clips.expire()
        try:
            expired = await self.clips.expire()
        finally:
            expired_here = await self.local_clips.expire()
        return expired + expired_here


@asynccontextmanager
async def opened_storage(settings: Settings, base_url: str) -> AsyncIterator[Storage]:
    """Make the stores; no connection is opened before it is needed.

    `base_url` is how consumers reach the daemon. Raises StorageError.
    """
    local = await asyncio.to_thread(LocalClipStore, settings.data_dir, base_url, settings.clips)
    addresses = SignedAddresses(base_url, await asyncio.to_thread(address_secret, settings.data_dir))
    root = settings.storage.local_root
    folder = None if root is None else FolderStore(root, addresses)
    if folder is not None:
        await _swept(folder)
    clients, quick = S3Clients(settings.storage.s3), S3Clients(settings.storage.s3, WAITED_FOR)
    clips: ClipStore = local
    if settings.clips.store == "s3":
        clips = S3ClipStore(S3Store(clients, Location(settings.clips.bucket)), settings.clips)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(clients.close)
        stack.push_async_callback(quick.close)
        yield Storage(
            ConfiguredStores(folder, clients), ConfiguredStores(folder, quick), folder, local, clips
        )


async def probe_media_root(settings: Settings) -> None:
    """Store, read and delete a small file in the media root. Raises StorageError."""
    if settings.storage.local_root is not None:
        await _probe(FolderStore(settings.storage.local_root, SignedAddresses("", b"")), "")


async def probe_clip_bucket(settings: Settings) -> None:
    """Store, read and delete a small object in the bucket of clips. Raises StorageError."""
    clients = S3Clients(settings.storage.s3, PROBE_DEADLINES)
    try:
        await _probe(S3Store(clients, Location(settings.clips.bucket)), "clips/")
    finally:
        await clients.close()


async def _probe(store: ObjectStore, folder: str) -> None:
    key = f"{folder}audiowarden-check-{secrets.token_hex(8)}"
    await store.put(key, once(PROBE), content_type="text/plain", replace=False)
    read = b"".join([chunk async for chunk in store.read(key)])
    await store.delete(key)
    if read != PROBE:
        raise StorageError("what was stored came back changed")


async def _swept(folder: FolderStore) -> None:
    """Delete a crash's leftovers; a root that cannot be read just now is no reason not to start."""
    try:
        swept = await folder.sweep()
    except StorageError as error:
        tell("media_root_not_swept", error)
    else:
        if swept:
            log.info("media_root_swept", files=swept)
