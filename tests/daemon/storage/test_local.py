"""The local clip store on a real disk: addresses, the secret, and what happens when the disk says no."""

from __future__ import annotations

import asyncio
import re
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemon.storage.addresses import Denial, SignedAddresses
from daemon.storage.interfaces import RefusedError, StorageError
from daemon.storage.local import MAX_RETENTION_S
from tests.support.clip_store import START_S, Clock, fetched, files, opened, parts

HOUR_S = 3600
NAME = "5f0c_12.mp3"


async def test_a_clip_is_found_again_by_its_address(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, clock)
    address = await store.put(NAME, b"sound")
    expires = int(START_S) + 2 * HOUR_S
    pattern = rf"http://clips\.test/clips/{re.escape(NAME)}\?expires={expires}&signature=[0-9a-f]{{64}}"
    assert re.fullmatch(pattern, address)
    assert await fetched(store, address) == b"sound"
    # Two hours after 22:13: the folder is that of the next day, on which the address expires.
    assert files(tmp_path) == [f"2023-11-15/{NAME}"]
    assert stat.S_IMODE((tmp_path / "clips" / "2023-11-15" / NAME).stat().st_mode) == 0o600


async def test_a_clip_of_the_same_name_is_replaced(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, clock)
    first = await store.put(NAME, b"before the restart")
    await store.put(NAME, b"after it")
    assert await fetched(store, first) == b"after it"
    assert len(files(tmp_path)) == 1


async def test_an_address_is_good_until_its_second_and_no_longer(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, clock)
    address = await store.put(NAME, b"sound")
    clock.now_s = int(START_S) + 2 * HOUR_S - 0.01
    assert await store.expire() == 0
    assert await fetched(store, address) == b"sound"
    clock.now_s = int(START_S) + 2 * HOUR_S
    assert await store.find(*parts(address)) is Denial.EXPIRED
    assert await store.expire() == 1
    assert await store.find(*parts(address)) is Denial.EXPIRED


async def test_whoever_changes_an_address_learns_nothing(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, clock)
    name, expires, signature = parts(await store.put(NAME, b"sound"))
    _, _, other = parts(await store.put("5f0c_13.mp3", b"sound"))
    for forged in (
        ("5f0c_13.mp3", expires, signature),
        (name, str(int(expires) + 1), signature),
        (name, "1", signature),
        (name, expires, other),
        (name, expires, "0" * 64),
        (name, expires, signature[:-1]),
        (name, expires, signature.upper()),
        (name, expires, signature + "\n"),
        (name, expires, ""),
        (name, expires, "é" * 64),
        (name, "", signature),
        (name, f"0{expires}", signature),
        (name, f" {expires}", signature),
        (name, f"-{expires}", signature),
        (name, "٣" * 10, signature),
        (name, "9" * 5000, signature),
        (name, "\udcff", signature),
    ):
        assert await store.find(*forged) is Denial.FORGED, forged


async def test_an_address_of_another_daemon_is_forged(tmp_path: Path, clock: Clock) -> None:
    mine, theirs = opened(tmp_path / "a", clock), opened(tmp_path / "b", clock)
    await mine.put(NAME, b"sound")
    assert await mine.find(*parts(await theirs.put(NAME, b"sound"))) is Denial.FORGED


@pytest.mark.parametrize(
    "name",
    [
        "../clips.key", "..", "a/b.mp3", "/etc/passwd", "a\\b.mp3", "a.mp3/", "a..mp3", ".a.mp3", "-a.mp3",
        "a.wav", "a.mp3.gz", "a.mp3\n", "a\0.mp3", "", ".mp3", "ä.mp3", "a b.mp3", "a%2f.mp3",
        "a" * 201 + ".mp3",
    ],
)  # fmt: skip
async def test_only_clips_have_names(name: str, tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, clock)
    with pytest.raises(RefusedError, match="cannot be the name of a clip"):
        await store.put(name, b"sound")
    # Even signed with the right secret: the pattern stands before the signature.
    ours = SignedAddresses("", (tmp_path / "clips.key").read_bytes())
    signature = ours.address("clips", name, 1_800_000_000).rpartition("=")[2]
    assert await store.find(name, "1800000000", signature) is Denial.FORGED
    assert files(tmp_path) == []


