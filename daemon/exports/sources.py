"""Opens where recordings are: objects of a store, or addresses of the web."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from daemon.exports.export import MediaSource
from daemon.storage.interfaces import Place, Stores
from daemon.storage.library import StoredLibrary
from pipeline.recording.recording import Library


class OpenLibrary(Library, Protocol):
    """A library whose reading can be ended."""

    def cancel(self) -> None:
        """End everything that waits, and all that comes, with CANCELLED; from any thread."""


class Sources:
    """Opens the sources of exports."""

    def __init__(self, stores: Stores, open_web: Callable[[Path], OpenLibrary]) -> None:
        """`open_web` makes a library of web addresses, for one recording, with a folder for its files."""
        self._stores = stores
        self._open_web = open_web

    def open(self, source: MediaSource, scratch: Path) -> tuple[OpenLibrary, str]:
        """Return a library for this source alone, and the recording's name in it. Raises StorageError.

        `scratch`: the folder of what it may have to fetch whole.
        """
        if isinstance(source, Place):
            store = self._stores.at(source.location)
            return StoredLibrary(store, asyncio.get_running_loop()), source.key
        return self._open_web(scratch), source.url
