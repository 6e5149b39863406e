"""What an account may ask for, and how it is called back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from config.taxonomy import load_taxonomy
from daemon.accounts import Accounts
from daemon.contracts.audiostream.contract import AudioStreamContract, NotPermittedError
from daemon.contracts.audiostream.query import StreamQuery
from daemon.contracts.audiostream.routes import AudioStreamRoutes
from daemon.metrics import Metrics
from pipeline.network.addresses import AddressPolicy
from pipeline.report import EventType, RiskLevel, StreamEvent, WindowReport
from tests.daemon.contracts.requests import request
from tests.daemon.test_registry import house
from tests.support.accounts import account

ID = "f" * 32
LIMITED = account(app_ids=["default"], event_ids=["live", "voiceroom"])
REPORT = WindowReport(0, 1000.0, 1010.0, 1010.1, 1010.2, level=RiskLevel.PASS)
STARTED = StreamEvent(EventType.STARTED, 1010.0)


def contract(**settings: Any) -> AudioStreamContract:
    return AudioStreamContract(load_taxonomy(), [account(**settings)])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"appId": "other", "eventId": "live"}, "Not permitted: appId 'other'"),
        ({"eventId": "default"}, "Not permitted: eventId 'default'"),
        ({"eventId": "default", "acceptLang": "zh"}, "无权限操作: eventId 'default'"),
        ({"eventId": "e" * 900}, f"Not permitted: eventId '{'e' * 64}'"),
    ],
)
async def test_other_ids_than_the_accounts_are_9101(
    fields: dict[str, Any], message: str, tmp_path: Path
) -> None:
    limited = AudioStreamContract(load_taxonomy(), [LIMITED])
    app = web.Application()
    async with house(tmp_path, lambda *_: []) as made:
        query = StreamQuery(made.registry, None)
        AudioStreamRoutes(
            limited, Accounts([LIMITED]), made.registry, AddressPolicy(), Metrics(), query
        ).add_to(app)
        async with TestClient(TestServer(app)) as client:
            body = request(**{"acceptLang": "en", **fields})
            answer = await (await client.post("/audiostream/v4", json=body)).json()
        assert made.registry.live_count == 0
    assert (answer["code"], answer["message"]) == (9101, message)


def test_the_accounts_own_ids_are_taken() -> None:
    limited = AudioStreamContract(load_taxonomy(), [LIMITED])
    assert limited.accept(ID, "acme", request(eventId="voiceroom")).spec.policy == "voiceroom"
    with pytest.raises(NotPermittedError):
        limited.accept(ID, "acme", request(eventId="game"))


def test_a_stream_that_runs_is_not_stopped_by_a_limit_that_came_later() -> None:
    stored = contract().accept(ID, "acme", request(eventId="game")).document()
    assert AudioStreamContract(load_taxonomy(), [LIMITED]).restore(stored).spec.policy == "game"


@pytest.mark.parametrize(("before", "after"), [("flat", "nested"), ("nested", "flat")])
def test_a_stream_keeps_the_shape_that_it_began_with(before: str, after: str) -> None:
    call = contract(callback_shape=before, stream_events=before == "flat").accept(ID, "acme", request())
    stored = call.document()
    restored = contract(callback_shape=after, stream_events=after == "flat").restore(stored)
    assert restored.window(REPORT) == call.window(REPORT)
    assert ("btid" in restored.window(REPORT)) is (before == "flat")
    assert (restored.event(STARTED, 0) is not None) is (before == "flat")


def test_a_stream_of_a_version_before_is_called_back_as_then() -> None:
    stored = contract().accept(ID, "acme", request()).document()
    del stored["manner"]
    restored = contract(callback_shape="flat", stream_events=True).restore(stored)
    assert "audioDetail" in restored.window(REPORT)
    assert restored.event(STARTED, 0) is None
