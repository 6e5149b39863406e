"""`acceptLang` rules every text: nothing of an answer or a callback is in the other language alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from daemon.accounts import Accounts
from daemon.contracts.audiostream import replies
from daemon.contracts.audiostream.query import StreamQuery
from daemon.contracts.audiostream.routes import AudioStreamRoutes
from daemon.contracts.body import BodyFault
from daemon.metrics import Metrics
from pipeline.network.addresses import AddressPolicy
from tests.daemon.contracts.requests import request
from tests.daemon.test_registry import CONTRACT, house
from tests.support.accounts import account

HAN = re.compile(r"[\u4e00-\u9fff]")
WRONG: list[dict[str, Any]] = [
    {"accessKey": "nobody's"},
    {"accessKey": ""},
    {"type": "PORN_FOO"},
    {"eventId": 5},
    {"callback": "ftp://consumer.test/x"},
    {"data": {"lang": "xx"}},
    {"data": {"audioDetectStep": 99}},
    {"data": {"url": "rtmp://127.0.0.1/live/x"}},
    {"data": {"streamType": "AGORA", "agoraParam": {"appId": "a", "channel": "c"}}},
    {"data": {"streamType": "ALI"}},
    {
        "data": {
            "streamType": "AGORA",
            "agoraParam": {"appId": "a", "channel": "c", "trustedUserIdList": [[]]},
        }
    },
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
async def test_a_refusal_is_in_the_clients_language(wrong: dict[str, Any], tmp_path: Path) -> None:
    app = web.Application()
    async with house(tmp_path, lambda *_: []) as made:
        accounts = Accounts([account()])
        query = StreamQuery(made.registry, None)
        AudioStreamRoutes(CONTRACT, accounts, made.registry, AddressPolicy(), Metrics(), query).add_to(app)
        async with TestClient(TestServer(app)) as client:
            told = {}
            for language in ("zh", "en"):
                body = request(**{**wrong, "acceptLang": language})
                answer = await (await client.post("/audiostream/v4", json=body)).json()
                assert answer["code"] in (1902, 9101)
                told[language] = answer["message"].partition(": ")[2] or answer["message"]
            unread = await (await client.post("/audiostream/v4", data=b"{")).json()
    assert HAN.search(told["zh"]), told["zh"]
    assert not HAN.search(told["en"]), told["en"]
    assert unread["message"].startswith("参数不合法: 请求体不是合法JSON（the body is not valid JSON")


def test_every_fault_of_a_body_has_a_text() -> None:
    assert set(replies.BODY_FAULTS) == set(BodyFault)
