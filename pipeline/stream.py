"""One stream from first connection to last window: the order of the stages, and the only reconnects."""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from config.errors import AudiowardenError
from models.errors import OverloadedError, RecognitionError
from pipeline.analyse import Analyser, Analysis, Previous
from pipeline.audio import WINDOW_S, LostWindow, Window
from pipeline.report import (
    EventType,
    Failure,
    Gap,
    RiskLevel,
    StreamEnd,
    StreamEvent,
    StreamSpec,
    WindowReport,
)
from pipeline.retry import RetryBudget
from pipeline.source import Position, Source, SourceError, SourceFault

log = structlog.get_logger()

PENDING_WINDOWS = 2
"""Windows that may wait behind the one being analysed; beyond, the source decides what to give up."""
STALLED_S = WINDOW_S * 1.5
"""A connected stream whose next window takes longer than this has stalled; HLS comes in leaps."""
GAP_S = 0.5
"""Less than this between two windows is no gap: a run may end anywhere within a codec's frame."""


class ReportSink(Protocol):
    """Where a stream's results go; its calls return when the result is safe."""

    async def window(self, report: WindowReport) -> None:
        """Take the report of a window that is to be reported."""

    def analysed(self, window: Window, analysis: Analysis) -> None:
        """Count a window that was moderated, whether it is reported or not."""

    async def advance(self, position: Position, heard_s: float) -> None:
        """Take note that everything before `position.next_index` is settled, and how much of it was heard."""

    async def event(self, event: StreamEvent) -> None:
        """Take note of what happened to the stream besides its windows, in its place among them."""


class ClipMaker(Protocol):
    """Keeps the evidence of a window."""

    async def make(self, stream_id: str, window: Window, before: Window | None) -> tuple[str, str]:
        """Store the window's clip, and one with `before` in front if given; return both addresses.

        Without `before` the second one is the first.
        """


@dataclass(frozen=True, slots=True)
class Stages:
    """What every stream is made of; shared by all streams."""

    open_source: Callable[[StreamSpec, Position], Source]
    analyser: Analyser
    clips: ClipMaker
    retries: Callable[[StreamSpec], RetryBudget]
    max_delay_s: float
    """How long a live window may wait for recognition before it is reported as not moderated."""
    clock: Callable[[], float] = time.time
    stalled_s: float = STALLED_S


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was made of a window: an analysis, or why there is none."""

    began_at: float
    analysis: Analysis | None = None
    failure: Failure | None = None


class Voice:
    """Windows that follow each other: a stream's, or one user's of a room. Knows what was before."""

    def __init__(self, spec: StreamSpec, stages: Stages) -> None:
        self._spec = spec
        self._stages = stages
        self._previous: Previous | None = None
        self._previous_window: Window | None = None

    async def judge(self, window: Window, deadline: float | None) -> Judgement:
        """Analyse the next window; never raises for what is wrong with it."""
        began_at = self._stages.clock()
        analysis, failure = None, None
        try:
            analysis = await self._stages.analyser.analyse(
                self._spec, window, self._previous, deadline=deadline
            )
        except (OverloadedError, RecognitionError) as error:
            failure = Failure.OVERLOAD if isinstance(error, OverloadedError) else Failure.MODEL
        except Exception as error:
            # A fault of ours in one window must not cost the others; its text may hold what was said.
            log.error(  # noqa: TRY400 - a traceback may hold what was said
                "analysis_crashed",
                request_id=self._spec.stream_id,
                window=window.index,
                error=type(error).__name__,
                at=_place_of(error),
            )
            failure = Failure.MODEL
        self._previous = self._stages.analyser.previous(self._spec, window, analysis)
        return Judgement(began_at, analysis, failure)

    def passed(self, window: Window | LostWindow) -> None:
        """Take note that a window was told, or skipped."""
        if self._spec.previous_clip and isinstance(window, Window):
            self._previous_window = window

    async def report(self, window: Window, analysis: Analysis, began_at: float) -> WindowReport:
        """Keep the window's clip and write its report."""
        before = self._previous_window
        if before is not None and before.place != window.place - 1:
            before = None
        try:
            clip_url, previous_clip_url = await self._stages.clips.make(self._spec.stream_id, window, before)
        except AudiowardenError as error:
            # The verdict matters more than its clip: it goes out without one.
            log.warning(
                "clip_not_stored", request_id=self._spec.stream_id, window=window.index, reason=str(error)
            )
            clip_url = previous_clip_url = ""
        return WindowReport(
            index=window.index,
            started_at=window.started_at,
            ended_at=window.ended_at,
            processing_began_at=began_at,
            processing_ended_at=self._stages.clock(),
            level=analysis.level,
            findings=analysis.findings,
            attributes=analysis.attributes,
            list_matches=analysis.list_matches,
            transcript=analysis.transcript,
            text=analysis.text,
            silent=analysis.silent,
            clip_url=clip_url,
            previous_clip_url=previous_clip_url,
            user=window.user,
            slot=window.slot,
        )


