"""A library of stored recordings, read by threads from a folder and from a real S3 server."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from daemon.storage.addresses import SignedAddresses
from daemon.storage.ahead import AHEAD_BYTES
from daemon.storage.folder import FolderStore
from daemon.storage.interfaces import ObjectInfo, ObjectStore, StorageError
from daemon.storage.library import StoredLibrary
from pipeline.recording.recording import Bytes, ByteSpan, RecordingError, RecordingFault
from tests.support.object_store import ObjectServer, opened

pytestmark = pytest.mark.usefixtures("nothing_blocks")

MIB = 1024 * 1024
FILM = random.Random(6).randbytes(7 * MIB + 12345)
KEY = "live/day/film.mp4"
PATIENCE_S = 60.0


@pytest_asyncio.fixture(params=["folder", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    if request.param == "folder":
        (tmp_path / KEY).parent.mkdir(parents=True)
        (tmp_path / KEY).write_bytes(FILM)
        yield FolderStore(tmp_path, SignedAddresses("http://daemon.test", b"s" * 32))
        return
    server: ObjectServer = request.getfixturevalue("object_server")
    server.put(KEY, FILM)
    async with opened(server) as bucket:
        yield bucket


class Slow:
    """A store that tells how far it has been read, and whether it has been let go."""

    def __init__(self, *, stops_at: int = 1 << 40) -> None:
        self.sent = 0
        self.closed = asyncio.Event()
        self._stops_at = stops_at
        self.stopped = asyncio.Event()

    async def info(self, key: str) -> ObjectInfo | None:
        raise StorageError("the store is away")

    async def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                await asyncio.sleep(0)
                if self.sent >= self._stops_at:
                    self.stopped.set()
                    await asyncio.Event().wait()
                self.sent += 65536
                yield bytes(65536)
        finally:
            self.closed.set()


def library(store: object, wait_s: float = PATIENCE_S) -> StoredLibrary:
    return StoredLibrary(store, asyncio.get_running_loop(), wait_s=wait_s)  # type: ignore[arg-type]  # a part


def all_of(file: Bytes, size: int = 50_000) -> bytes:
    data = bytearray()
    try:
        while more := file.read(size):
            data += more
    finally:
        file.close()
    return bytes(data)


async def test_a_file_is_read_once_whole_or_in_part(store: ObjectStore) -> None:
    shelf = library(store)
    assert await asyncio.to_thread(lambda: all_of(shelf.open(KEY))) == FILM
    span = ByteSpan(1000, 3 * MIB)
    assert await asyncio.to_thread(lambda: all_of(shelf.open(KEY, span))) == FILM[1000 : 3 * MIB]


async def test_a_span_beyond_the_end_is_a_fault_of_the_recording(store: ObjectStore) -> None:
    shelf = library(store)
    with pytest.raises(RecordingError) as told:
        await asyncio.to_thread(lambda: all_of(shelf.open(KEY, ByteSpan(MIB, len(FILM) + 1))))
    assert told.value.fault is RecordingFault.INVALID


async def test_any_part_of_a_seekable_file_is_read(store: ObjectStore) -> None:
    def at_random() -> None:
        file = library_.open_seekable(KEY)
        rng = random.Random(3)
        try:
            assert file.seek(0, 2) == len(FILM)
            assert file.read(10) == b""
            for _ in range(60):
                at, size = rng.randrange(len(FILM)), rng.randrange(1, 40_000)
                assert file.seek(at) == at
                data = file.read(size)
                assert data
                assert data == FILM[at : at + len(data)]
                assert file.tell() == at + len(data)
            assert file.seek(-4, 2) == len(FILM) - 4
            assert file.read(100) == FILM[-4:]
            assert file.seek(-2, 1) == len(FILM) - 2
        finally:
            file.close()

    library_ = library(store)
    await asyncio.to_thread(at_random)


async def test_what_is_missing_is_said(store: ObjectStore) -> None:
    shelf = library(store)
    for ask in (lambda: all_of(shelf.open("live/none.ts")), lambda: shelf.open_seekable("live/none.ts")):
        with pytest.raises(RecordingError) as told:
            await asyncio.to_thread(ask)
        assert told.value.fault is RecordingFault.MISSING
        assert "none.ts" not in str(told.value)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a//b", "", "a\nb"])
async def test_names_that_are_no_keys_are_refused(name: str, tmp_path: Path) -> None:
    shelf = library(FolderStore(tmp_path, SignedAddresses("http://daemon.test", b"s" * 32)))
    for ask in (partial(shelf.open, name), partial(shelf.open_seekable, name)):
        with pytest.raises(RecordingError) as told:
            await asyncio.to_thread(ask)
        assert told.value.fault is RecordingFault.REFUSED


async def test_only_so_much_is_read_ahead() -> None:
    slow = Slow()
    file = library(slow).open(KEY)
    first = await asyncio.to_thread(file.read, 10)
    assert len(first) == 10
    for _ in range(200):
        await asyncio.sleep(0)
    assert AHEAD_BYTES <= slow.sent <= AHEAD_BYTES + 3 * 65536
    await asyncio.to_thread(file.close)
    await asyncio.wait_for(slow.closed.wait(), PATIENCE_S)


@pytest.mark.parametrize("after", [0, 65536])
async def test_cancelling_ends_a_reading_that_waits(after: int) -> None:
    slow = Slow(stops_at=after)
    shelf = library(slow)
    file = shelf.open(KEY)
    reading = asyncio.ensure_future(asyncio.to_thread(all_of, file))
    await slow.stopped.wait()
    shelf.cancel()
    with pytest.raises(RecordingError) as told:
        await asyncio.wait_for(reading, PATIENCE_S)
    assert told.value.fault is RecordingFault.CANCELLED
    await asyncio.wait_for(slow.closed.wait(), PATIENCE_S)
    for ask in (lambda: shelf.open(KEY).read(1), lambda: shelf.open_seekable(KEY)):
        with pytest.raises(RecordingError) as told:
            await asyncio.to_thread(ask)
        assert told.value.fault is RecordingFault.CANCELLED


async def test_a_store_that_says_nothing_or_is_away_is_unreachable() -> None:
    slow = Slow(stops_at=0)
    file = library(slow, wait_s=0.05).open(KEY)
    with pytest.raises(RecordingError) as told:
        await asyncio.to_thread(file.read, 1)
    assert told.value.fault is RecordingFault.UNREACHABLE
    assert told.value.retryable
    await asyncio.to_thread(file.close)
    with pytest.raises(RecordingError, match="the store is away") as told:
        await asyncio.to_thread(library(slow).open_seekable, KEY)
    assert told.value.fault is RecordingFault.UNREACHABLE
    await asyncio.wait_for(slow.closed.wait(), PATIENCE_S)


def test_a_loop_that_has_ended_cancels() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    shelf = StoredLibrary(FolderStore(Path(), SignedAddresses("", b"")), loop)
    for ask in (shelf.open, shelf.open_seekable):
        with pytest.raises(RecordingError) as told:
            ask(KEY)
        assert told.value.fault is RecordingFault.CANCELLED


@pytest.mark.parametrize(
    ("name", "reference", "found"),
    [
        ("live/day/index.m3u8", "seg 1.ts", "live/day/seg 1.ts"),
        ("live/day/index.m3u8", "seg%201.ts?token=a/../b#t=1", "live/day/seg 1.ts"),
        ("live/day/index.m3u8", "../other/1.ts", "live/other/1.ts"),
        ("live/day/index.m3u8", "./1.ts", "live/day/1.ts"),
        ("live/day/index.m3u8", "/top/1.ts", "top/1.ts"),
        ("live/day/index.m3u8", "at-10:00:00.ts", "live/day/at-10:00:00.ts"),
        ("index.m3u8", "%E4%BD%A0.ts", "你.ts"),
        ("live/index.m3u8", "a//b.ts", "live/a/b.ts"),
    ],
)
def test_references_are_resolved(name: str, reference: str, found: str) -> None:
    assert _shelf().beside(name, reference) == found


@pytest.mark.parametrize(
    "reference",
    [
        "../../../x.ts", "%2e%2e/%2e%2e/%2e%2e/x", "/../x", "http://10.0.0.1/x.ts", "HTTPS://a/x",
        "//host/x.ts", "file:///etc/passwd", "a%00b.ts", "x/..%0a",
    ],
)  # fmt: skip
def test_references_do_not_lead_out_of_the_store(reference: str) -> None:
    with pytest.raises(RecordingError) as told:
        _shelf().beside("live/day/index.m3u8", reference)
    assert told.value.fault is RecordingFault.REFUSED


def test_a_reference_to_nothing_is_invalid() -> None:
    with pytest.raises(RecordingError) as told:
        _shelf().beside("live/day/index.m3u8", "?a=b")
    assert told.value.fault is RecordingFault.INVALID


def _shelf() -> StoredLibrary:
    loop = asyncio.new_event_loop()
    loop.close()
    return StoredLibrary(FolderStore(Path(), SignedAddresses("", b"")), loop)
