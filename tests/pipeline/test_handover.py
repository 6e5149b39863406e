from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from pipeline.audio import WINDOW_SAMPLES, LostWindow, Window
from pipeline.handover import CAPACITY, MAX_ITEMS, HandOver
from pipeline.source import OverrunError
from tests.support.media_server import wait_until


def window(index: int) -> Window:
    return Window(index, np.zeros(WINDOW_SAMPLES, np.int16), 1000.0, 10.0, 0.5)


async def everything(handover: HandOver) -> list[Window | LostWindow]:
    items = []
    while (item := await handover.get()) is not None:
        items.append(item)
    return items


async def in_thread(work: threading.Thread) -> None:
    work.start()
    await asyncio.to_thread(work.join, 10)
    assert not work.is_alive()


async def test_a_live_stream_gives_up_the_oldest_and_says_so() -> None:
    handover = HandOver(asyncio.get_running_loop())

    def produce() -> None:
        for index in range(10):
            handover.put(window(index), lossy=True)
        handover.finish(None)

    await in_thread(threading.Thread(target=produce))
    items = await everything(handover)
    assert [item.index for item in items] == list(range(10))
    assert [type(item) for item in items] == [LostWindow] * (10 - CAPACITY) + [Window] * CAPACITY
    assert handover.lost == 10 - CAPACITY
    lost = items[0]
    assert (lost.started_at, lost.ended_at, lost.heard_s) == (1000.0, 1010.0, 10.0)


async def test_a_recording_waits() -> None:
    handover = HandOver(asyncio.get_running_loop())

    def produce() -> None:
        for index in range(10):
            handover.put(window(index), lossy=False)
        handover.finish(None)

    thread = threading.Thread(target=produce)
    thread.start()
    await asyncio.to_thread(wait_until, lambda: handover.waiting, "the thread to wait")
    items = await everything(handover)
    assert [(type(item), item.index) for item in items] == [(Window, index) for index in range(10)]
    await asyncio.to_thread(thread.join, 10)


async def test_hurry_ends_the_waiting() -> None:
    handover = HandOver(asyncio.get_running_loop())

    def produce() -> None:
        for index in range(CAPACITY + 2):
            handover.put(window(index), lossy=False)
        handover.finish(None)

    thread = threading.Thread(target=produce)
    thread.start()
    await asyncio.to_thread(wait_until, lambda: handover.waiting, "the thread to wait")
    handover.hurry()
    await asyncio.to_thread(thread.join, 10)
    assert [type(item) for item in await everything(handover)] == [Window] * (CAPACITY + 2)


async def test_the_error_comes_after_the_last_window() -> None:
    handover = HandOver(asyncio.get_running_loop())
    handover.put(window(0), lossy=True)
    handover.finish(ValueError("first"))
    handover.finish(None)
    assert isinstance(await handover.get(), Window)
    with pytest.raises(ValueError, match="first"):
        await handover.get()


async def test_a_finished_hand_over_takes_nothing_more() -> None:
    handover = HandOver(asyncio.get_running_loop())
    handover.finish(None)
    handover.put(window(0), lossy=False)
    assert await handover.get() is None
    assert await handover.wait_finished(1.0)


async def test_get_waits_for_the_thread() -> None:
    handover = HandOver(asyncio.get_running_loop())
    getting = asyncio.create_task(handover.get(), name="get")
    await asyncio.sleep(0.01)
    assert not getting.done()
    await in_thread(threading.Thread(target=handover.put, args=(window(7),), kwargs={"lossy": True}))
    item = await getting
    assert item is not None
    assert item.index == 7
    assert not await handover.wait_finished(0.01)


async def test_a_consumer_that_is_gone_ends_the_run() -> None:
    handover = HandOver(asyncio.get_running_loop())
    for index in range(MAX_ITEMS):
        handover.put(window(index), lossy=True)
    with pytest.raises(OverrunError, match="an hour of audio"):
        handover.put(window(MAX_ITEMS), lossy=True)
    handover.hurry()
    handover.put(window(MAX_ITEMS + 1), lossy=True)
    handover.finish(None)
    assert [item.index for item in await everything(handover)] == list(range(MAX_ITEMS + 2))


def test_a_closed_loop_is_no_reason_to_fail() -> None:
    loop = asyncio.new_event_loop()
    handover = HandOver(loop)
    loop.close()
    handover.put(window(0), lossy=True)
    handover.finish(None)
