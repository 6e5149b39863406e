"""Who is in a ZEGO room, told by the vendor's server API."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode

from pipeline.rooms.roster import Ask, Roll, malformed, roll_of
from pipeline.source import SourceError, SourceFault

ASK_EVERY_S = 11.0
"""The vendor allows one question in ten seconds for each room (and fifty a second for each application)."""
SUCCESS = 0
NO_SUCH_ROOM = frozenset({104, 5024, 50001})
"""A room without users is taken down by the vendor."""
NOT_AUTHORISED = frozenset({3, 100000001, 100000005, 100000010, 100000011, 100000016, 100000017})
"""A wrong signature, or an application that is not known or may not ask."""


@dataclass(frozen=True, slots=True)
class ZegoRoster:
    """A room's list of streams (`DescribeSimpleStreamList`).

    Facts are those of the vendor's public documents of that call, of how calls are signed and of the return
    codes. Nothing was tried against the vendor: not that a room that is gone answers with one of the codes
    that other calls have for it, nor that `IsTest` still chooses the test environment.
    """

    app_id: int
    server_secret: str = field(repr=False)
    api_url: str
    room_id: str
    test: bool = False
    ask_every_s: float = ASK_EVERY_S

    async def call(self, ask: Ask) -> Roll:
        """Return whose streams are sent in the room. Raises SourceError."""
        answer = await ask(f"{self.api_url}?{urlencode(self._query())}")
        code = answer.get("Code") if isinstance(answer, dict) else None
        if not isinstance(answer, dict) or isinstance(code, bool) or not isinstance(code, int):
            raise malformed("has no code")
        if code in NO_SUCH_ROOM:
            return Roll()
        if code != SUCCESS:
            again = code not in NOT_AUTHORISED
            fault = SourceFault.CANNOT_OPEN if again else SourceFault.NOT_AUTHORISED
            raise SourceError(fault, f"the vendor answers code {code}", retryable=again)
        data = answer.get("Data")
        if not isinstance(data, dict):
            raise malformed("has no data")
        return roll_of(data.get("StreamList") or [], "UserId", "StreamId")

    def _query(self) -> dict[str, str | int]:
        """What is asked, signed: MD5, in hexadecimal digits, of AppId, nonce, secret and time in a row."""
        nonce, now = secrets.token_hex(8), int(time.time())
        signed = f"{self.app_id}{nonce}{self.server_secret}{now}"
        return {
            "Action": "DescribeSimpleStreamList",
            "RoomId": self.room_id,
            "AppId": self.app_id,
            "SignatureNonce": nonce,
            "Timestamp": now,
            "Signature": hashlib.md5(signed.encode(), usedforsecurity=False).hexdigest(),
            "SignatureVersion": "2.0",
            "IsTest": str(self.test).lower(),
        }