async def test_the_longest_name_fits(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, clock)
    assert await fetched(store, await store.put("a" * 200 + ".mp3", b"sound")) == b"sound"


async def test_a_deleted_clip_is_gone(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, clock)
    address = await store.put(NAME, b"sound")
    path = tmp_path / "clips" / "2023-11-15" / NAME
    path.unlink()
    assert await store.find(*parts(address)) is Denial.GONE
    path.symlink_to(tmp_path / "clips.key")
    with pytest.raises(StorageError, match=r"cannot be read: Too many levels of symbolic links$"):
        await store.find(*parts(address))
    path.unlink()
    path.parent.rmdir()
    assert await store.find(*parts(address)) is Denial.GONE


async def test_addresses_outlive_a_restart_and_a_longer_retention(tmp_path: Path, clock: Clock) -> None:
    address = await opened(tmp_path, clock, hours=2).put(NAME, b"sound")
    again = opened(tmp_path, clock, hours=200)
    assert await fetched(again, address) == b"sound"


async def test_a_shorter_retention_holds_for_clips_that_are_there_already(
    tmp_path: Path, clock: Clock
) -> None:
    address = await opened(tmp_path, clock, hours=200).put(NAME, b"sound")
    again = opened(tmp_path, clock, hours=2)
    clock.now_s += 2 * HOUR_S
    assert await again.expire() == 1
    assert await again.find(*parts(address)) is Denial.GONE


async def test_an_endless_retention_is_a_century(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, clock, hours=float("inf"))
    address = await store.put(NAME, b"sound")
    assert parts(address)[1] == str(int(START_S) + MAX_RETENTION_S)
    assert await fetched(store, address) == b"sound"


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path, clock: Clock) -> None:
    folder = tmp_path / "not" / "there"
    opened(folder, clock)
    key = folder / "clips.key"
    secret = key.read_bytes()
    assert len(secret) == 32
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "clips").stat().st_mode) == 0o700
    opened(folder, clock)
    assert key.read_bytes() == secret
    assert sorted(path.name for path in folder.iterdir()) == ["clips", "clips.key"]


async def test_all_that_start_at_once_share_one_secret(tmp_path: Path, clock: Clock) -> None:
    stores = await asyncio.gather(*(asyncio.to_thread(opened, tmp_path, clock) for _ in range(16)))
    assert len({await store.put("a.mp3", b"sound") for store in stores}) == 1


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_damaged_secret_is_not_used(content: bytes, tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "clips.key").write_bytes(content)
    with pytest.raises(StorageError, match=r"clips\.key must hold 32 bytes"):
        opened(tmp_path, clock)
    assert (tmp_path / "clips.key").read_bytes() == content


def test_a_folder_that_cannot_be_made_is_said_at_the_start(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "clips").write_text("a file")
    with pytest.raises(StorageError, match=r"^the folder \S+ cannot be made: File exists$"):
        opened(tmp_path, clock)


def test_a_secret_that_cannot_be_read_is_said_at_the_start(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "clips.key").mkdir()
    with pytest.raises(StorageError, match=r"^the secret \S+ cannot be made or read: Is a directory$"):
        opened(tmp_path, clock)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel stops a file at `size` bytes, in the middle of a write, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_clip_that_does_not_fit_leaves_nothing_behind(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, clock)
    address = await store.put(NAME, b"whole")
    with (
        largest_file(50_000),
        pytest.raises(StorageError, match=r"^the clip cannot be written to \S+: File too large$"),
    ):
        await store.put(NAME, bytes(200_000))
    assert files(tmp_path) == [f"2023-11-15/{NAME}"]
    assert await fetched(store, address) == b"whole"


async def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, clock)
    (tmp_path / "clips" / "2023-11-15").write_text("in the way")
    with pytest.raises(StorageError, match=r"^the clip cannot be written to \S+: File exists$") as caught:
        await store.put(NAME, b"sound")
    assert caught.value.retryable


async def test_a_clip_whose_place_is_taken_leaves_no_part_behind(tmp_path: Path, clock: Clock) -> None:
    store = opened(tmp_path, clock)
    (tmp_path / "clips" / "2023-11-15" / NAME).mkdir(parents=True)
    with pytest.raises(StorageError, match="Is a directory"):
        await store.put(NAME, b"sound")
    assert files(tmp_path) == []
