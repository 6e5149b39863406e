"""What only a folder can get wrong: links, pipes, other file systems' limits, leftovers of a crash."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from io import FileIO
from pathlib import Path

import pytest

from daemon.storage.addresses import Denial, SignedAddresses
from daemon.storage.folder import FolderStore
from daemon.storage.interfaces import (
    Location,
    MissingObjectError,
    ObjectExistsError,
    Piece,
    Place,
    RefusedError,
    StorageError,
)
from daemon.storage.tree import PARTS, Tree
from tests.daemon.full_disk import full_disk
from tests.support.houses import SECRET, House, folder_house, put, read

pytestmark = pytest.mark.usefixtures("nothing_blocks")

MIB = 1024 * 1024


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    (tmp_path / "secret").write_bytes(b"not theirs")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "film.mp4").write_bytes(b"not theirs")
    return tmp_path / "root"


@pytest.fixture
def house(root: Path) -> House:
    return folder_house(root)


async def test_links_are_not_followed(root: Path, house: House, tmp_path: Path) -> None:
    (root / "file").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "within").symlink_to(root)
    for key in ("file", "folder/film.mp4", "within/file"):
        for attempt in (read(house.store, key), house.store.info(key), house.store.delete(key)):
            with pytest.raises(RefusedError, match="symbolic link"):
                await attempt
    for key in ("folder/new.mp4", "within/new.mp4"):
        with pytest.raises(RefusedError, match="symbolic link"):
            await put(house.store, key, b"x")
    # A link in the place of a file is replaced, not written through.
    await put(house.store, "file", b"ours")
    with pytest.raises(RefusedError):
        await put(house.store, "folder/film.mp4", b"x", replace=False)
    assert (tmp_path / "secret").read_bytes() == b"not theirs"
    assert sorted(path.name for path in (tmp_path / "outside").iterdir()) == ["film.mp4"]
    assert (root / "file").read_bytes() == b"ours"


async def test_a_root_that_is_a_link_itself_is_the_operators_choice(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    house = folder_house(tmp_path / "link")
    await put(house.store, "a.ts", b"x")
    assert (root / "a.ts").read_bytes() == b"x"


async def test_what_is_no_file_is_not_there(root: Path, house: House) -> None:
    (root / "folder").mkdir()
    await asyncio.to_thread(os.mkfifo, root / "pipe")
    (root / "plain").write_bytes(b"x")
    for key in ("folder", "pipe", "plain/below"):
        assert await house.store.info(key) is None
        with pytest.raises(MissingObjectError):
            await read(house.store, key)
        await house.store.delete(key)
    assert (root / "folder").is_dir()


async def test_places_that_are_taken(root: Path, house: House) -> None:
    (root / "folder").mkdir()
    (root / "plain").write_bytes(b"x")
    with pytest.raises(RefusedError, match=r"^there is a folder of that name"):
        await put(house.store, "folder", b"x")
    with pytest.raises(ObjectExistsError):
        await put(house.store, "folder", b"x", replace=False)
    with pytest.raises(RefusedError, match=r"^what should be a folder in the path is a file$"):
        await put(house.store, "plain/below", b"x")
    with pytest.raises(RefusedError, match=r"^a name in the path is too long"):
        await put(house.store, "x" * 256, b"x")
    assert house.keys() == ["plain"]


async def test_the_folder_of_parts_is_nobodys(root: Path, house: House) -> None:
    await put(house.store, "a.ts", b"x")
    (root / PARTS / "left.part").write_bytes(b"x")
    for key in (PARTS, f"{PARTS}/left.part"):
        assert await house.store.info(key) is None
        with pytest.raises(RefusedError):
            await put(house.store, key, b"x")


async def test_what_is_no_part_is_left_where_it_is(root: Path, house: House, tmp_path: Path) -> None:
    await put(house.store, "a.ts", b"x")
    (root / PARTS / "folder.part").mkdir()
    (root / PARTS / "link.part").symlink_to(tmp_path / "secret")
    (root / PARTS / "left.part").write_bytes(b"x")
    assert isinstance(house.store, FolderStore)
    assert await house.store.sweep() == 1
    assert sorted(path.name for path in (root / PARTS).iterdir()) == ["folder.part", "link.part"]


async def test_a_root_that_is_not_there_is_said(tmp_path: Path) -> None:
    house = folder_house(tmp_path / "not mounted")
    for attempt in (put(house.store, "a", b"x"), read(house.store, "a"), house.store.info("a")):
        with pytest.raises(StorageError, match=r"^the media root is not there$") as told:
            await attempt
        assert told.value.retryable


async def test_a_full_disk_is_one_sentence_and_leaves_nothing(house: House) -> None:
    await put(house.store, "a.ts", bytes(MIB))
    with full_disk(50_000):
        with pytest.raises(StorageError, match=r"^the media root cannot be used: File too large$") as told:
            await put(house.store, "b.ts", bytes(2 * MIB))
        assert told.value.retryable
        piece = Piece(Place(Location(), "a.ts"), 0, MIB)
        with pytest.raises(StorageError, match="File too large"):
            await house.store.join("b.ts", [piece], content_type="video/mp2t")
    assert house.keys() == ["a.ts"]


async def test_files_are_as_readable_as_the_umask_says(root: Path, house: House) -> None:
    before = os.umask(0o027)
    try:
        await put(house.store, "a/b.ts", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((root / "a" / "b.ts").stat().st_mode) == 0o640
    assert stat.S_IMODE((root / "a").stat().st_mode) == 0o750


async def test_leftovers_are_swept_but_not_what_is_being_written(root: Path, house: House) -> None:
    assert isinstance(house.store, FolderStore)
    assert await house.store.sweep() == 0
    begun = asyncio.Event()
    goes_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield bytes(2 * MIB)
        begun.set()
        await goes_on.wait()
        yield b"end"

    putting = asyncio.ensure_future(house.store.put("a.ts", slow(), content_type="video/mp2t"))
    await begun.wait()
    (root / PARTS / "left.part").write_bytes(b"x")
    assert await house.store.sweep() == 1
    goes_on.set()
    await putting
    assert await read(house.store, "a.ts", 2 * MIB) == b"end"
    assert await house.store.sweep() == 0
    assert house.keys() == ["a.ts"]


class SweptOnce(Tree):
    """A tree in which another process sweeps right after a part has been made."""

    swept = 0

    @contextmanager
    def folder(self, name: str, *, make: bool = False) -> Iterator[int]:
        with super().folder(name, make=make) as folder:
            yield folder
        if name == PARTS and make and not self.swept:
            self.swept = Tree(self.root).sweep()


async def test_a_sweep_right_after_the_beginning_costs_nothing(root: Path) -> None:
    tree = SweptOnce(root)
    async with tree.writing("a.ts", True, nullcontext) as part:
        await part.run(partial(part.write, b"whole"))
    assert tree.swept == 1
    assert (root / "a.ts").read_bytes() == b"whole"
    assert list((root / PARTS).iterdir()) == []


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.support.houses import folder_house

async def endless():
    while True:
        yield bytes(1024 * 1024)
        print("written", flush=True)

asyncio.run(folder_house(Path(sys.argv[1])).store.put("a.ts", endless(), content_type="video/mp2t"))
"""


