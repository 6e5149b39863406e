"""Customers' word lists: loaded at the start, and again when a file changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from config.accounts import AccountSettings
from config.errors import ConfigError
from daemon.lists import CustomerLists


def lists_in(folder: Path) -> CustomerLists:
    account = AccountSettings(name="acme", access_key="k", lists_dir=folder)  # type: ignore[arg-type]  # becomes a secret
    return CustomerLists([account, AccountSettings(name="plain", access_key="l")], check_every_s=0.02)  # type: ignore[arg-type]  # as above


def words(lists: CustomerLists, text: str) -> list[tuple[str, str]]:
    matcher = lists.of("acme")
    assert matcher is not None
    return [(match.list_name, match.word) for match in matcher.match(text)]


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[CustomerLists]:
    lists = lists_in(folder)
    await lists.load()
    task = asyncio.create_task(lists.watch(), name="word lists")
    try:
        yield lists
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a file's change has no event
            await asyncio.sleep(0.01)


def replace(path: Path, content: bytes) -> None:
    """Write a file that nobody sees half written."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(path)


async def test_a_changed_list_is_in_force_without_a_restart(tmp_path: Path) -> None:
    (tmp_path / "brands.txt").write_text("acme\n", encoding="utf-8")
    async with watched(tmp_path) as lists:
        assert words(lists, "buy acme or 坏词") == [("brands", "acme")]
        (tmp_path / "more.txt").write_text("坏词\n", encoding="utf-8")
        await until(lambda: len(words(lists, "buy acme or 坏词")) == 2)
        (tmp_path / "brands.txt").unlink()
        await until(lambda: words(lists, "buy acme or 坏词") == [("more", "坏词")])
        assert lists.of("plain") is None


async def test_a_faulty_list_leaves_the_last_good_ones_in_force(tmp_path: Path) -> None:
    (tmp_path / "brands.txt").write_text("acme\n", encoding="utf-8")
    async with watched(tmp_path) as lists:
        with capture_logs() as logs:
            replace(tmp_path / "brands.txt", b"\xff\xfe\xff")
            await until(lambda: any(line["event"] == "lists_not_reloaded" for line in logs))
        assert words(lists, "acme") == [("brands", "acme")]
        (tmp_path / "brands.txt").write_text("globex\n", encoding="utf-8")
        await until(lambda: words(lists, "acme globex") == [("brands", "globex")])


async def test_a_faulty_list_at_the_start_is_named(tmp_path: Path) -> None:
    (tmp_path / "brands.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigError, match=r"brands\.txt"):
        await lists_in(tmp_path).load()


async def test_a_link_to_nowhere_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "brands.txt").write_text("acme\n", encoding="utf-8")
    async with watched(tmp_path) as lists:
        (tmp_path / "circle.txt").symlink_to("circle.txt")
        await asyncio.sleep(0.2)
        (tmp_path / "brands.txt").write_text("globex\n", encoding="utf-8")
        await until(lambda: words(lists, "acme globex") == [("brands", "globex")])


async def test_a_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "brands.txt").write_text("acme\n", encoding="utf-8")
    with (tmp_path / "dump.txt").open("wb") as file:
        file.truncate(2**33)
    with pytest.raises(ConfigError, match=r"dump\.txt: 8589934592 bytes, at most"):
        await lists_in(tmp_path).load()


async def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="listss: there is no such folder"):
        await lists_in(tmp_path / "listss").load()
