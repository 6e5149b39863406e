"""`POST /query_audiostream/v4`: a consumer that was down asks for what it missed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from config.accounts import AccountSettings
from daemon.accounts import Accounts
from daemon.contracts.audiostream.query import StreamQuery
from daemon.contracts.audiostream.routes import AudioStreamRoutes
from daemon.ledger.interfaces import History
from daemon.metrics import Metrics
from pipeline.network.addresses import AddressPolicy
from tests.daemon.test_registry import CONTRACT, House, Script, call, down_to, house, notices
from tests.support.consumer import Consumer
from tests.support.streams import Step, spoken_window

STREAM_ID = f"{1:032d}"
"""Of the first `call`."""
WINDOWS = 7


class Api:
    """The contract's endpoints over a registry."""

    def __init__(self, client: TestClient[Any, Any], made: House) -> None:
        self.registry = made.registry
        self.made = made
        self._client = client

    async def query(self, **fields: Any) -> dict[str, Any]:
        body = {"accessKey": "key-acme", "requestId": STREAM_ID, "acceptLang": "en", **fields}
        response = await self._client.post("/query_audiostream/v4", json=body)
        assert response.status == 200
        answer = await response.json()
        assert isinstance(answer, dict)
        return answer


@asynccontextmanager
async def api(folder: Path, script: Script, *, live: bool, keeps: bool = True) -> AsyncIterator[Api]:
    accounts = Accounts(
        [AccountSettings(name=name, access_key=SecretStr(f"key-{name}")) for name in ("acme", "other")]
    )
    async with house(folder, script, live=live) as made:
        history: History | None = made.ledger.history if keeps else None
        app = web.Application()
        query = StreamQuery(made.registry, history)
        AudioStreamRoutes(CONTRACT, accounts, made.registry, AddressPolicy(), Metrics(), query).add_to(app)
        async with TestClient(TestServer(app)) as client:
            yield Api(client, made)


@asynccontextmanager
async def moderated(folder: Path, consumer: Consumer) -> AsyncIterator[Api]:
    """A recording of WINDOWS windows that has ended."""
    script: list[Step] = [spoken_window(index) for index in range(WINDOWS)]
    async with api(folder, lambda *_: script, live=False) as made:
        await made.registry.start("audiostream", call(consumer), limit=0)
        await consumer.wait_for(lambda: bool(notices(consumer)), 30)
        await down_to(made.registry, 0)
        yield made


async def test_what_was_sent_is_answered_as_it_was_sent(tmp_path: Path) -> None:
    async with Consumer() as consumer, moderated(tmp_path, consumer) as made:
        answer = await made.query()
        assert answer == {
            "requestId": STREAM_ID,
            "code": 1100,
            "message": "Success",
            "statCode": 1,
            "windows": consumer.taken,
        }
        assert len(answer["windows"]) == WINDOWS + 1, "the finish notice is the last"


async def test_pages_are_walked_by_next_index(tmp_path: Path) -> None:
    async with Consumer() as consumer, moderated(tmp_path, consumer) as made:
        windows, start = [], 0
        while True:
            answer = await made.query(startIndex=start, limit=3)
            assert len(answer["windows"]) <= 3
            windows += answer["windows"]
            if "nextIndex" not in answer:
                break
            start = answer["nextIndex"]
        assert windows == consumer.taken
        assert (await made.query(startIndex=1000))["windows"] == []


async def test_strangers_and_unknown_streams_are_answered_alike(tmp_path: Path) -> None:
    async with Consumer() as consumer, moderated(tmp_path, consumer) as made:
        other = await made.query(accessKey="key-other")
        unknown = await made.query(requestId="f" * 32)
        assert (other["code"], other["message"]) == (1902, "No such stream")
        assert {**other, "requestId": ""} == {**unknown, "requestId": ""}
        assert (await made.query(accessKey="nobody"))["code"] == 9101


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("limit", 101, "limit must be at most 100"),
        ("limit", 0, "limit must be at least 1"),
        ("startIndex", -1, "startIndex must be at least 0"),
        ("startIndex", 2**70, "startIndex must be at most"),
        ("startIndex", "1", "startIndex must be an integer"),
        ("requestId", "", "requestId must not be empty"),
    ],
)
async def test_a_wrong_field_is_named(field: str, value: object, said: str, tmp_path: Path) -> None:
    async with api(tmp_path, lambda *_: [], live=False) as made:
        answer = await made.query(**{field: value})
        assert answer["code"] == 1902
        assert said in answer["message"]


async def test_a_stream_that_runs_says_so_before_and_after_its_first_callback(tmp_path: Path) -> None:
    script: list[Step] = [0.5, spoken_window(0), 60.0]
    async with Consumer() as consumer, api(tmp_path, lambda *_: script, live=True) as made:
        await made.registry.start("audiostream", call(consumer), limit=0)
        answer = await made.query()
        assert (answer["code"], answer["statCode"]) == (1100, 0)
        await consumer.wait_for(lambda: bool(consumer.taken), 20)
        answer = await made.query()
        assert (answer["statCode"], answer["windows"]) == (0, consumer.taken)


async def test_a_stream_without_callbacks_is_known_when_it_has_ended(tmp_path: Path) -> None:
    script: list[Step] = [spoken_window(0)]
    async with Consumer() as consumer, api(tmp_path, lambda *_: script, live=False) as made:
        quiet = call(consumer, returnAllText=0, returnFinishInfo=0)
        await made.registry.start("audiostream", quiet, limit=0)
        await down_to(made.registry, 0)
        answer = await made.query()
        assert (answer["code"], answer["statCode"], answer["windows"]) == (1100, 1, [])


async def test_where_nothing_is_kept_the_answer_says_so(tmp_path: Path) -> None:
    async with api(tmp_path, lambda *_: [], live=False, keeps=False) as made:
        answer = await made.query()
        assert answer["code"] == 1902
        assert "history_hours" in answer["message"]
