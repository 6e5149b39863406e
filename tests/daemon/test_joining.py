"""Where the bytes of a recording's segments are: looked up a few at a time, and each file once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from daemon.exports.joining import LOOKUPS_AT_ONCE, pieces_of
from daemon.storage.addresses import SignedAddresses
from daemon.storage.folder import FolderStore
from daemon.storage.interfaces import Location, MissingObjectError, ObjectInfo, Piece, Place, StorageError
from pipeline.recording.recording import ByteSpan, Segment

HERE = Location("bucket", "region")


class Counting(FolderStore):
    """A store that says how large an object is without looking, and how it was asked."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, SignedAddresses("", b""))
        self.asked: list[str] = []
        self.tasks = 0
        self.at_once = self.most_at_once = 0

    async def info(self, key: str) -> ObjectInfo | None:
        self.asked.append(key)
        self.tasks = max(self.tasks, len(asyncio.all_tasks()))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if key == "away":
            raise StorageError("the store is away")
        return None if key == "gone" else ObjectInfo(len(key), "", 0.0)


def segments(*names: str) -> list[Segment]:
    return [Segment(name, 4.0 * number, 4.0) for number, name in enumerate(names)]


async def test_a_long_recording_is_looked_up_by_a_few_tasks(tmp_path: Path) -> None:
    store = Counting(tmp_path)
    names = [f"{number}.ts" for number in range(20_000)]
    pieces = await pieces_of(store, HERE, segments(*names))
    assert pieces == [Piece(Place(HERE, name), 0, len(name)) for name in names]
    assert sorted(store.asked) == sorted(names)
    assert store.most_at_once == LOOKUPS_AT_ONCE
    assert store.tasks <= LOOKUPS_AT_ONCE + 1


async def test_a_file_of_many_segments_is_looked_up_once(tmp_path: Path) -> None:
    store = Counting(tmp_path)
    part = Segment("parts.ts", 0.0, 4.0, ByteSpan(100, 300))
    pieces = await pieces_of(store, HERE, [part, *segments("a.ts", "b.ts", "a.ts")])
    assert pieces == [
        Piece(Place(HERE, "parts.ts"), 100, 200),
        *(Piece(Place(HERE, name), 0, 4) for name in ("a.ts", "b.ts", "a.ts")),
    ]
    assert sorted(store.asked) == ["a.ts", "b.ts"]


@pytest.mark.parametrize(("bad", "kind"), [("gone", MissingObjectError), ("away", StorageError)])
async def test_the_first_failure_ends_it(tmp_path: Path, bad: str, kind: type[StorageError]) -> None:
    store = Counting(tmp_path)
    names = [bad, *(f"{number}.ts" for number in range(1000))]
    with pytest.raises(kind):
        await pieces_of(store, HERE, segments(*names))
    assert len(store.asked) < 100
    assert len(asyncio.all_tasks()) == 1
