"""A cheap server of live streams for loads: RTMP, any number of players, files in a loop.

    .venv/bin/python -m benchmarks.rtmp_server talk-1.flv talk-2.flv

Prints its port. Every name is a stream: `rtmp://127.0.0.1:PORT/live/N` plays the N-th file (modulo their
number) from a place that depends on N, so that no two numbers say the same at the same time. Packets are sent
when they have sounded, a tenth of a second of them at once; their bytes are made beforehand and hold no
absolute time, so that a player costs one write of a slice ten times a second.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import contextlib
import itertools
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.rtmp_wire import (
    AmfValue,
    Kind,
    Message,
    MessageReader,
    WireError,
    decode_amf,
    encode_amf,
    following,
    message,
)
from tests.support.flv_tags import AUDIO, tags

GOLDEN = 0.618034
"""Its multiples, modulo 1, are the most evenly spread ones."""
TICK_S = 0.1
REQUEST_TIMEOUT_S = 10.0
MAX_UNSENT_BYTES = 1 << 20
"""A player that is further behind is dropped, as servers do."""
HANDSHAKE_BYTES = 1536
CHUNK_BYTES = 1 << 16
WINDOW_BYTES = 5_000_000
COMMANDS, MEDIA = 3, 4
"""Chunk streams."""
STREAM_ID = 1


class Loop:
    """The audio of an FLV file as RTMP messages, again and again."""

    def __init__(self, content: bytes) -> None:
        audio = [tag for tag in tags(content) if tag.kind == AUDIO]
        media = [tag for tag in audio if not tag.is_configuration]
        if len(media) < 2:
            raise SystemExit("a file has no audio")
        head = [tag.payload for tag in tags(content) if tag.kind == Kind.DATA][:1]
        self.head = b"".join(message(Kind.DATA, each, channel=MEDIA, stream=STREAM_ID) for each in head)
        first = next((tag.payload for tag in audio if tag.is_configuration), b"")
        self.head += message(Kind.AUDIO, first, channel=MEDIA, stream=STREAM_ID) if first else b""
        steps_ms = [later.time_ms - each.time_ms for each, later in itertools.pairwise(media)]
        steps_ms.append(steps_ms[0])
        # A message tells how long the one before it lasted.
        packets = [
            following(Kind.AUDIO, tag.payload, steps_ms[number - 1], channel=MEDIA)
            for number, tag in enumerate(media)
        ]
        self.packets = memoryview(b"".join(packets))
        self.begins = list(itertools.accumulate(map(len, packets), initial=0))
        """Where in `packets` each begins, and where the last one ends."""
        self.times_ms = list(itertools.accumulate(steps_ms, initial=0))
        """When each begins, and when the last one ends."""

    @property
    def length_ms(self) -> int:
        """How long it plays before it comes again."""
        return self.times_ms[-1]

    def first_packet(self, place: int) -> bytes:
        """Return a packet as the first of a stream, at time 0."""
        payload = bytes(self.packets[self.begins[place] : self.begins[place + 1]])[8:]
        return message(Kind.AUDIO, payload, channel=MEDIA, stream=STREAM_ID)


class Playing:
    """Sends a loop to one player, from the share `begin` (0..1) of it on."""

    def __init__(self, loop: Loop, begin: float, write: Callable[[bytes | memoryview], object]) -> None:
        self._loop = loop
        self._write = write
        self._place = bisect.bisect_left(loop.times_ms, begin * loop.times_ms[-2])
        self._zero_ms = loop.times_ms[self._place]
        """What has sounded when the stream begins; further back with every round."""
        self._began = False

    def sound(self, elapsed_ms: float) -> None:
        """Send everything that has sounded `elapsed_ms` after the stream's beginning."""
        loop = self._loop
        while True:
            reached = bisect.bisect_right(loop.times_ms, elapsed_ms + self._zero_ms) - 1
            if reached > self._place and not self._began:
                self._began = True
                self._write(loop.head + loop.first_packet(self._place))
                self._place += 1
            if reached > self._place:
                self._write(loop.packets[loop.begins[self._place] : loop.begins[reached]])
                self._place = reached
            if self._place < len(loop.begins) - 1:
                return
            self._place = 0
            self._zero_ms -= loop.length_ms


