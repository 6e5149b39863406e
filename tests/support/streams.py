"""Fakes of the pipeline's protocols: scripted sources, transcribers, classifiers and sinks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

import numpy as np

from config.taxonomy import Label, RiskType
from models.interfaces import Utterance
from models.results import EMPTY_TRANSCRIPT, ListMatch, Span, TextFinding, Transcript
from pipeline.analyse import Analysis
from pipeline.audio import WINDOW_SAMPLES, LostWindow, Window
from pipeline.report import StreamEvent, StreamSpec, WindowReport
from pipeline.source import Position, Source, SourceError

INSULT = Label(RiskType.ABUSE, "insult", "personal")


def spoken_window(index: int, origin: float = 1000.0, samples: int = WINDOW_SAMPLES) -> Window:
    """A window that passes the speech gate: noise with a speech share of one."""
    pcm = np.random.default_rng(index).normal(0, 3000, samples).astype(np.int16)
    return Window(index, pcm, origin, samples / 16_000, 1.0)


def voiced_window(index: int, user: str, slot: int, origin: float = 1000.0) -> Window:
    """A window of one user of a room."""
    return replace(spoken_window(index, origin), user=user, slot=slot)


def spec(**changes: object) -> StreamSpec:
    """A stream that looks for insults in English."""
    fields: dict[str, object] = {
        "stream_id": "s" * 32,
        "account": "acme",
        "url": "rtmp://live.test/a/b",
        "risks": frozenset({RiskType.ABUSE, RiskType.AD}),
        "language": "en",
        "report_all": True,
    }
    return StreamSpec(**{**fields, **changes})  # type: ignore[arg-type]  # keyword by keyword


Step = Window | LostWindow | SourceError | float
"""A window to yield, an error to raise, or seconds to wait."""


class FakeSource:
    """Yields what its script says, then ends; `stop` ends it before."""

    def __init__(self, script: Sequence[Step], *, live: bool = True) -> None:
        self._script = script
        self._stopped = asyncio.Event()
        self.live = live
        self.stopped = False

    async def windows(self) -> AsyncIterator[Window | LostWindow]:
        """Run the script."""
        for step in self._script:
            if isinstance(step, SourceError):
                raise step
            if isinstance(step, float):
                try:
                    await asyncio.wait_for(self._stopped.wait(), step)
                except TimeoutError:
                    continue
                return
            yield step

    async def stop(self) -> None:
        """End the wait."""
        self.stopped = True
        self._stopped.set()


class Sources:
    """Hands out one scripted source after the other and remembers the positions they were opened at."""

    def __init__(self, *scripts: Sequence[Step], live: bool = True) -> None:
        self._scripts = list(scripts)
        self._live = live
        self.opened: list[Position] = []
        self.made: list[FakeSource] = []

    def open(self, _: StreamSpec, position: Position) -> Source:
        """Make the next source."""
        self.opened.append(position)
        source = FakeSource(self._scripts.pop(0), live=self._live)
        self.made.append(source)
        return source


class FakeTranscriber:
    """Answers texts in the order of the calls; an exception in their place is raised."""

    def __init__(self, *texts: str | Exception, language: str = "en") -> None:
        self._texts = list(texts)
        self._language = language
        self.deadlines: list[float | None] = []
        self.wait: Callable[[], Awaitable[object]] | None = None

    async def transcribe(self, stream: str, utterance: Utterance, *, deadline: float | None) -> Transcript:
        """Answer the next text."""
        assert stream
        assert utterance.samples.dtype == np.float32
        self.deadlines.append(deadline)
        if self.wait is not None:
            await self.wait()
        text = self._texts.pop(0) if self._texts else ""
        if isinstance(text, Exception):
            raise text
        if not text:
            return EMPTY_TRANSCRIPT
        spoken, probability = (self._language, 0.98) if utterance.identify else ("", 0.0)
        return Transcript(
            text, self._language, 1.0, -0.2, 0.01, spoken=spoken, spoken_probability=probability
        )


class FakeRecognition:
    """Two workers; a window costs what it is told."""

    def __init__(self, cost_s: float | None) -> None:
        self.cost_s = cost_s
        self.workers = 2


class WordClassifier:
    """Finds one phrase, as an insult of a given probability."""

    def __init__(self, phrase: str, probability: float = 0.95) -> None:
        self._phrase = phrase
        self._probability = probability

    def classify(self, text: str, _: str) -> list[TextFinding]:
        """Return every place of the phrase."""
        places = [
            Span(i, i + len(self._phrase)) for i in range(len(text)) if text.startswith(self._phrase, i)
        ]
        return [TextFinding(INSULT, self._probability, tuple(places), "test")] if places else []


class OneList:
    """A customer's list of one word."""

    def __init__(self, word: str) -> None:
        self._word = word

    def match(self, text: str) -> list[ListMatch]:
        """Return the word's first place."""
        place = text.find(self._word)
        return [ListMatch("mine", self._word, (Span(place, place + len(self._word)),))] if place >= 0 else []


class FakeClips:
    """Remembers which clips were asked for."""

    def __init__(self, error: Exception | None = None) -> None:
        self.made: list[tuple[int, int | None]] = []
        self._error = error

    async def make(self, _: str, window: Window, before: Window | None) -> tuple[str, str]:
        """Return addresses that name the windows."""
        if self._error is not None:
            raise self._error
        self.made.append((window.index, before.index if before is not None else None))
        return f"clip-{window.index}", f"{'pre' if before is not None else 'clip'}-{window.index}"


class RecordingSink:
    """Remembers everything a stream reports."""

    def __init__(self) -> None:
        self.reports: list[WindowReport] = []
        self.positions: list[Position] = []
        self.events: list[StreamEvent] = []
        self.heard_s = 0.0
        self.analyses: dict[int, Analysis] = {}
        self._changed = asyncio.Condition()

    async def wait_for(self, reports: int) -> None:
        """Wait until so many windows were reported."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.reports) >= reports)

    async def window(self, report: WindowReport) -> None:
        """Keep a report."""
        async with self._changed:
            self.reports.append(report)
            self._changed.notify_all()

    def analysed(self, window: Window, analysis: Analysis) -> None:
        """Keep what was moderated."""
        self.analyses[window.index] = analysis

    async def advance(self, position: Position, heard_s: float) -> None:
        """Keep a position."""
        self.positions.append(position)
        self.heard_s = heard_s

    async def event(self, event: StreamEvent) -> None:
        """Keep an event."""
        self.events.append(event)

    @property
    def states(self) -> list[str]:
        """What happened to the stream, without the gaps."""
        return [event.type.value for event in self.events if event.gap is None]
