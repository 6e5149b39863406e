"""What goes between the daemon and an ingest process: a fixed header, facts as JSON, samples as raw bytes.

The process reads strangers' media, so nothing that it sends is taken on trust: sizes are bounded before
anything is read, every fact has a type and a range, and no object is ever unpickled.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Any

import numpy as np

from config.errors import AudiowardenError
from pipeline.audio import SAMPLE_RATE_HZ, WINDOW_S, WINDOW_SAMPLES, Loss, LostWindow, Window
from pipeline.rooms.channel import Channel
from pipeline.source import OverrunError, Position, SourceError, SourceFault

HEADER = struct.Struct("!BQII")
"""Kind, number of the source (0: the process itself), bytes of facts, bytes of samples."""
MAX_FACTS_BYTES = 64 * 1024
MAX_SAMPLES_BYTES = 2 * WINDOW_SAMPLES
MAX_INDEX = 2**40
MAX_ORIGIN_S = 1e11
MAX_MESSAGE_CHARS = 500
MAX_USER_CHARS = 255


class FrameError(AudiowardenError):
    """The other side does not keep to the protocol."""


@unique
class Kind(IntEnum):
    """What a frame says."""

    HELLO = 1
    """To the process, once and first: its settings."""
    OPEN = 2
    """To the process: run a source."""
    TAKE = 3
    """To the process: one item was taken, so that one more may be sent."""
    STOP = 4
    """To the process: end a source; what is left of it is sent without waiting for TAKE."""
    READY = 5
    """To the daemon, once and first."""
    BEAT = 6
    """To the daemon, every BEAT_S: the process lives."""
    HEARD = 7
    """To the daemon: the first audio of a source has arrived."""
    WINDOW = 8
    LOST = 9
    ENDED = 10
    """To the daemon: a source has ended or was stopped; the last frame of its number."""
    FAILED = 11
    """To the daemon, instead of ENDED: it failed, and why."""
    CRASHED = 12
    """To the daemon, instead of ENDED: a mistake in the program; the process has logged it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message; `facts` hold JSON values, `samples` mono 16 kHz s16 little-endian audio."""

    kind: Kind
    number: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)
    samples: bytes = b""

    def encode(self) -> bytes:
        """Return the frame as it is sent; raise FrameError when it is too long."""
        facts = json.dumps(self.facts, ensure_ascii=False, allow_nan=False).encode() if self.facts else b""
        if len(facts) > MAX_FACTS_BYTES or len(self.samples) > MAX_SAMPLES_BYTES:
            raise FrameError(f"a frame of kind {self.kind.name} is too long to be sent")
        header = HEADER.pack(self.kind, self.number, len(facts), len(self.samples))
        return b"".join((header, facts, self.samples))

    def number_of(self, name: str, low: float, high: float) -> float:
        """Return a fact that is a number within bounds; raise FrameError when it is not."""
        value = self.facts.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise self.wrong(name)
        return float(value)

    def integer_of(self, name: str, low: int, high: int) -> int:
        """Return a fact that is a whole number within bounds; raise FrameError when it is not."""
        value = self.facts.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.wrong(name)
        return value

    def truth_of(self, name: str) -> bool:
        """Return a fact that is true or false; raise FrameError when it is not."""
        value = self.facts.get(name)
        if not isinstance(value, bool):
            raise self.wrong(name)
        return value

    def text_of(self, name: str) -> str:
        """Return a fact that is text; raise FrameError when it is not."""
        value = self.facts.get(name)
        if not isinstance(value, str):
            raise self.wrong(name)
        return value

    def wrong(self, name: str) -> FrameError:
        """Say that a fact is missing or not what it should be, without its value."""
        return FrameError(f"a frame of kind {self.kind.name} has a wrong {name}")


async def read_frame(reader: asyncio.StreamReader) -> Frame | None:
    """Read a frame; None when the other side is gone. Raises FrameError."""
    try:
        header = await reader.readexactly(HEADER.size)
        kind, number, facts_bytes, samples_bytes = HEADER.unpack(header)
        if kind not in Kind.__members__.values():
            raise FrameError(f"there is no frame of kind {kind}")
        if facts_bytes > MAX_FACTS_BYTES or samples_bytes > MAX_SAMPLES_BYTES or samples_bytes % 2:
            raise FrameError(f"a frame of kind {Kind(kind).name} has a wrong length")
        facts = await reader.readexactly(facts_bytes)
        samples = await reader.readexactly(samples_bytes)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return Frame(Kind(kind), number, _facts(facts), samples)


def _facts(data: bytes) -> dict[str, Any]:
    if not data:
        return {}
    try:
        facts = json.loads(data)
    except (ValueError, RecursionError):
        raise FrameError("a frame's facts are not JSON") from None
    if not isinstance(facts, dict):
        raise FrameError("a frame's facts are not an object")
    return facts


def item_frame(number: int, item: Window | LostWindow, *, live: bool) -> Frame:
    """Say that a source gave a window, or gave one up."""
    facts: dict[str, Any] = {
        "index": item.index,
        "origin": item.origin,
        "heard_s": item.heard_s,
        "live": live,
    }
    if item.user is not None:
        facts |= {"user": item.user, "slot": item.place}
    if isinstance(item, LostWindow):
        return Frame(Kind.LOST, number, facts | {"loss": item.loss.value})
    samples = item.pcm.astype("<i2", copy=False).tobytes()
    return Frame(Kind.WINDOW, number, {**facts, "speech_share": item.speech_share}, samples)


def item_of(frame: Frame) -> Window | LostWindow:
    """Return what `item_frame` was given; raise FrameError."""
    index = frame.integer_of("index", 0, MAX_INDEX)
    origin = frame.number_of("origin", -MAX_ORIGIN_S, MAX_ORIGIN_S)
    heard_s = frame.number_of("heard_s", 0.0, WINDOW_S)
    user = slot = None
    if "user" in frame.facts:
        user, slot = frame.text_of("user")[:MAX_USER_CHARS], frame.integer_of("slot", 0, MAX_INDEX)
    if frame.kind is Kind.LOST:
        return LostWindow(index, origin, heard_s, user, slot, _loss_of(frame))
    pcm = np.frombuffer(frame.samples, "<i2").astype(np.int16)
    if not len(pcm) or heard_s > len(pcm) / SAMPLE_RATE_HZ + 1e-6:
        raise frame.wrong("heard_s")
    return Window(index, pcm, origin, heard_s, frame.number_of("speech_share", 0.0, 1.0), user, slot)


def _loss_of(frame: Frame) -> Loss:
    try:
        return Loss(frame.text_of("loss"))
    except ValueError:
        raise frame.wrong("loss") from None


def failure_frame(number: int, error: SourceError, *, live: bool) -> Frame:
    """Say that a source failed."""
    facts = {
        "fault": int(error.fault),
        "message": str(error)[:MAX_MESSAGE_CHARS],
        "retryable": error.retryable,
        "overrun": isinstance(error, OverrunError),
        "live": live,
    }
    return Frame(Kind.FAILED, number, facts)


def failure_of(frame: Frame) -> SourceError:
    """Return what `failure_frame` was given; raise FrameError."""
    fault = frame.integer_of("fault", min(SourceFault), max(SourceFault))
    message = frame.text_of("message")[:MAX_MESSAGE_CHARS]
    if frame.truth_of("overrun"):
        return OverrunError(message)
    return SourceError(SourceFault(fault), message, retryable=frame.truth_of("retryable"))


def open_frame(number: int, what: str | Channel, name: str, position: Position) -> Frame:
    """Ask for a source: an address, or a channel."""
    facts = {"name": name, "origin": position.origin, "next_index": position.next_index}
    asked = {"url": what} if isinstance(what, str) else {"channel": what.document()}
    return Frame(Kind.OPEN, number, {**facts, **asked})


def opened_of(frame: Frame) -> str | Channel:
    """Return the address or the channel that `open_frame` was given; raise FrameError."""
    if "channel" not in frame.facts:
        return frame.text_of("url")
    try:
        return Channel.of(frame.facts["channel"])
    except (ValueError, KeyError, TypeError):
        raise frame.wrong("channel") from None


def position_of(frame: Frame) -> Position:
    """Return the position that `open_frame` was given; raise FrameError."""
    origin = None
    if frame.facts.get("origin") is not None:
        origin = frame.number_of("origin", -MAX_ORIGIN_S, MAX_ORIGIN_S)
    return Position(origin, frame.integer_of("next_index", 0, MAX_INDEX))
