"""Clips of a window: both or none, and nothing goes on behind a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from daemon.clips import ClipWriter
from daemon.storage.interfaces import StorageError
from pipeline.audio import Pcm, Window
from tests.support.speech import tone


class HalfBroken:
    """A store that fails for the second clip, and never answers for the first (a `ClipStore`)."""

    def __init__(self) -> None:
        self.waiting = asyncio.Event()
        self.ended: list[str] = []

    async def put(self, name: str, data: bytes) -> str:
        if name.endswith("_pre.mp3"):
            await self.waiting.wait()
            raise StorageError("the store is away")
        try:
            self.waiting.set()
            await asyncio.get_running_loop().create_future()
        finally:
            self.ended.append(name)
        return name

    async def expire(self) -> int:
        return 0


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


async def test_when_one_clip_fails_the_other_is_given_up(threads: ThreadPoolExecutor) -> None:
    def encode(pcm: Pcm) -> bytes:
        return pcm.astype(np.int16).tobytes()

    store = HalfBroken()
    window, before = (Window(index, tone(1), 0.0, 1.0, 1.0) for index in (1, 0))
    with pytest.raises(StorageError, match="the store is away"):
        await ClipWriter(store, encode, threads).make("a", window, before)
    assert store.ended == ["a_1.mp3"]
