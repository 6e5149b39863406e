"""Twelve hours of a stream that comes and goes, in simulated time: no window has a wrong index."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from config.settings import SpeechSettings
from config.taxonomy import RiskType, load_taxonomy
from pipeline.analyse import Analyser, Analysis
from pipeline.audio import SAMPLE_RATE_HZ, WINDOW_S, Window
from pipeline.report import StreamSpec
from pipeline.retry import Backoff, RetryBudget
from pipeline.source import Position, SourceError, SourceFault
from pipeline.speech import SpeechGate
from pipeline.stream import Stages, Stream
from pipeline.windows import Cut, WindowCutter
from pipeline.words import WordSearch
from tests.support.streams import FakeClips, FakeTranscriber, RecordingSink, spec

BEGAN_AT = 1_700_000_000
SHIFT_S = 4 * 3600
"""A daemon's life; three of them are twelve hours."""
TOLERANCE_S = 1.5
"""A block of a second is placed by when it arrived; media time may be a second off the wall clock."""


class World:
    """A publisher that flaps. Every second of its audio holds one value: which second of the day it is."""

    def __init__(self) -> None:
        self.now = float(BEGAN_AT)
        self.until = 0.0
        self.connections = 0
        self._random = random.Random(5)

    def clock(self) -> float:
        return self.now

    def open(self, _: StreamSpec, position: Position) -> Connection:
        self.connections += 1
        # The pause before this try, and what it takes to connect.
        self.now += self._random.choice((0.3, 4.0, 9.5, 31.0, 130.0)) * self._random.uniform(0.5, 1.5)
        lasts_s = self._random.choice((0, 1, 7, 10, 25, 200, 900))
        return Connection(self, position, lasts_s, self._random.uniform(0, 1e5))


class Connection:
    """One run (a `Source`): blocks of a second through the real cutter, then an error."""

    live = True

    def __init__(self, world: World, position: Position, lasts_s: int, media_s: float) -> None:
        self._world = world
        self._cutter = WindowCutter(position, live=True, clock=world.clock)
        self._lasts_s = lasts_s
        self._media_s = media_s

    async def windows(self) -> AsyncIterator[Window]:
        """Yield what the cutter cuts."""
        for second in range(self._lasts_s):
            self._world.now += 1.0
            value = int(self._world.now - BEGAN_AT) % 30_000 + 1
            pcm = np.full(SAMPLE_RATE_HZ, value, np.int16)
            for cut in self._cutter.feed(self._media_s + second, pcm):
                yield window_of(cut)
        if (last := self._cutter.flush()) is not None:
            yield window_of(last)
        over = self._world.now >= self._world.until
        raise SourceError(SourceFault.CANNOT_OPEN, "gone", retryable=not over)

    async def stop(self) -> None:
        """Nothing runs."""


class Listening(RecordingSink):
    """Looks at every window's audio as it comes, and keeps its index."""

    def __init__(self) -> None:
        super().__init__()
        self.indices: list[int] = []
        self.worst_s = 0.0

    def analysed(self, window: Window, _: Analysis) -> None:
        """Compare where the window says that its audio belongs with when it was spoken."""
        self.indices.append(window.index)
        for place in np.flatnonzero(window.pcm)[:: SAMPLE_RATE_HZ // 2]:
            told_s = window.started_at + place / SAMPLE_RATE_HZ - BEGAN_AT
            # A block that arrives at a second was spoken in the second before.
            spoken_s = int(window.pcm[place]) - 1.5
            off_s = (told_s - spoken_s + 15_000) % 30_000 - 15_000
            self.worst_s = max(self.worst_s, abs(off_s))


def window_of(cut: Cut) -> Window:
    return Window(cut.index, cut.pcm, cut.origin, cut.heard_s, 0.0)


@pytest.mark.usefixtures("nothing_blocks")
async def test_twelve_hours_of_a_flapping_stream_have_no_wrong_index() -> None:
    world, sink = World(), Listening()
    with ThreadPoolExecutor(1) as executor:
        gate = SpeechGate(SpeechSettings(), None)
        words = WordSearch([], [], lambda _: None)
        analyser = Analyser(FakeTranscriber(), gate, words, None, load_taxonomy(), executor)
        stages = Stages(
            world.open, analyser, FakeClips(), lambda _: RetryBudget(Backoff(0.0, 0.0, 0.0, 10**6)), 8.0,
            clock=world.clock,
        )  # fmt: skip
        stream = spec(risks=frozenset({RiskType.AUDIOSCENE}), report_all=False)
        position, heard_s = Position(), 0.0
        for shift in range(1, 4):
            world.until = BEGAN_AT + shift * SHIFT_S
            async with asyncio.timeout(60):
                end = await Stream(stream, stages, sink, position, heard_s).run()
            position, heard_s = sink.positions[-1], sink.heard_s
            assert end.streamed_s == heard_s
            world.now += 77.0
    assert world.connections > 100
    assert sink.worst_s < TOLERANCE_S
    missed = [index for event in sink.events if event.gap is not None for index in event.gap.windows]
    assert sink.indices == sorted(set(sink.indices)), "in order, each once"
    assert sorted(sink.indices + missed) == list(range(sink.indices[-1] + 1)), "moderated or told as missing"
    last_s = (world.now - BEGAN_AT) / WINDOW_S
    assert last_s - 200 < sink.indices[-1] < last_s
