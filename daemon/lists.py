"""Customers' own word lists: read from their folders, and read again when a file changes."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Iterable
from pathlib import Path

import structlog

from config.accounts import AccountSettings
from config.errors import AudiowardenError, ConfigError
from daemon.logs import tell
from models.text.wordlists import MAX_WORD_CHARACTERS, MAX_WORDS, ListMatcher, read_lists

log = structlog.get_logger()

CHECK_EVERY_S = 5.0
MAX_LIST_BYTES = MAX_WORDS * (4 * MAX_WORD_CHARACTERS + 2)
"""As many of the longest words as a list may have; a file that is larger is no list, and not read."""

_Stamp = tuple[tuple[str, int, int], ...]


class CustomerLists:
    """The matcher of every account with a lists folder. A folder with a fault keeps its last good lists."""

    def __init__(self, accounts: Iterable[AccountSettings], check_every_s: float = CHECK_EVERY_S) -> None:
        self._check_every_s = check_every_s
        self._folders = {each.name: each.lists_dir for each in accounts if each.lists_dir is not None}
        self._matchers: dict[str, ListMatcher] = {}
        self._stamps: dict[str, _Stamp] = {}

    def of(self, account: str) -> ListMatcher | None:
        """Return the account's matcher, or None when it has no lists."""
        return self._matchers.get(account)

    async def load(self) -> None:
        """Read every folder; raises ConfigError for a list that cannot be used."""
        for account, folder in self._folders.items():
            await self._read(account, folder)

    async def watch(self) -> None:
        """Read a folder again when one of its files changes; runs until cancelled."""
        while True:
            await asyncio.sleep(self._check_every_s)
            for account, folder in self._folders.items():
                try:
                    if await asyncio.to_thread(_stamp, folder) != self._stamps.get(account):
                        await self._read(account, folder)
                except AudiowardenError as error:
                    tell("lists_not_reloaded", error, account=account)

    async def _read(self, account: str, folder: Path) -> None:
        self._stamps[account] = await asyncio.to_thread(_stamp, folder)
        matcher = await asyncio.to_thread(lambda: ListMatcher(read_folder(folder)))
        self._matchers[account] = matcher
        log.info("lists_loaded", account=account, lists=len(self._stamps[account]))


def read_folder(folder: Path) -> dict[str, list[str]]:
    """Read a folder of lists; raises ConfigError for one that cannot be used."""
    for name, size_bytes, _ in _stamp(folder):
        if size_bytes > MAX_LIST_BYTES:
            raise ConfigError(f"{folder / name}: {size_bytes} bytes, at most {MAX_LIST_BYTES} are taken")
    return read_lists(folder)


def _stamp(folder: Path) -> _Stamp:
    """Return what changes when a list changes: names, sizes and modification times.

    Raises ConfigError when the folder cannot be read.
    """
    try:
        if not folder.is_dir():
            raise ConfigError(f"{folder}: there is no such folder of word lists")
        paths = sorted(folder.glob("*.txt"))
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be read: {error.strerror}") from None
    found = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:  # gone since, or a link that leads nowhere
            continue
        if stat.S_ISREG(status.st_mode):
            found.append((path.name, status.st_size, status.st_mtime_ns))
    return tuple(found)