class Stream:
    """A stream being moderated. `run` once; `finish` ends it early, after its window in progress."""

    def __init__(
        self, spec: StreamSpec, stages: Stages, sink: ReportSink, position: Position, heard_s: float = 0.0
    ) -> None:
        """`position` and `heard_s`: how far it came before, as the sink was told."""
        self.spec = spec
        self._stages = stages
        self._sink = sink
        self._position = position
        self._retries = stages.retries(spec)
        self._ending = asyncio.Event()
        self._source: Source | None = None
        self._live = True
        self._voice = Voice(spec, stages)
        self._heard_s = heard_s
        self._connected_before = position.origin is not None
        self._heard_until = position.origin and position.origin + position.next_index * WINDOW_S
        """Where the last window's audio ended, in seconds since the epoch."""
        self._pending: asyncio.Queue[Window | LostWindow | StreamEvent | None]
        self._pending = asyncio.Queue(PENDING_WINDOWS)

    async def run(self) -> StreamEnd:
        """Moderate until the stream ends, is finished, or cannot be pulled any more."""
        async with asyncio.TaskGroup() as tasks:
            pull = tasks.create_task(self._pull(), name=f"pull {self.spec.stream_id}")
            tasks.create_task(self._moderate(), name=f"moderate {self.spec.stream_id}")
        error = pull.result()
        fault = error.fault if error is not None else None
        return StreamEnd(fault, self._heard_s, str(error) if error is not None else "")

    async def finish(self) -> None:
        """Stop pulling; `run` returns once the window in progress has been moderated and reported."""
        self._ending.set()
        if self._source is not None:
            await self._source.stop()

    async def _pull(self) -> SourceError | None:
        """Run sources one after the other; return why the last one failed, or None."""
        error = await self._run_source()
        while error is not None and await self._retry_after(error):
            error = await self._run_source()
        await self._pending.put(None)
        return None if self._ending.is_set() else error

    async def _retry_after(self, error: SourceError) -> bool:
        """Wait as long as the retry policy says; False when it gives up, or the stream is being ended."""
        delay_s = self._retries.next_delay_s() if error.retryable else None
        if delay_s is None or self._ending.is_set():
            return False
        log.info(
            "stream_reconnecting",
            request_id=self.spec.stream_id,
            delay_s=delay_s,
            fault=int(error.fault),
            reason=str(error),
        )
        await self._tell(EventType.RECONNECTING, fault=error.fault)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), delay_s)
        return not self._ending.is_set()

    async def _run_source(self) -> SourceError | None:
        """Run one source to its end. A live source that merely ends has lost its connection."""
        source = self._source = self._stages.open_source(self.spec, self._position)
        if self._ending.is_set():
            return None
        windows = source.windows()
        broken = True
        try:
            window = await anext(windows, None)
            while window is not None:
                if broken:
                    await self._tell(EventType.RESUMED if self._connected_before else EventType.STARTED)
                    self._connected_before = True
                await self._tell_gap(window)
                self._position = Position(window.origin, window.index + 1)
                self._live = source.live
                self._retries.worked(window.ended_at - window.started_at)
                await self._pending.put(window)
                window, broken = await self._next(windows)
        except SourceError as error:
            return error
        finally:
            self._source = None
            await source.stop()
        if source.live:
            return SourceError(SourceFault.CANNOT_OPEN, "the live stream's connection ended")
        return None

    async def _next(
        self, windows: AsyncIterator[Window | LostWindow]
    ) -> tuple[Window | LostWindow | None, bool]:
        """Wait for the next window, and tell of it when that takes too long; return whether it did."""
        # A task, because a generator that is cancelled within a timeout is over.
        following = asyncio.create_task(next_window(windows), name=f"next window {self.spec.stream_id}")
        try:
            await asyncio.wait((following,), timeout=self._stages.stalled_s)
            stalled = not following.done()
            if stalled and not self._ending.is_set():
                await self._tell(EventType.STALLED)
            return await following, stalled
        finally:
            if not following.done():
                following.cancel()
                await asyncio.wait((following,))

    async def _tell(
        self, event: EventType, *, fault: SourceFault | None = None, gap: Gap | None = None
    ) -> None:
        """Put an event in its place behind the windows that were pulled before it."""
        await self._pending.put(StreamEvent(event, self._stages.clock(), fault, gap))

    async def _tell_gap(self, window: Window | LostWindow) -> None:
        """Tell of what was missed between the last window and this one."""
        until, self._heard_until = self._heard_until, window.ended_at
        if until is None or window.started_at - until < GAP_S:
            return
        missed = range(self._position.next_index, window.index)
        await self._tell(EventType.GAP, gap=Gap(until, window.started_at, missed))

    async def _moderate(self) -> None:
        while (window := await self._pending.get()) is not None:
            if isinstance(window, StreamEvent):
                await self._sink.event(window)
                continue
            self._heard_s += window.heard_s
            if window.place % self.spec.moderate_every == 0:
                judgement = await self._judge(self._voice, window)
                await self._tell_judgement(self._voice, window, judgement)
            self._voice.passed(window)
            await self._sink.advance(Position(window.origin, window.index + 1), self._heard_s)

    async def _judge(self, voice: Voice, window: Window | LostWindow) -> Judgement:
        if isinstance(window, Window):
            return await voice.judge(window, self._deadline())
        return Judgement(self._stages.clock(), failure=Failure(window.loss))

    async def _tell_judgement(self, voice: Voice, window: Window | LostWindow, judgement: Judgement) -> None:
        """Report the window, if it is one that is to be reported."""
        if isinstance(window, LostWindow) or judgement.analysis is None:
            await self._sink.window(_not_moderated(window, judgement))
            return
        self._sink.analysed(window, judgement.analysis)
        if self.spec.report_all or judgement.analysis.level is not RiskLevel.PASS:
            await self._sink.window(await voice.report(window, judgement.analysis, judgement.began_at))

    def _deadline(self) -> float | None:
        """A recording waits for its turn; a live window is reported as not moderated rather than late."""
        if not self._live:
            return None
        return asyncio.get_running_loop().time() + self._stages.max_delay_s


async def next_window(windows: AsyncIterator[Window | LostWindow]) -> Window | LostWindow | None:
    """Wait for the next window; None after the last."""
    return await anext(windows, None)


def _place_of(error: Exception) -> str:
    """File and line where an error was raised: what a report of it needs, without its words."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


def _not_moderated(window: Window | LostWindow, judgement: Judgement) -> WindowReport:
    return WindowReport(
        index=window.index,
        started_at=window.started_at,
        ended_at=window.ended_at,
        processing_began_at=judgement.began_at,
        processing_ended_at=judgement.began_at,
        failure=judgement.failure,
        user=window.user,
        slot=window.slot,
    )
