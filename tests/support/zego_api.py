"""ZEGO's server API as its documents have it: a room's streams, for whoever signs as they say."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

NO_SUCH_ROOM = 104
WRONG_SIGNATURE = 100000005


class ZegoApi:
    """Answers `DescribeSimpleStreamList`; a handler for a server."""

    def __init__(self, app_id: int, server_secret: str) -> None:
        self._app_id = app_id
        self._server_secret = server_secret
        self.rooms: dict[str, list[tuple[str, str]]] = {}
        """Of every room: user and stream."""
        self.asked: list[Mapping[str, str]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        self.asked.append(request.query)
        return web.json_response(self.reply(request.query))

    def reply(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the answer to a query."""
        if not self._is_signed(query):
            return {"Code": WRONG_SIGNATURE, "Message": "signature error", "RequestId": "1"}
        assert query["Action"] == "DescribeSimpleStreamList"
        streams = self.rooms.get(query["RoomId"])
        if streams is None:
            return {"Code": NO_SUCH_ROOM, "Message": "room not exist", "RequestId": "2"}
        listed = [
            {"StreamId": stream, "UserId": user, "UserName": f"name of {user}", "StreamNumberId": number}
            for number, (user, stream) in enumerate(streams)
        ]
        return {"Code": 0, "Message": "success", "RequestId": "3", "Data": {"StreamList": listed}}

    def _is_signed(self, query: Mapping[str, str]) -> bool:
        nonce, now = query["SignatureNonce"], query["Timestamp"]
        signed = query["AppId"] + nonce + self._server_secret + now
        return (
            query["AppId"] == str(self._app_id)
            and len(bytes.fromhex(nonce)) == 8
            and abs(int(now) - time.time()) < 600
            and query["SignatureVersion"] == "2.0"
            and query["Signature"] == hashlib.md5(signed.encode(), usedforsecurity=False).hexdigest()
        )
