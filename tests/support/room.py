"""A stream with fakes around it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from config.settings import SpeechSettings
from config.taxonomy import load_taxonomy
from models.interfaces import TextClassifier
from pipeline.analyse import Analyser
from pipeline.report import Gap, StreamEnd, StreamSpec
from pipeline.retry import Backoff, RetryBudget
from pipeline.room import stream_of
from pipeline.source import Position
from pipeline.speech import SpeechGate
from pipeline.stream import Stages
from pipeline.words import WordLists, WordSearch
from tests.support.streams import FakeClips, FakeTranscriber, RecordingSink, Sources, WordClassifier, spec


class Room:
    """A stream with fakes around it."""

    def __init__(
        self,
        sources: Sources,
        *texts: str | Exception,
        stream: StreamSpec | None = None,
        classifiers: Sequence[TextClassifier] = (WordClassifier("idiot"),),
        lists: WordLists | None = None,
        clips: FakeClips | None = None,
        sink: RecordingSink | None = None,
        position: Position | None = None,
        heard_s: float = 0.0,
        stalled_s: float = 15.0,
        executor: ThreadPoolExecutor,
    ) -> None:
        self.sources = sources
        self.transcriber = FakeTranscriber(*texts)
        self.sink = sink or RecordingSink()
        self.clips = clips or FakeClips()
        gate = SpeechGate(SpeechSettings(), None)
        analyser = Analyser(
            self.transcriber,
            gate,
            WordSearch(classifiers, [], lambda _: lists),
            None,
            load_taxonomy(),
            executor,
        )
        stages = Stages(
            sources.open,
            analyser,
            self.clips,
            lambda _: RetryBudget(Backoff(0.01, 0.01, 0.02, 3)),
            8.0,
            clock=lambda: 2000.0,
            stalled_s=stalled_s,
        )
        self.stream = stream_of(stream or spec(), stages, self.sink, position or Position(), heard_s)

    async def run(self) -> StreamEnd:
        async with asyncio.timeout(20):
            return await self.stream.run()

    @property
    def indices(self) -> list[int]:
        return [report.index for report in self.sink.reports]

    @property
    def gaps(self) -> list[Gap]:
        return [event.gap for event in self.sink.events if event.gap is not None]
