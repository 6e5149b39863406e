"""A cheap server of live streams for loads: HTTP-FLV, any number of listeners, one file in a loop.

    .venv/bin/python -m benchmarks.flv_server talk.flv

Prints its port. Every path is a stream; `/live/N` begins N golden sections into the file, so that no two of
them say the same at the same time. Packets are sent when they have sounded, as a live publisher does.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.flv_tags import AUDIO, HEADER_BYTES, Tag, tags

GOLDEN = 0.618034
"""Its multiples, modulo 1, are the most evenly spread ones."""
TICK_S = 0.04
REQUEST_TIMEOUT_S = 10.0
MAX_UNSENT_BYTES = 1 << 20
"""A listener that is further behind is dropped, as servers do."""
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\nConnection: close\r\n\r\n"


class Loop:
    """The audio packets of a file, again and again."""

    def __init__(self, content: bytes) -> None:
        audio = [tag for tag in tags(content) if tag.kind == AUDIO]
        self.head = content[:HEADER_BYTES] + bytes(4)
        self.head += b"".join(_packet(tag, 0) for tag in audio if tag.is_configuration)
        self._tags = [tag for tag in audio if not tag.is_configuration]
        if len(self._tags) < 2:
            raise SystemExit("the file has no audio")
        self._times_ms = [tag.time_ms - self._tags[0].time_ms for tag in self._tags]
        self.length_ms = self._times_ms[-1] + self._times_ms[1]

    def play(self, begin: float) -> Iterator[tuple[int, bytes]]:
        """Yield packets from the share `begin` (0..1) of the file on, with times from 0, without end."""
        place = bisect.bisect_left(self._times_ms, begin * self._times_ms[-1])
        ahead_ms = -self._times_ms[place]
        while True:
            for number in range(place, len(self._tags)):
                time_ms = self._times_ms[number] + ahead_ms
                yield time_ms, _packet(self._tags[number], time_ms)
            place = 0
            ahead_ms += self.length_ms


def _packet(tag: Tag, time_ms: int) -> bytes:
    stamp = (time_ms & 0xFFFFFFFF).to_bytes(4)
    head = bytes([tag.kind]) + len(tag.payload).to_bytes(3) + stamp[1:] + stamp[:1] + bytes(3)
    return head + tag.payload + (11 + len(tag.payload)).to_bytes(4)


class Server:
    """Plays the loop to whoever asks, until cancelled."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    async def serve(self) -> None:
        """Listen on a free port of 127.0.0.1 and print it."""
        server = await asyncio.start_server(self._listen, "127.0.0.1", 0, backlog=1024)
        print(server.sockets[0].getsockname()[1], flush=True)
        async with server:
            await server.serve_forever()

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                request = await reader.readuntil(b"\r\n\r\n")
            await self._play(request, writer)
        writer.close()

    async def _play(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        number = re.search(rb"/(\d+)[ ?]", request)
        begin = int(number[1]) * GOLDEN % 1 if number else 0.0
        writer.write(ANSWER + self._loop.head)
        clock = asyncio.get_running_loop().time
        began = clock()
        due: list[bytes] = []
        for time_ms, packet in self._loop.play(begin):
            while (clock() - began) * 1000 < time_ms:
                writer.writelines(due)
                due.clear()
                if writer.is_closing() or writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
                    return
                await asyncio.sleep(TICK_S)
            due.append(packet)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="benchmarks.flv_server", description=__doc__)
    parser.add_argument("media", type=Path, help="an FLV file with AAC")
    given = parser.parse_args(arguments)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(Server(Loop(given.media.read_bytes())).serve())


if __name__ == "__main__":
    main()
