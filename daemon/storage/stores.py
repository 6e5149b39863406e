"""All places of objects that the configuration allows."""

from __future__ import annotations

from daemon.storage.folder import FolderStore
from daemon.storage.interfaces import Location, ObjectStore, RefusedError
from daemon.storage.s3.clients import S3Clients
from daemon.storage.s3.store import S3Store


class ConfiguredStores:
    """The media root, and the buckets of the object store."""

    def __init__(self, folder: FolderStore | None, clients: S3Clients) -> None:
        """`folder`: None when no media root is configured."""
        self._folder = folder
        self._clients = clients

    def at(self, location: Location) -> ObjectStore:
        """Return the store of a location; opens no connection. Raises RefusedError."""
        if location.bucket:
            return S3Store(self._clients, location)
        if self._folder is None:
            raise RefusedError("no bucket is named, and there is no storage.local_root")
        return self._folder
