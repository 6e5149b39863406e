"""`audiowarden callbacks` as an operator types it, beside an outbox that runs on the same folder."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from daemon.outbox import Delivery
from tests.support.commands import run
from tests.support.outbox_house import House, house
from tests.support.recorder import Attempt, Recorder, accept

PRIVATE = "private-words"
SENT = [("one", "acme"), ("two", "other"), ("one", "acme"), ("one", "acme")]


@asynccontextmanager
async def given_up(folder: Path) -> AsyncIterator[tuple[House, Recorder]]:
    """An outbox with four dead letters, of two streams, and a consumer that now takes everything."""

    async def refuse(_: Attempt) -> web.Response:
        return web.Response(status=500)

    (folder / "audiowarden.toml").write_text('data_dir = "data"\n', encoding="utf-8")
    async with Recorder(refuse) as consumer, house(folder / "data", attempts=2) as made:
        for number, (stream, account) in enumerate(SENT):
            url = consumer.url(path=f"hook?key={PRIVATE}")
            await made.outbox.send(Delivery(stream, f"{number}", url, PRIVATE.encode(), account, number + 1))
        await made.empty()
        assert await made.ledger.dead_letters.count() == len(SENT)
        consumer.answer = accept
        yield made, consumer


async def callbacks(folder: Path, *arguments: str, **environ: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(
        run, "callbacks", *arguments, "--config", str(folder / "audiowarden.toml"), cwd=folder, **environ
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


async def test_list_tells_what_and_why_and_no_words(tmp_path: Path) -> None:
    async with given_up(tmp_path) as (_, consumer):
        code, table, _ = await callbacks(tmp_path, "list")
        assert code == 0
        origin = f"http://127.0.0.1:{consumer.port}"
        assert table.count(origin) == len(SENT)
        assert "status 500" in table
        _, mine, _ = await callbacks(tmp_path, "list", "--account", "acme", "--json")
        rows = [json.loads(line) for line in mine.splitlines()]
        assert [(row["requestId"], row["sequence"], row["tries"]) for row in rows] == [
            ("one", 1, 2), ("one", 3, 2), ("one", 4, 2),
        ]  # fmt: skip
        assert {row["consumer"] for row in rows} == {origin}
        _, other, _ = await callbacks(tmp_path, "list", "--stream", "two", "--json")
        assert [json.loads(line)["account"] for line in other.splitlines()] == ["other"]
        assert PRIVATE not in table + mine + other


async def test_a_running_daemon_sends_what_is_put_back_in_its_order(tmp_path: Path) -> None:
    async with given_up(tmp_path) as (made, consumer):
        [letter] = await made.ledger.dead_letters.page(9, group="two")
        refused = len(consumer.attempts)
        code, said, _ = await callbacks(tmp_path, "replay", "--id", str(letter.number))
        assert (code, said.split()[0]) == (0, "1")
        await consumer.wait_for(lambda: consumer.taken == ["two_1"], 60)

        code, said, _ = await callbacks(tmp_path, "replay", "--stream", "one")
        assert (code, said.split()[0]) == (0, "3")
        await consumer.wait_for(lambda: consumer.taken == ["two_1", "one_0", "one_2", "one_3"], 60)
        headers = [each.request.headers for each in consumer.attempts[refused:]]
        assert [each["X-Audiowarden-Sequence"] for each in headers] == ["2", "1", "3", "4"]
        assert {each["X-Audiowarden-Attempt"] for each in headers} == {"1"}

        code, _, said = await callbacks(tmp_path, "replay", "--all")
        assert (code, said) == (1, "audiowarden: there is no such dead letter\n")
        assert (await callbacks(tmp_path, "list"))[1] == "no dead letters\n"


async def test_a_narrow_terminal_shortens_nothing(tmp_path: Path) -> None:
    stream = "173f7122f2bd4a91a21a45eb81bea563"
    async with given_up(tmp_path) as (made, _):
        await made.outbox.send(Delivery(stream, "0", "http://127.0.0.1:1/hook", b"", "a-longer-name", 1))
        await made.empty()
    _, table, _ = await callbacks(tmp_path, "list", "--stream", stream, COLUMNS="40")
    _, line = table.splitlines()
    assert {stream, "a-longer-name", "http://127.0.0.1:1"} < set(line.split())


async def test_an_address_in_brackets_is_shown_as_it_is(tmp_path: Path) -> None:
    async with given_up(tmp_path) as (made, _):
        await made.outbox.send(Delivery("six", "0", "http://[::1]:1/hook", b"", "acme", 1))
        await made.empty()
    assert "http://[::1]:1 " in (await callbacks(tmp_path, "list", "--stream", "six"))[1]


async def test_all_of_them_are_put_back_while_no_daemon_runs(tmp_path: Path) -> None:
    async with given_up(tmp_path):
        pass
    code, said, _ = await callbacks(tmp_path, "replay", "--all")
    assert (code, said.split()[0]) == (0, "4")
    async with house(tmp_path / "data", started=False) as made:
        assert await made.ledger.callbacks.count() == len(SENT)
        assert await made.ledger.dead_letters.count() == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("list",), 1, "there is no ledger"),
        (("replay", "--all"), 1, "no daemon has run with this data_dir yet"),
        (("replay",), 2, "say which ones"),
        (("replay", "--all", "--id", "1"), 2, "say which ones"),
        (("replay", "--id", "0"), 2, "Usage"),
    ],
)
async def test_a_mistake_is_named(arguments: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
    (tmp_path / "audiowarden.toml").write_text('data_dir = "data"\n', encoding="utf-8")
    returned, _, stderr = await callbacks(tmp_path, *arguments)
    assert returned == code
    assert said in stderr
    assert not (tmp_path / "data").exists(), "a look creates nothing"


async def test_a_damaged_ledger_and_an_unknown_number_are_named(tmp_path: Path) -> None:
    async with given_up(tmp_path):
        code, _, said = await callbacks(tmp_path, "replay", "--id", "4711")
        assert (code, said) == (1, "audiowarden: there is no dead letter 4711\n")
    (tmp_path / "data" / "ledger.sqlite3").write_bytes(b"this is no database " * 1000)
    code, _, said = await callbacks(tmp_path, "list")
    assert code == 1
    assert "is damaged" in said