class Player:
    """One connection: the hand-shake, the commands, and then the stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._messages = MessageReader(reader)

    async def asked_for(self) -> str:
        """Do all that comes before the stream; return its name. Raises WireError, or OSError."""
        client = (await self._reader.readexactly(1 + HANDSHAKE_BYTES))[1:]
        # A version of 0 says that ours is the plain hand-shake, without digests.
        self._writer.write(b"\x03" + bytes(HANDSHAKE_BYTES) + client)
        await self._reader.readexactly(HANDSHAKE_BYTES)
        while True:
            command = _command(await self._messages.next())
            if not command:
                continue
            name, number, *values = command
            if name == "connect":
                self._accept(number)
            elif name == "createStream":
                self._answer("_result", number, None, float(STREAM_ID))
            elif name == "play":
                self._begin()
                return str(values[1]) if len(values) > 1 else ""

    async def listen(self) -> None:
        """Take what a player says while it plays, until it is gone."""
        while await self._reader.read(1 << 16):
            pass

    def _accept(self, number: AmfValue) -> None:
        self._writer.write(message(Kind.WINDOW_SIZE, WINDOW_BYTES.to_bytes(4), channel=2))
        self._writer.write(message(Kind.BANDWIDTH, WINDOW_BYTES.to_bytes(4) + b"\x02", channel=2))
        self._writer.write(message(Kind.CHUNK_SIZE, CHUNK_BYTES.to_bytes(4), channel=2))
        status = {"level": "status", "code": "NetConnection.Connect.Success", "description": "connected"}
        self._answer("_result", number, {"fmsVer": "FMS/3,0,1,123", "capabilities": 31.0}, status)

    def _begin(self) -> None:
        self._writer.write(message(Kind.USER_CONTROL, bytes(2) + STREAM_ID.to_bytes(4), channel=2))
        status = {"level": "status", "code": "NetStream.Play.Start", "description": "playing"}
        payload = encode_amf("onStatus", 0.0, None, status)
        self._writer.write(message(Kind.COMMAND, payload, channel=COMMANDS, stream=STREAM_ID))

    def _answer(self, *values: AmfValue) -> None:
        self._writer.write(message(Kind.COMMAND, encode_amf(*values), channel=COMMANDS))


def _command(received: Message) -> Sequence[AmfValue]:
    values = decode_amf(received.payload) if received.kind == Kind.COMMAND else ()
    return values if len(values) >= 2 else ()


class Server:
    """Plays loops to whoever asks, until cancelled."""

    def __init__(self, loops: Sequence[Loop]) -> None:
        self._loops = loops

    async def serve(self) -> None:
        """Listen on a free port of 127.0.0.1 and print it."""
        server = await asyncio.start_server(self._listen, "127.0.0.1", 0, backlog=1024)
        print(server.sockets[0].getsockname()[1], flush=True)
        async with server:
            await server.serve_forever()

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, WireError):
            player = Player(reader, writer)
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                name = await player.asked_for()
            playing = asyncio.ensure_future(self._play(name, writer))
            try:
                await player.listen()
            finally:
                playing.cancel()
                await asyncio.wait((playing,))
        writer.close()

    async def _play(self, name: str, writer: asyncio.StreamWriter) -> None:
        number = int(found[0]) if (found := re.match(r"\d{1,9}", name)) else 0
        loop = self._loops[number % len(self._loops)]
        playing = Playing(loop, number * GOLDEN % 1, writer.write)
        clock = asyncio.get_running_loop().time
        began = clock()
        for tick in itertools.count(1):
            await asyncio.sleep(began + tick * TICK_S - clock())
            playing.sound((clock() - began) * 1000)
            if writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
                writer.transport.abort()
                return


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="benchmarks.rtmp_server", description=__doc__)
    parser.add_argument("media", type=Path, nargs="+", help="FLV files with AAC")
    given = parser.parse_args(arguments)
    loops = [Loop(each.read_bytes()) for each in given.media]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(Server(loops).serve())


if __name__ == "__main__":
    main()
