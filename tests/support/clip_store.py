"""A clip store in a test's folder, with a clock of its own, and what its addresses and folders hold."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from config.settings import ClipSettings
from daemon.storage.addresses import Denial
from daemon.storage.local import LocalClipStore

START_S = 1_700_000_000.75
"""2023-11-14 22:13:20 UTC and a bit."""


class Clock:
    def __init__(self) -> None:
        self.now_s = START_S

    def __call__(self) -> float:
        return self.now_s


def opened(folder: Path, clock: Clock, *, hours: float = 2.0) -> LocalClipStore:
    return LocalClipStore(folder, "http://clips.test", ClipSettings(retention_hours=hours), clock)


def parts(address: str) -> tuple[str, str, str]:
    """Name, expiry and signature of an address."""
    split = urlsplit(address)
    query = parse_qs(split.query, strict_parsing=True)
    return split.path.removeprefix("/clips/"), query["expires"][0], query["signature"][0]


async def fetched(store: LocalClipStore, address: str) -> bytes | Denial:
    """What is behind an address, or why there is nothing."""
    found = await store.find(*parts(address))
    if isinstance(found, Denial):
        return found
    with found:
        return found.read()


def files(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder / "clips")) for path in (folder / "clips").rglob("*") if path.is_file()
    )
