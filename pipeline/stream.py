"""One stream from first connection to last window: the order of the stages, and the only reconnects."""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from config.errors import AudiowardenError
from models.errors import OverloadedError, RecognitionError
from pipeline.analyse import Analyser, Analysis, Previous
from pipeline.audio import LostWindow, Window
from pipeline.report import Failure, RiskLevel, StreamEnd, StreamSpec, WindowReport
from pipeline.retry import RetryBudget
from pipeline.source import Position, Source, SourceError, SourceFault

log = structlog.get_logger()

PENDING_WINDOWS = 2
"""Windows that may wait behind the one being analysed; beyond, the source decides what to give up."""


class ReportSink(Protocol):
    """Where a stream's results go; its calls return when the result is safe."""

    async def window(self, report: WindowReport) -> None:
        """Take the report of a window that is to be reported."""

    def analysed(self, window: Window, analysis: Analysis) -> None:
        """Count a window that was moderated, whether it is reported or not."""

    async def advance(self, position: Position) -> None:
        """Take note that everything before `position.next_index` is settled."""

    async def connection(self, state: str) -> None:
        """Take note of `started`, `reconnecting` or `resumed`."""


class ClipMaker(Protocol):
    """Keeps the evidence of a window."""

    async def make(self, stream_id: str, window: Window, before: Window | None) -> tuple[str, str]:
        """Store the window's clip, and one with `before` in front if given; return both addresses or ''."""


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


class Stream:
    """A stream being moderated. `run` once; `finish` ends it early, after its window in progress."""

    def __init__(self, spec: StreamSpec, stages: Stages, sink: ReportSink, position: Position) -> None:
        self.spec = spec
        self._stages = stages
        self._sink = sink
        self._position = position
        self._retries = stages.retries(spec)
        self._ending = asyncio.Event()
        self._source: Source | None = None
        self._live = True
        self._previous: Previous | None = None
        self._previous_window: Window | None = None
        self._heard_s = 0.0
        self._connected_before = position.origin is not None

    async def run(self) -> StreamEnd:
        """Moderate until the stream ends, is finished, or cannot be pulled any more."""
        pending: asyncio.Queue[Window | LostWindow | None] = asyncio.Queue(PENDING_WINDOWS)
        async with asyncio.TaskGroup() as tasks:
            pull = tasks.create_task(self._pull(pending), name=f"pull {self.spec.stream_id}")
            tasks.create_task(self._moderate(pending), name=f"moderate {self.spec.stream_id}")
        error = pull.result()
        fault = error.fault if error is not None else None
        return StreamEnd(fault, self._heard_s, str(error) if error is not None else "")

    async def finish(self) -> None:
        """Stop pulling; `run` returns once the window in progress has been moderated and reported."""
        self._ending.set()
        if self._source is not None:
            await self._source.stop()

    async def _pull(self, pending: asyncio.Queue[Window | LostWindow | None]) -> SourceError | None:
        """Run sources one after the other; return why the last one failed, or None."""
        error = await self._run_source(pending)
        while error is not None and await self._retry_after(error):
            error = await self._run_source(pending)
        await pending.put(None)
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
        await self._sink.connection("reconnecting")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), delay_s)
        return not self._ending.is_set()

    async def _run_source(self, pending: asyncio.Queue[Window | LostWindow | None]) -> SourceError | None:
        """Run one source to its end. A live source that merely ends has lost its connection."""
        source = self._source = self._stages.open_source(self.spec, self._position)
        if self._ending.is_set():
            return None
        windows = 0
        try:
            async for window in source.windows():
                self._position = Position(window.origin, window.index + 1)
                if windows == 0:
                    await self._sink.connection("resumed" if self._connected_before else "started")
                    self._connected_before = True
                windows += 1
                self._heard_s += window.heard_s
                self._live = source.live
                self._retries.worked(window.ended_at - window.started_at)
                await pending.put(window)
        except SourceError as error:
            return error
        finally:
            self._source = None
            await source.stop()
        if source.live:
            return SourceError(SourceFault.CANNOT_OPEN, "the live stream's connection ended")
        return None

    async def _moderate(self, pending: asyncio.Queue[Window | LostWindow | None]) -> None:
        while (window := await pending.get()) is not None:
            if window.index % self.spec.moderate_every == 0:
                if isinstance(window, LostWindow):
                    await self._sink.window(_not_moderated(window, Failure.OVERLOAD, self._stages.clock()))
                else:
                    await self._moderate_window(window)
            await self._sink.advance(Position(window.origin, window.index + 1))

    async def _moderate_window(self, window: Window) -> None:
        began_at = self._stages.clock()
        try:
            analysis = await self._stages.analyser.analyse(
                self.spec, window, self._previous, deadline=self._deadline()
            )
        except (OverloadedError, RecognitionError) as error:
            failure = Failure.OVERLOAD if isinstance(error, OverloadedError) else Failure.MODEL
            await self._sink.window(_not_moderated(window, failure, began_at))
            analysis = None
        except Exception as error:
            # A fault of ours in one window must not cost the others; its text may hold what was said.
            log.error(  # noqa: TRY400 - as above
                "analysis_crashed",
                request_id=self.spec.stream_id,
                window=window.index,
                error=type(error).__name__,
                at=_place_of(error),
            )
            await self._sink.window(_not_moderated(window, Failure.MODEL, began_at))
            analysis = None
        if analysis is not None:
            self._sink.analysed(window, analysis)
        if analysis is not None and (self.spec.report_all or analysis.level is not RiskLevel.PASS):
            await self._sink.window(await self._report(window, analysis, began_at))
        self._previous = self._stages.analyser.previous(self.spec, window, analysis)
        self._previous_window = window if self.spec.previous_clip else None

    def _deadline(self) -> float | None:
        """A recording waits for its turn; a live window is reported as not moderated rather than late."""
        if not self._live:
            return None
        return asyncio.get_running_loop().time() + self._stages.max_delay_s

    async def _report(self, window: Window, analysis: Analysis, began_at: float) -> WindowReport:
        before = self._previous_window
        if before is not None and before.index != window.index - 1:
            before = None
        try:
            clip_url, previous_clip_url = await self._stages.clips.make(self.spec.stream_id, window, before)
        except AudiowardenError as error:
            # The verdict matters more than its clip: it goes out without one.
            log.warning(
                "clip_not_stored", request_id=self.spec.stream_id, window=window.index, reason=str(error)
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
        )


def _place_of(error: Exception) -> str:
    """File and line where an error was raised: what a report of it needs, without its words."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


def _not_moderated(window: Window | LostWindow, failure: Failure, began_at: float) -> WindowReport:
    return WindowReport(
        index=window.index,
        started_at=window.started_at,
        ended_at=window.ended_at,
        processing_began_at=began_at,
        processing_ended_at=began_at,
        failure=failure,
    )
