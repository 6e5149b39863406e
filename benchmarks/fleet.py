"""A number of live streams that is raised and lowered as a platform would: by starts and finishes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, Protocol

from pipeline.audio import WINDOW_S

SUCCESS, QUOTA = 1100, 1901
FINISHING_AT_ONCE = 16


class Client(Protocol):
    """Sends the contract's requests and returns the answers."""

    async def start(self, url: str) -> dict[str, Any]:
        """Start a stream of which every window is called back."""

    async def finish(self, request_id: str) -> dict[str, Any]:
        """Finish a stream."""


class Fleet:
    """The streams of one platform; their windows end evenly spread over ten seconds."""

    def __init__(
        self, platform: Client, url: Callable[[int], str], *, spread_s: float = float(WINDOW_S)
    ) -> None:
        """`url` gives the address of the n-th stream, each its own. Starts are spread over `spread_s`."""
        self._spread_s = spread_s
        self._platform = platform
        self._url = url
        self._numbers = itertools.count()
        self.stream_ids: list[str] = []
        """Streams that were accepted and not finished."""

    def next_url(self) -> str:
        """Return the address of a stream that nobody pulls yet."""
        return self._url(next(self._numbers))

    async def resize(self, count: int) -> int:
        """Start or finish streams until `count` are live; return how many starts were refused with 1901.

        Starts are spread, so that windows do not all end at once.
        """
        if count < len(self.stream_ids):
            await self._finish(len(self.stream_ids) - count)
            return 0
        more = count - len(self.stream_ids)
        answers = await asyncio.gather(*(self._start(n * self._spread_s / more) for n in range(more)))
        return answers.count(False)

    async def _start(self, after_s: float) -> bool:
        await asyncio.sleep(after_s)
        answer = await self._platform.start(self.next_url())
        if answer["code"] == QUOTA:
            return False
        if answer["code"] != SUCCESS:
            raise SystemExit(f"a start was answered {answer['code']}: {answer['message']}")
        self.stream_ids.append(answer["requestId"])
        return True

    async def _finish(self, count: int) -> None:
        """Finish every so many-th stream, so that the others stay spread."""
        total = len(self.stream_ids)
        leaving = {self.stream_ids[n * total // count] for n in range(count)}
        self.stream_ids = [each for each in self.stream_ids if each not in leaving]
        gate = asyncio.Semaphore(FINISHING_AT_ONCE)

        async def finish(stream_id: str) -> None:
            async with gate:
                await self._platform.finish(stream_id)

        await asyncio.gather(*map(finish, leaving))
