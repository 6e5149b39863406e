"""What is enrolled, as the running daemon knows it: read at the start, and again when its file changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from daemon.logs import tell
from models.errors import EnrolmentError

log = structlog.get_logger()

CHECK_EVERY_S = 5.0

Index = TypeVar("Index")

_Stamp = tuple[int, int, int] | None


class Enrolled(Generic[Index]):
    """An index in a file that others replace. A damaged file leaves the last good index in force."""

    def __init__(
        self, kind: str, path: Path, read: Callable[[Path], Index], check_every_s: float = CHECK_EVERY_S
    ) -> None:
        """Read it for the first time; blocking. Raises EnrolmentError.

        `kind` (voices, songs) stands in logs. `read` gets the folder of `path`, blocks, and raises
        EnrolmentError; a file that is not there is an empty index.
        """
        self.kind = kind
        self._path = path
        self._read = read
        self._check_every_s = check_every_s
        self._stamp = _stamp(path)
        self._index = read(path.parent)

    def current(self) -> Index:
        """Return the index in force; never blocks."""
        return self._index

    async def watch(self) -> None:
        """Read the file again when it changes; runs until cancelled."""
        while True:
            await asyncio.sleep(self._check_every_s)
            stamp = await asyncio.to_thread(_stamp, self._path)
            if stamp == self._stamp:
                continue
            self._stamp = stamp
            try:
                self._index = await asyncio.to_thread(self._read, self._path.parent)
            except EnrolmentError as error:
                tell("enrolled_not_reloaded", error, kind=self.kind)
            else:
                log.info("enrolled_loaded", kind=self.kind)


def _stamp(path: Path) -> _Stamp:
    """Return what changes when the file is replaced; None when it cannot be seen."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
