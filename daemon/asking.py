"""Asks rosters for JSON: over the daemon's checked session, bounded in size and time."""

from __future__ import annotations

import asyncio
import json

import aiohttp

from daemon.egress import reason_of
from pipeline.network.urls import AddressError
from pipeline.source import SourceError, SourceFault

TIMEOUT_S = 10.0
"""From the first packet to the answer's last byte."""
MAX_ANSWER_BYTES = 512 * 1024
"""A thousand streams of a room, each with a signed address."""
NOT_AUTHORISED = frozenset({401, 403})


class JsonAsker:
    """Asks by GET. Redirects are not followed: an answer comes from the address that was configured."""

    def __init__(self, session: aiohttp.ClientSession, timeout_s: float = TIMEOUT_S) -> None:
        self._session = session
        self._timeout_s = timeout_s

    async def __call__(self, url: str) -> object:
        """Return what an address answers. Raises SourceError, whose text holds neither address nor answer."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._answer_of(url)
        except TimeoutError:
            raise SourceError(SourceFault.CANNOT_OPEN, "the roster does not answer in time") from None
        except AddressError as error:
            raise SourceError(SourceFault.CANNOT_OPEN, str(error), retryable=error.retryable) from None
        except (aiohttp.ClientError, OSError) as error:
            text = f"the roster cannot be reached: {reason_of(error)}"
            raise SourceError(SourceFault.CANNOT_OPEN, text) from None
        except (ValueError, RecursionError):
            raise SourceError(SourceFault.INVALID_DATA, "the roster's answer is not JSON") from None

    async def _answer_of(self, url: str) -> object:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with self._session.get(url, headers=headers, allow_redirects=False) as response:
            if response.status in NOT_AUTHORISED:
                raise SourceError(SourceFault.NOT_AUTHORISED, f"the roster answers {response.status}")
            if response.status != 200:
                raise SourceError(SourceFault.CANNOT_OPEN, f"the roster answers {response.status}")
            body = bytearray()
            async for part in response.content.iter_any():
                body += part
                if len(body) > MAX_ANSWER_BYTES:
                    raise SourceError(SourceFault.INVALID_DATA, "the roster's answer is too large")
        answer: object = json.loads(bytes(body))
        return answer
