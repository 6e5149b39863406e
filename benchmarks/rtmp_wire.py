"""As much of RTMP as a server that plays needs: messages in chunks, and AMF0 values.

After Adobe's "Real Time Messaging Protocol" 1.0: sections 5.3 (chunks), 5.4 (control), 7.2 (commands).
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

AmfValue = None | bool | float | str | Mapping[str, "AmfValue"]

FIRST_CHUNK_BYTES = 128
"""What either side cuts messages into until it says otherwise."""
MAX_MESSAGE_BYTES = 64 * 1024
MAX_CHUNK_STREAMS = 64
MAX_DEPTH = 8
LONG_TIME = 0xFFFFFF
"""In the place of a time: the time follows the header, with four bytes."""
HEADER_BYTES = (11, 7, 3, 0)
"""By the first two bits of a chunk: all is new; same message stream; only the time differs; nothing does."""


class Kind(IntEnum):
    """Types of messages."""

    CHUNK_SIZE = 1
    USER_CONTROL = 4
    WINDOW_SIZE = 5
    BANDWIDTH = 6
    AUDIO = 8
    DATA = 18
    COMMAND = 20


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a client; its time says nothing to a server that plays."""

    kind: int
    payload: bytes


class WireError(Exception):
    """The client does not speak RTMP as we know it."""


@dataclass(slots=True)
class _Channel:
    """A chunk stream: what its chunks leave out stands in those before."""

    length: int = 0
    kind: int = 0
    long_time: bool = False
    payload: bytes = b""


class MessageReader:
    """Puts a client's messages together."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._chunk_bytes = FIRST_CHUNK_BYTES
        self._channels: dict[int, _Channel] = {}

    async def next(self) -> Message:
        """Return the next message. Raises WireError, and IncompleteReadError when the client is gone."""
        while True:
            channel = await self._begin_chunk()
            missing = channel.length - len(channel.payload)
            channel.payload += await self._reader.readexactly(min(missing, self._chunk_bytes))
            if len(channel.payload) < channel.length:
                continue
            message, channel.payload = Message(channel.kind, channel.payload), b""
            if message.kind != Kind.CHUNK_SIZE:
                return message
            self._chunk_bytes = max(1, int.from_bytes(message.payload[:4]) & 0x7FFFFFFF)

    async def _begin_chunk(self) -> _Channel:
        """Read a chunk's headers."""
        first = (await self._reader.readexactly(1))[0]
        number = first & 0x3F
        if number < 2:
            more = await self._reader.readexactly(1 + number)
            number = 64 + int.from_bytes(more, "little")
        channel = self._channels.setdefault(number, _Channel())
        if len(self._channels) > MAX_CHUNK_STREAMS:
            raise WireError("too many chunk streams")
        header = await self._reader.readexactly(HEADER_BYTES[first >> 6])
        if header:
            channel.long_time = int.from_bytes(header[:3]) == LONG_TIME
        if len(header) >= 7:
            channel.length, channel.kind = int.from_bytes(header[3:6]), header[6]
        if channel.long_time:
            await self._reader.readexactly(4)
        if not 0 < channel.length <= MAX_MESSAGE_BYTES:
            raise WireError("a message of a wrong length")
        return channel


def message(kind: Kind, payload: bytes, *, channel: int, stream: int = 0) -> bytes:
    """Write a message of time 0 as one chunk, however long it is: say CHUNK_SIZE before."""
    head = bytes([channel, 0, 0, 0]) + len(payload).to_bytes(3) + bytes([kind]) + stream.to_bytes(4, "little")
    return head + payload


def following(kind: Kind, payload: bytes, after_ms: int, *, channel: int) -> bytes:
    """Write a message that comes `after_ms` after the one before it in the channel, as one chunk.

    Nothing in it depends on when it is sent, so it can be sent again and again.
    """
    return bytes([0x40 | channel]) + after_ms.to_bytes(3) + len(payload).to_bytes(3) + bytes([kind]) + payload


def encode_amf(*values: AmfValue) -> bytes:
    """Write AMF0 values."""
    return b"".join(map(_encoded, values))


def _encoded(value: AmfValue) -> bytes:
    if value is None:
        return b"\x05"
    if isinstance(value, bool):
        return bytes([1, value])
    if isinstance(value, float):
        return b"\x00" + struct.pack(">d", value)
    if isinstance(value, str):
        return b"\x02" + _text(value)
    pairs = b"".join(_text(name) + _encoded(each) for name, each in value.items())
    return b"\x03" + pairs + b"\x00\x00\x09"


def _text(value: str) -> bytes:
    encoded = value.encode()
    return len(encoded).to_bytes(2) + encoded


def decode_amf(data: bytes) -> Sequence[AmfValue]:
    """Read AMF0 values up to the end. Raises WireError for what no command of a player holds."""
    values = []
    place = 0
    try:
        while place < len(data):
            value, place = _decoded(data, place, 0)
            values.append(value)
    except (IndexError, struct.error, UnicodeDecodeError):
        raise WireError("a command that cannot be read") from None
    return values


def _decoded(data: bytes, place: int, depth: int) -> tuple[AmfValue, int]:
    kind, place = data[place], place + 1
    if kind == 0:
        return struct.unpack_from(">d", data, place)[0], place + 8
    if kind == 1:
        return bool(data[place]), place + 1
    if kind == 2:
        return _read_text(data, place)
    if kind in (5, 6):
        return None, place
    if kind != 3 or depth >= MAX_DEPTH:
        raise WireError("a value of an unknown kind")
    fields: dict[str, AmfValue] = {}
    while data[place : place + 3] != b"\x00\x00\x09":
        name, place = _read_text(data, place)
        fields[name], place = _decoded(data, place, depth + 1)
    return fields, place + 3


def _read_text(data: bytes, place: int) -> tuple[str, int]:
    end = place + 2 + int.from_bytes(data[place : place + 2])
    if end > len(data):
        raise IndexError
    return data[place + 2 : end].decode(), end
