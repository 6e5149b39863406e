"""Brings a file that was made here to where it shall be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

from daemon.jobs.workshop import chunks_of
from daemon.storage.interfaces import ObjectStore

MADE = 0.9
"""The share of progress at which a result is made: the rest is the way to the store."""


async def store_file(
    file: Path,
    store: ObjectStore,
    key: str,
    content_type: str,
    tell_progress: Callable[[float], None],
    *,
    replace: bool = True,
) -> int:
    """Store a file whole, or not at all; return its size in bytes. Progress goes from MADE to 1.

    Raises StorageError; ObjectExistsError when nothing is to be replaced.
    """
    size = (await asyncio.to_thread(file.stat)).st_size

    def told(given: int) -> None:
        tell_progress(MADE + (1 - MADE) * given / max(1, size))

    async with aclosing(chunks_of(file, told)) as chunks:
        await store.put(key, chunks, content_type=content_type, replace=replace)
    return size
