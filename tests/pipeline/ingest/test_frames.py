"""What crosses between the daemon and an ingest process, and what is refused."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest

from pipeline.audio import WINDOW_SAMPLES, Loss, LostWindow, Window
from pipeline.ingest.frames import (
    HEADER,
    MAX_FACTS_BYTES,
    Frame,
    FrameError,
    Kind,
    failure_frame,
    failure_of,
    item_frame,
    item_of,
    open_frame,
    opened_of,
    position_of,
    read_frame,
)
from pipeline.rooms.channel import MAX_LISTED_USERS, Channel, Wanted
from pipeline.source import OverrunError, Position, SourceError, SourceFault
from tests.support.speech import noise

LIVE = {"live": True}
WINDOW = {"index": 3, "origin": 1_700_000_000.25, "heard_s": 0.5, "speech_share": 0.5, **LIVE}


async def read(data: bytes) -> Frame | None:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return await read_frame(reader)


async def across(frame: Frame) -> Frame:
    arrived = await read(frame.encode())
    assert arrived is not None
    assert (arrived.kind, arrived.number) == (frame.kind, frame.number)
    return arrived


async def test_a_window_arrives_as_it_was_sent() -> None:
    sent = Window(7, noise(10), 1_700_000_000.123456, 9.75, 0.375)
    frame = await across(item_frame(2**40, sent, live=True))
    got = item_of(frame)
    assert isinstance(got, Window)
    assert np.array_equal(got.pcm, sent.pcm)
    assert got.pcm.dtype == np.dtype(np.int16)
    assert got.pcm.flags.writeable
    assert (got.index, got.origin, got.heard_s, got.speech_share) == (7, 1_700_000_000.123456, 9.75, 0.375)
    assert frame.truth_of("live") is True


async def test_a_lost_window_a_failure_and_a_position_arrive() -> None:
    lost = LostWindow(4, 1_700_000_000.5, 10.0)
    assert item_of(await across(item_frame(1, lost, live=True))) == lost
    error = SourceError(SourceFault.NO_AUDIO, "the stream has no audio", retryable=False)
    got = failure_of(await across(failure_frame(1, error, live=False)))
    assert (got.fault, str(got), got.retryable) == (SourceFault.NO_AUDIO, "the stream has no audio", False)
    assert type(got) is SourceError
    assert type(failure_of(await across(failure_frame(1, OverrunError(), live=True)))) is OverrunError
    for position in (Position(), Position(1_700_000_000.5, 12)):
        frame = await across(open_frame(1, "rtmp://live.test/ä/b", "name", position))
        assert position_of(frame) == position
        assert frame.text_of("url") == "rtmp://live.test/ä/b"


async def test_a_users_windows_and_a_channel_arrive() -> None:
    for sent in (
        LostWindow(4, 1_700_000_000.5, 10.0, "11", 3),
        LostWindow(5, 1_700_000_000.5, 0.0, "4294967295", 3, loss=Loss.SURPLUS),
    ):
        assert item_of(await across(item_frame(1, sent, live=True))) == sent
    got = item_of(await across(item_frame(1, Window(7, noise(1), 5.0, 1.0, 0.5, "11", 0), live=True)))
    assert (got.user, got.slot, got.index) == ("11", 0, 7)
    users = tuple(str(2**32 - 1 - number) for number in range(MAX_LISTED_USERS))
    for channel in (
        Channel("app", "ä room", "secret", 2**32 - 1, mixed=True, broadcast=False),
        Channel("a" * 256, "c" * 256, "t" * 4096, 0, False, True, Wanted.LISTED, users),
    ):
        assert opened_of(await across(open_frame(1, channel, "name", Position()))) == channel


@pytest.mark.parametrize(
    "change",
    [{"uid": True}, {"token": None}, {"wanted": "none"}, {"listed": [5]}, {"more": 1}, {"mixed": 1}],
)
async def test_a_channel_that_is_none_is_refused(change: dict[str, object]) -> None:
    channel = Channel("app", "room", "t", 0, mixed=True, broadcast=True)
    documents: tuple[object, ...] = ({**channel.document(), **change}, None, [], "x")
    for document in documents:
        with pytest.raises(FrameError, match="wrong channel"):
            opened_of(Frame(Kind.OPEN, 1, {"channel": document}))


async def test_the_end_of_a_connection_is_none_even_within_a_frame() -> None:
    data = item_frame(1, Window(0, noise(1), 0.0, 1.0, 0.0), live=True).encode()
    for size in (0, 1, HEADER.size, HEADER.size + 5, len(data) - 1):
        assert await read(data[:size]) is None


@pytest.mark.parametrize(
    "data",
    [
        HEADER.pack(0, 0, 0, 0),
        HEADER.pack(99, 0, 0, 0),
        HEADER.pack(Kind.WINDOW, 1, MAX_FACTS_BYTES + 1, 0),
        HEADER.pack(Kind.WINDOW, 1, 2, 2**32 - 1),
        HEADER.pack(Kind.WINDOW, 1, 2, 2 * WINDOW_SAMPLES + 2),
        HEADER.pack(Kind.WINDOW, 1, 2, 3) + b"{}abc",
        HEADER.pack(Kind.BEAT, 0, 3, 0) + b"[1]",
        HEADER.pack(Kind.BEAT, 0, 2, 0) + b"\xff\xfe",
        HEADER.pack(Kind.BEAT, 0, 2, 0) + b"{'",
        HEADER.pack(Kind.BEAT, 0, 60_000, 0) + b"[" * 60_000,
    ],
)
async def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(FrameError):
        await read(data)


@pytest.mark.parametrize(
    "wrong",
    [
        {"index": -1},
        {"index": 1.0},
        {"index": True},
        {"index": 2**70},
        {"origin": float("nan")},
        {"origin": float("inf")},
        {"origin": "now"},
        {"heard_s": 0.6},
        {"heard_s": -0.1},
        {"heard_s": None},
        {"speech_share": 1.1},
        {"speech_share": "x"},
    ],
)
async def test_a_window_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    facts = json.dumps({**WINDOW, **wrong}).encode()
    half_a_second = b"\0" * 16_000
    frame = await read(HEADER.pack(Kind.WINDOW, 1, len(facts), len(half_a_second)) + facts + half_a_second)
    assert frame is not None
    with pytest.raises(FrameError, match=next(iter(wrong))):
        item_of(frame)


FAILED = {"fault": 3001, "message": "x", "retryable": True, "overrun": False}


def test_other_facts_that_cannot_be_are_refused() -> None:
    with pytest.raises(FrameError):
        item_of(Frame(Kind.WINDOW, 1, {**WINDOW, "heard_s": 0.0}))
    with pytest.raises(FrameError):
        failure_of(Frame(Kind.FAILED, 1, {**FAILED, "fault": 2999}))
    with pytest.raises(FrameError):
        failure_of(Frame(Kind.FAILED, 1, {**FAILED, "message": 5}))
    with pytest.raises(FrameError):
        failure_of(Frame(Kind.FAILED, 1, {**FAILED, "retryable": 1}))
    with pytest.raises(FrameError):
        failure_of(Frame(Kind.FAILED, 1, {**FAILED, "overrun": None}))
    with pytest.raises(FrameError, match="too long"):
        open_frame(1, "x" * MAX_FACTS_BYTES, "name", Position()).encode()


def test_a_long_message_is_cut() -> None:
    error = SourceError(SourceFault.CANNOT_OPEN, "x" * 10_000)
    assert len(str(failure_of(failure_frame(1, error, live=True)))) == 500
