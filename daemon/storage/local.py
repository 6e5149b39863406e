"""The local clip store: files in day folders, and signed addresses that expire."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import math
import os
import re
import secrets
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import Enum
from itertools import islice
from pathlib import Path

from config.settings import ClipSettings
from daemon.storage.interfaces import StorageError

SECRET_BYTES = 32
"""As long as SHA-256's output, which RFC 2104 (section 3) recommends for the key."""
EXPIRY_STEP = 256
"""Files looked at in one go of a thread: what a shutdown waits for, a few milliseconds on a local disk."""
MAX_RETENTION_S = 100 * 365 * 86_400
"""Also what an infinite retention becomes: dates end with the year 9999."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,199}\.mp3")
EXPIRES = re.compile(r"[1-9][0-9]{0,11}")
SIGNATURE = re.compile(r"[0-9a-f]{64}")
DAY_FOLDER = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
PART_SUFFIX = ".part"
PART = re.compile(r"\.[a-z0-9_]+\.part")
"""A file that is being written, or was when the machine went down."""


class Denial(Enum):
    """Why there is no clip behind an address."""

    FORGED = "forged"
    """We never gave this address out, or somebody changed it."""
    EXPIRED = "expired"
    GONE = "gone"
    """The address is good, but the clip has been deleted."""


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
        self._base_url = base_url.rstrip("/")
        self._retention_s = math.ceil(min(settings.retention_hours * 3600, MAX_RETENTION_S))
        self._clock = clock
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"the folder {self._folder} cannot be made: {_reason(error)}") from None
        self._secret = _secret(data_dir / "clips.key")

    async def put(self, name: str, data: bytes) -> str:
        """Store `data` under `name` and return its address, good for the retention.

        A clip of the same name that expires on the same day is replaced.
        Raises StorageError when the name is not a clip's or the file cannot be written.
        """
        if not NAME.fullmatch(name):
            raise StorageError(f"{name!r} cannot be the name of a clip")
        stored_at = int(self._clock())
        expires = stored_at + self._retention_s
        path = self._path(name, expires)
        try:
            await asyncio.to_thread(_write, path, data, stored_at)
        except OSError as error:
            raise StorageError(f"the clip cannot be written to {path.parent}: {_reason(error)}") from None
        return f"{self._base_url}/clips/{name}?expires={expires}&signature={self._sign(name, str(expires))}"

    async def find(self, name: str, expires: str, signature: str) -> Path | Denial:
        """Return the file behind an address, given its parts as a stranger sent them, or why there is none.

        Nothing but FORGED is said to somebody without a good signature.
        Raises StorageError when the disk cannot be read.
        """
        if not (NAME.fullmatch(name) and EXPIRES.fullmatch(expires) and SIGNATURE.fullmatch(signature)):
            return Denial.FORGED
        if not hmac.compare_digest(self._sign(name, expires), signature):
            return Denial.FORGED
        if int(expires) <= self._clock():
            return Denial.EXPIRED
        path = self._path(name, int(expires))
        try:
            return path if await asyncio.to_thread(_is_there, path) else Denial.GONE
        except OSError as error:
            raise StorageError(f"the folder {path.parent} cannot be read: {_reason(error)}") from None

    async def expire(self) -> int:
        """Delete clips older than the retention, and day folders left empty; return how many clips went.

        Works in steps of `EXPIRY_STEP` files in a thread: when cancelled, at most one step goes on.
        Raises StorageError, after deleting what it can, when something cannot be read or deleted.
        """
        now = self._clock()
        sweep = _Sweep(self._folder, stored_until=now - self._retention_s, today=_day(now))
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
        return self._folder / _day(expires) / name

    def _sign(self, name: str, expires: str) -> str:
        # Neither part can hold the line break, so two different pairs never give the same text.
        return hmac.new(self._secret, f"{name}\n{expires}".encode(), hashlib.sha256).hexdigest()


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
        self.reason = self.reason or _reason(error)


def _day(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).date().isoformat()


def _is_there(path: Path) -> bool:
    """Unlike Path.is_file, raise OSError for whatever does not mean that the file was deleted."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _write(path: Path, data: bytes, stored_at: int) -> None:
    """Make `path` appear whole, or not at all; the folders above it are made too."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = _write_part(path.parent, data)
    try:
        os.utime(part, (stored_at, stored_at))
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _write_part(folder: Path, data: bytes) -> Path:
    """Write a file of mode 0600 under a name of its own; its content is on the disk when this returns."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=PART_SUFFIX, delete=False) as file:
        part = Path(file.name)
        try:
            file.write(data)
            file.flush()
            # Else a power cut can leave the final name with nothing in it.
            os.fsync(file.fileno())
        except OSError:
            part.unlink(missing_ok=True)
            raise
    return part


def _secret(path: Path) -> bytes:
    """Read the secret, making it when there is none; of two that make it at once, one wins.

    Raises StorageError.
    """
    try:
        if not path.exists():
            part = _write_part(path.parent, secrets.token_bytes(SECRET_BYTES))
            try:
                # Unlike a rename this never replaces a secret that has signed addresses already.
                path.hardlink_to(part)
            except FileExistsError:
                pass
            finally:
                part.unlink()
            _sync_folder(path.parent)
        secret = path.read_bytes()
    except OSError as error:
        raise StorageError(f"the secret {path} cannot be made or read: {_reason(error)}") from None
    if len(secret) != SECRET_BYTES:
        raise StorageError(
            f"{path} must hold {SECRET_BYTES} bytes: restore it, or delete it and end all addresses so far"
        )
    return secret


def _sync_folder(folder: Path) -> None:
    """Put the names of the folder on the disk: a lost secret would make every address worthless."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
