"""What every store does: a folder, and a bucket of a real S3 server, held to the same tests."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
import pytest_asyncio

from daemon.storage.interfaces import (
    CannotJoinError,
    MissingObjectError,
    ObjectExistsError,
    Piece,
    Place,
    RefusedError,
    StorageError,
)
from tests.support.houses import House, bucket_house, chunks, folder_house, put, read

pytestmark = pytest.mark.usefixtures("nothing_blocks")

MIB = 1024 * 1024
BIG = random.Random(1).randbytes(17 * MIB + 7)
"""Two parts of an upload, and a bit."""
HALF = BIG[: 11 * MIB]
KEY = "day/film.mp4"


@pytest_asyncio.fixture(params=["folder", "s3"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    if request.param == "folder":
        yield folder_house(tmp_path)
        return
    async with bucket_house(request.getfixturevalue("object_server")) as bucket:
        yield bucket


def in_pieces(data: bytes, size: int = 3 * MIB) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("data", [b"", b"sound", BIG], ids=["empty", "small", "big"])
async def test_what_is_put_is_read(house: House, data: bytes) -> None:
    key = "a/b c/ä%20+&?#.mp4"
    await put(house.store, key, *in_pieces(data))
    assert await read(house.store, key) == data
    info = await house.store.info(key)
    assert info is not None
    assert info.size == len(data)
    assert info.etag
    assert abs(info.modified_at - time.time()) < 60
    assert await asyncio.to_thread(house.keys) == [key]


@pytest.mark.parametrize(
    ("start", "length"),
    [(0, 5), (3, None), (100, 300_000), (MIB - 10, None), (MIB - 10, 50), (MIB, None), (MIB + 5, 5), (7, 0)],
)
async def test_any_part_is_read(house: House, start: int, length: int | None) -> None:
    data = BIG[:MIB]
    await put(house.store, KEY, data)
    assert await read(house.store, KEY, start, length) == data[start:][:length]


async def test_a_reader_may_stop_early(house: House) -> None:
    await put(house.store, KEY, BIG)
    for _ in range(5):
        async with aclosing(house.store.read(KEY)) as data:
            assert BIG.startswith(await anext(data))
    assert await read(house.store, KEY, len(BIG) - 3) == BIG[-3:]


async def test_what_is_not_there_is_said(house: House) -> None:
    assert await house.store.info(KEY) is None
    with pytest.raises(MissingObjectError) as told:
        await read(house.store, KEY)
    assert not told.value.retryable
    assert KEY not in str(told.value)
    await house.store.delete(KEY)


async def test_an_object_is_deleted_and_replaced(house: House) -> None:
    await put(house.store, KEY, b"first")
    before = await house.store.info(KEY)
    await put(house.store, KEY, b"the second")
    after = await house.store.info(KEY)
    assert before is not None
    assert after is not None
    assert before.etag != after.etag
    assert await read(house.store, KEY) == b"the second"
    await house.store.delete(KEY)
    await house.store.delete(KEY)
    assert await asyncio.to_thread(house.keys) == []


@pytest.mark.parametrize("data", [b"second", BIG], ids=["small", "big"])
async def test_what_must_not_be_replaced_is_not(house: House, data: bytes) -> None:
    await put(house.store, KEY, b"first", replace=False)
    with pytest.raises(ObjectExistsError):
        await put(house.store, KEY, *in_pieces(data), replace=False)
    with pytest.raises(ObjectExistsError):
        await house.store.join(
            KEY, [Piece(Place(house.location, KEY), 0, 5)], content_type="video/mp2t", replace=False
        )
    assert await read(house.store, KEY) == b"first"
    assert await asyncio.to_thread(house.keys) == [KEY]


@pytest.mark.parametrize("size", [5, 10 * MIB], ids=["small", "big"])
async def test_whoever_was_first_stays(house: House, size: int) -> None:
    async def overtaken() -> AsyncIterator[bytes]:
        # The look before the start has found none.
        yield b"a" * (size - 1)
        await put(house.store, KEY, b"first", replace=False)
        yield b"a"

    with pytest.raises(ObjectExistsError):
        await house.store.put(KEY, overtaken(), content_type="video/mp4", replace=False)
    assert await read(house.store, KEY) == b"first"
    assert await asyncio.to_thread(house.keys) == [KEY]


@pytest.mark.parametrize("after", [0, 1, 6])
async def test_a_source_that_fails_leaves_nothing(house: House, after: int) -> None:
    async def broken() -> AsyncIterator[bytes]:
        for piece in in_pieces(BIG)[:after]:
            yield piece
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await house.store.put(KEY, broken(), content_type="video/mp4")
    assert await asyncio.to_thread(house.keys) == []


@pytest.mark.parametrize("after", [0, 1, 6])
async def test_a_cancellation_leaves_nothing(house: House, after: int) -> None:
    waiting = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        for piece in in_pieces(BIG)[:after]:
            yield piece
        waiting.set()
        await asyncio.Event().wait()

    putting = asyncio.ensure_future(house.store.put(KEY, endless(), content_type="video/mp4"))
    await waiting.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert await asyncio.to_thread(house.keys) == []


async def test_cancelled_at_any_moment_it_is_whole_or_not_there(house: House) -> None:
    for turns in (0, 1, 3, 10, 20, 40, 80):
        putting = asyncio.ensure_future(put(house.store, KEY, *in_pieces(BIG)))
        await asyncio.sleep(turns * 0.002)
        putting.cancel()
        await asyncio.gather(putting, return_exceptions=True)
        keys = await asyncio.to_thread(house.keys)
        assert keys in ([], [KEY])
        if keys:
            assert await read(house.store, KEY) == BIG
        await house.store.delete(KEY)


LENGTHS = [
    [5],
    [6 * MIB, 6 * MIB],
    [3 * MIB] * 4,
    [7 * MIB, 10, 3 * MIB, 6 * MIB, 1],
    [1, 10 * MIB, 1, 1, 0, 5 * MIB],
]


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
async def test_pieces_are_joined(house: House, lengths: list[int]) -> None:
    await put(house.store, "a.ts", HALF)
    await put(house.store, "b.ts", HALF[::-1])
    pieces, wanted = [], b""
    for number, length in enumerate(lengths):
        start = number * 1000
        key, data = (("a.ts", HALF), ("b.ts", HALF[::-1]))[number % 2]
        pieces.append(Piece(Place(house.location, key), start, length))
        wanted += data[start : start + length]
    await house.store.join("joined.ts", pieces, content_type="video/mp2t", replace=False)
    assert await read(house.store, "joined.ts") == wanted
    assert await asyncio.to_thread(house.keys) == ["a.ts", "b.ts", "joined.ts"]


async def test_an_object_may_be_joined_with_itself(house: House) -> None:
    await put(house.store, KEY, b"abc")
    pieces = [Piece(Place(house.location, KEY), 1, 2), Piece(Place(house.location, KEY), 0, 2)]
    await house.store.join(KEY, pieces, content_type="video/mp2t")
    assert await read(house.store, KEY) == b"bcab"
    await house.store.join(KEY, [], content_type="video/mp2t")
    assert await read(house.store, KEY) == b""


@pytest.mark.parametrize("sizes", [(20, 5), (6 * MIB, 20)], ids=["read", "copied"])
async def test_pieces_that_are_not_there_leave_nothing(house: House, sizes: tuple[int, int]) -> None:
    await put(house.store, "a.ts", b"0123456789")
    pieces = [Piece(Place(house.location, "a.ts"), 0, size) for size in sizes]
    with pytest.raises(StorageError) as told:
        await house.store.join(KEY, pieces, content_type="video/mp2t")
    assert not told.value.retryable
    with pytest.raises(MissingObjectError):
        await house.store.join(KEY, [Piece(Place(house.location, "no.ts"), 0, 9)], content_type="video/mp2t")
    assert await asyncio.to_thread(house.keys) == ["a.ts"]


async def test_pieces_from_another_kind_of_store_cannot_be_joined(house: House) -> None:
    with pytest.raises(CannotJoinError):
        await house.store.join(KEY, [Piece(Place(house.elsewhere, "a.ts"), 0, 9)], content_type="video/mp2t")
    assert await asyncio.to_thread(house.keys) == []


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../a", "a/../b", "a/..", ".", "a//b", "a/", "a\0b", "a\nb", "a\x7f", "ä" * 513,
     "\ud800"],
)  # fmt: skip
async def test_keys_that_may_not_be(house: House, key: str) -> None:
    for attempt in (
        house.store.info(key),
        read(house.store, key),
        house.store.put(key, chunks(b"x"), content_type="a/b"),
        house.store.join(key, [], content_type="a/b"),
        house.store.join("a", [Piece(Place(house.location, key), 0, 1)], content_type="a/b"),
        house.store.delete(key),
        house.store.address(key, 60),
    ):
        with pytest.raises(RefusedError) as told:
            await attempt
        assert len(key) < 2 or key not in str(told.value)
    assert await asyncio.to_thread(house.keys) == []
