"""An RTMP server that knows its streams by name, as a relay of a real-time cloud does."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self

from benchmarks.rtmp_server import Loop, Player, Playing
from benchmarks.rtmp_wire import WireError
from tests.support.media_server import HOST


class RtmpRooms:
    """Plays a recording to everybody who asks for a name that it has, at once and once; then it is silent.

    Who asks for another name is shown the door.
    """

    def __init__(self, content: bytes, *names: str) -> None:
        """`content` is FLV with AAC."""
        self._loop = Loop(content)
        self._names = names
        self.asked: list[str] = []
        """Names in the order in which they were asked for."""
        self._server: asyncio.Server | None = None
        self._connected: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Return the address without a name."""
        assert self._server is not None
        return f"rtmp://{HOST}:{self._server.sockets[0].getsockname()[1]}"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connected.add(writer)
        player = Player(reader, writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, WireError):
            name = await player.asked_for()
            self.asked.append(name)
            if name in self._names:
                # A packet short of the end: what is behind it is the beginning again.
                Playing(self._loop, 0.0, writer.write).sound(self._loop.length_ms - 1)
                await player.listen()
        writer.close()
        self._connected.discard(writer)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, HOST, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._connected):
            writer.transport.abort()
        await self._server.wait_closed()
