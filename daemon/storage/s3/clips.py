"""Evidence clips in a bucket, with presigned addresses that live as long as they do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

from config.settings import ClipSettings
from daemon.storage.interfaces import RefusedError
from daemon.storage.local import DAY_FOLDER, NAME, day_of
from daemon.storage.once import once
from daemon.storage.s3.store import MAX_ADDRESS_S, S3Store

PREFIX = "clips/"
DELETED_AT_ONCE = 8


class S3ClipStore:
    """Keeps clips under `clips/<UTC day on which the address expires>/<name>` in a bucket (a ClipStore).

    Whole days are deleted once they are over, so that a clip outlives its address by less than a day.
    """

    def __init__(
        self, store: S3Store, settings: ClipSettings, clock: Callable[[], float] = time.time
    ) -> None:
        """Opens no connection; `clock` gives epoch seconds."""
        self._store = store
        self._retention_s = min(int(settings.retention_hours * 3600), MAX_ADDRESS_S)
        self._clock = clock

    async def put(self, name: str, data: bytes) -> str:
        """Store `data` under `name` and return its presigned address, good for the retention.

        A clip of the same name that expires on the same day is replaced. Raises StorageError.
        """
        if not NAME.fullmatch(name):
            raise RefusedError(f"{name!r} cannot be the name of a clip")
        key = f"{PREFIX}{day_of(self._clock() + self._retention_s)}/{name}"
        await self._store.put(key, once(data), content_type="audio/mpeg")
        return await self._store.address(key, self._retention_s)

    async def expire(self) -> int:
        """Delete the clips of days that are over; return how many went.

        Raises StorageError, after deleting what it can of a day.
        """
        today = day_of(self._clock())
        deleted = 0
        async for folder in self._store.folders(PREFIX):
            day = folder.removeprefix(PREFIX).rstrip("/")
            # Whatever else is in the bucket is not ours.
            if DAY_FOLDER.fullmatch(day) and day < today:
                deleted += await self._empty(folder)
        return deleted

    async def _empty(self, folder: str) -> int:
        deleted = 0
        failure: BaseException | None = None
        async for keys in self._batches(folder):
            results = await asyncio.gather(*map(self._store.delete, keys), return_exceptions=True)
            failures = [each for each in results if each is not None]
            deleted += len(keys) - len(failures)
            failure = failure or next(iter(failures), None)
        if failure is not None:
            raise failure
        return deleted

    async def _batches(self, folder: str) -> AsyncIterator[list[str]]:
        batch: list[str] = []
        async for key in self._store.keys(folder):
            if NAME.fullmatch(key.removeprefix(folder)):
                batch.append(key)
            if len(batch) == DELETED_AT_ONCE:
                yield batch
                batch = []
        yield batch
