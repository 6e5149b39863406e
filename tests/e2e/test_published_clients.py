"""Clients that exist: their requests, rebuilt from their fields, with their libraries' headers."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from tests.support.consumer import Platform
from tests.support.daemon_process import ACCESS_KEY, DaemonProcess
from tests.support.media_server import free_port

JSON = "application/json"
CLIENTS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    # requests.post(url, json=payload)
    "python": (
        {"User-Agent": "python-requests/2.31.0", "Accept-Encoding": "gzip, deflate", "Content-Type": JSON},
        {"type": "POLITICS_PORN_AD_MOAN"},
    ),
    # http.Post(url, "application/json", body)
    "go": (
        {"User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip", "Content-Type": JSON},
        {"type": "DEFAULT"},
    ),
    # The name of the header stands in its value, too.
    "node": (
        {"Content-Type": "Content-Type: application/json; charset=utf-8", "Connection": "close"},
        {"type": "DEFAULT"},
    ),
    # curl -d
    "curl": (
        {"User-Agent": "curl/8.5.0", "Content-Type": "application/x-www-form-urlencoded"},
        {"type": "PORN_AD_POLITICAL_GENDER_TIMBRE_ABUSE_SING_LANGUAGE", "eventId": "default"},
    ),
}


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_published_client_is_answered_1100(
    client: str, platform: Platform, daemon: DaemonProcess
) -> None:
    headers, own = CLIENTS[client]
    body = {
        "accessKey": ACCESS_KEY,
        "appId": "default",
        "eventId": "audio",
        "btId": "BT_ID",
        "callback": f"http://127.0.0.1:{free_port()}/posts/",
        "data": {"url": f"rtmp://127.0.0.1:{free_port()}/live/{client}", "tokenId": "UID"},
    } | own
    # Clients wait a second for the answer.
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
        session.post(
            f"{daemon.url}/audiostream/v4", data=json.dumps(body).encode(), headers=headers
        ) as reply,
    ):
        answer = await reply.json()
    assert (reply.status, reply.content_type, answer["code"]) == (200, JSON, 1100), answer
    await platform.finish(answer["requestId"])
