"""Requests of the contract as clients send them."""

from __future__ import annotations

import copy
from typing import Any

MINIMAL: dict[str, Any] = {
    "accessKey": "key-of-acme",
    "appId": "default",
    "eventId": "default",
    "type": "POLITICS_PORN_AD_ABUSE_BAN_VIOLENT_ADLAW",
    "callback": "http://consumer.test/callback",
    "data": {
        "tokenId": "user-1",
        "btId": "bt-1",
        "streamType": "NORMAL",
        "url": "rtmp://live.test/app/stream",
    },
}


def request(*, data: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """The minimal request with fields replaced; a value of `...` removes the field."""
    body = copy.deepcopy(MINIMAL)
    _update(body, fields)
    _update(body["data"], data or {})
    return body


def _update(target: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        if value is ...:
            target.pop(key, None)
        else:
            target[key] = value