async def test_a_process_that_is_killed_leaves_only_what_is_swept(root: Path, house: House) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        KILLED,
        str(root),
        cwd=Path(__file__).parents[3],
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            for _ in range(3):
                assert await process.stdout.readline() == b"written\n"
    finally:
        process.send_signal(signal.SIGKILL)
        await process.communicate()
    left = house.keys()
    assert [key for key in left if not key.startswith(PARTS)] == []
    assert isinstance(house.store, FolderStore)
    assert await house.store.sweep() == 1
    assert house.keys() == []


async def test_an_address_is_found_again_until_it_expires(root: Path) -> None:
    now = [1000.0]
    store = FolderStore(root, SignedAddresses("http://daemon.test/", SECRET, lambda: now[0]))
    await put(store, "day/ä film.mp4", b"film")
    address = await store.address("day/ä film.mp4", 60)
    assert address.startswith("http://daemon.test/objects/day/%C3%A4%20film.mp4?expires=1060&signature=")
    signature = address.rpartition("=")[2]
    found = await store.find("day/ä film.mp4", "1060", signature)
    assert isinstance(found, FileIO)
    with found:
        assert found.read() == b"film"
    for key, expires in (("day/film.mp4", "1060"), ("day/ä film.mp4", "1061"), ("../secret", "1060")):
        assert await store.find(key, expires, signature) is Denial.FORGED
    now[0] = 1060.0
    assert await store.find("day/ä film.mp4", "1060", signature) is Denial.EXPIRED
    now[0] = 1059.0
    await store.delete("day/ä film.mp4")
    assert await store.find("day/ä film.mp4", "1060", signature) is Denial.GONE
