"""The local clip store: files in day folders, and signed addresses that expire."""

from __future__ import annotations

import asyncio
import math
import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from io import FileIO
from itertools import islice
from pathlib import Path

from config.settings import ClipSettings
from daemon.storage.addresses import Denial, SignedAddresses, address_secret
from daemon.storage.disk import reason, write_part
from daemon.storage.interfaces import RefusedError, StorageError
from daemon.storage.tree import Tree
from daemon.storage.undisturbed import opened_in_thread

EXPIRY_STEP = 256
"""Files looked at in one go of a thread: what a shutdown waits for, a few milliseconds on a local disk."""
MAX_RETENTION_S = 100 * 365 * 86_400
"""Also what an infinite retention becomes: dates end with the year 9999."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,199}\.mp3")
DAY_FOLDER = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
PART = re.compile(r"\.[a-z0-9_]+\.part")
"""A file that is being written, or was when the machine went down."""


class LocalClipStore:
    """Keeps clips in `data_dir/clips/<UTC day on which the address expires>/<name>`.

    The day comes from the signed expiry, so that addresses stay good when the retention is changed. A clip's
    modification time is when it was stored: its age decides when it is deleted.
    """

    def __init__(
        self,
        data_dir: Path,
        base_url: str,
        settings: ClipSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make the folder, and at the first start the secret `data_dir/clips.key`; touches the disk briefly.

        `base_url` is how consumers reach the daemon; `clock` gives epoch seconds.
        Raises StorageError when the folder or the secret cannot be made or read.
        """
        self._folder = data_dir / "clips"
        self._tree = Tree(self._folder)
        self._retention_s = math.ceil(min(settings.retention_hours * 3600, MAX_RETENTION_S))
        self._clock = clock
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"the folder {self._folder} cannot be made: {reason(error)}") from None
        self._addresses = SignedAddresses(base_url, address_secret(data_dir), clock)

    async def put(self, name: str, data: bytes) -> str:
        """Store `data` under `name` and return its address, good for the retention.

        A clip of the same name that expires on the same day is replaced.
        Raises StorageError when the name is not a clip's or the file cannot be written.
        """
        if not NAME.fullmatch(name):
            raise RefusedError(f"{name!r} cannot be the name of a clip")
        stored_at = int(self._clock())
        expires = stored_at + self._retention_s
        path = self._path(name, expires)
        try:
            await asyncio.to_thread(_write, path, data, stored_at)
        except OSError as error:
            raise StorageError(f"the clip cannot be written to {path.parent}: {reason(error)}") from None
        return self._addresses.address("clips", name, expires)

    async def find(self, name: str, expires: str, signature: str) -> FileIO | Denial:
        """Open the file behind an address, given its parts as a stranger sent them, or say why there is none.

        Nothing but FORGED is said to somebody without a good signature.
        Raises StorageError when the disk cannot be read.
        """
        if not NAME.fullmatch(name):
            return Denial.FORGED
        if denial := self._addresses.denial("clips", name, expires, signature):
            return denial
        path = self._path(name, int(expires))
        try:
            return await opened_in_thread(partial(self._tree.reading, f"{path.parent.name}/{name}"))
        except FileNotFoundError:
            return Denial.GONE
        except OSError as error:
            raise StorageError(f"the folder {path.parent} cannot be read: {reason(error)}") from None

    async def expire(self) -> int:
        """Delete clips older than the retention, and day folders left empty; return how many clips went.

        Works in steps of `EXPIRY_STEP` files in a thread: when cancelled, at most one step goes on.
        Raises StorageError, after deleting what it can, when something cannot be read or deleted.
        """
        now = self._clock()
        sweep = _Sweep(self._folder, stored_until=now - self._retention_s, today=day_of(now))
        steps = sweep.steps()
        # A generator that is dropped when this is cancelled closes its folder once its step has ended.
        while await asyncio.to_thread(next, steps, False):
            pass
        if sweep.failed:
            raise StorageError(
                f"{sweep.failed} files or folders in {self._folder} cannot be deleted: {sweep.reason}"
            )
        return sweep.deleted

    def _path(self, name: str, expires: int) -> Path:
        return self._folder / day_of(expires) / name


class _Sweep:
    """One walk over all day folders; everything in it blocks."""

    def __init__(self, folder: Path, stored_until: float, today: str) -> None:
        """Files stored at `stored_until` (epoch s) or before go; `today` is a day folder's name."""
        self._folder = folder
        self._stored_until = stored_until
        self._today = today
        self.deleted = 0
        self.failed = 0
        self.reason = ""

    def steps(self) -> Iterator[bool]:
        """Do the work, yielding True after each step."""
        for day in self._days():
            try:
                with os.scandir(day) as entries:
                    while batch := list(islice(entries, EXPIRY_STEP)):
                        for entry in batch:
                            self._delete_if_old(entry)
                        yield True
                # A clip that is stored now goes to the folder of today or of a later day.
                if day.name < self._today and not any(day.iterdir()):
                    day.rmdir()
            except OSError as error:
                self._fail(error)

    def _days(self) -> list[Path]:
        try:
            return sorted(
                path
                for path in self._folder.iterdir()
                if DAY_FOLDER.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
            )
        except OSError as error:
            self._fail(error)
            return []

    def _delete_if_old(self, entry: os.DirEntry[str]) -> None:
        is_clip = NAME.fullmatch(entry.name) is not None
        if not is_clip and not PART.fullmatch(entry.name):
            return
        try:
            if entry.stat(follow_symlinks=False).st_mtime > self._stored_until:
                return
            Path(entry.path).unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            self._fail(error)
            return
        self.deleted += is_clip

    def _fail(self, error: OSError) -> None:
        self.failed += 1
        self.reason = self.reason or reason(error)


def day_of(epoch_s: float) -> str:
    """Return the UTC day, as day folders are named."""
    return datetime.fromtimestamp(epoch_s, UTC).date().isoformat()


def _write(path: Path, data: bytes, stored_at: int) -> None:
    """Make `path` appear whole, or not at all; the folders above it are made too."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = write_part(path.parent, data)
    try:
        os.utime(part, (stored_at, stored_at))
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
