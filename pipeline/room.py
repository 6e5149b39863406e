"""A room whose users are moderated one by one: one stream, one source, a voice for each user."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import structlog

from pipeline.audio import LostWindow, Window
from pipeline.report import EventType, Gap, StreamEvent, StreamSpec
from pipeline.rooms.pulled import PulledRoomSource
from pipeline.rooms.voices import MAX_USERS
from pipeline.source import OverrunError, Position, SourceError
from pipeline.stream import GAP_S, Judgement, ReportSink, Stages, Stream, Voice, next_window

MAX_JUDGED = 2 * MAX_USERS
"""Windows that may be judged or wait to be told; beyond, the source decides what to give up."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A window on its way to the sink."""

    window: Window | LostWindow
    voice: Voice
    judging: asyncio.Task[Judgement] | None
    """None: a window that is skipped."""


class RoomStream(Stream):
    """A room's users at the same time, each with what he said before; told in the order of the windows.

    An index belongs to a window of one user, and is used up before the window is told: a room's windows are
    numbered as they come, so that after a crash nothing else would tell that a number was given already.
    Who is silent has no windows, so that silence is neither a stall nor a gap; a lost connection is. A roster
    that fails is a stall: who is known goes on being heard, but nobody who comes.
    """

    def __init__(
        self, spec: StreamSpec, stages: Stages, sink: ReportSink, position: Position, heard_s: float = 0.0
    ) -> None:
        """As a `Stream`; `heard_s` is where on the timeline the last window ended."""
        super().__init__(spec, stages, sink, position, heard_s)
        self._voices: dict[str, tuple[Voice, asyncio.Lock]] = {}
        self._blind = False
        """Whether it was told that nobody says any more who is in the room."""
        self._away_since = position.origin and position.origin + heard_s
        """When the connection was lost, in seconds since the epoch; None while there is one."""
        self._told_until: float | None = None
        """Where the latest window ended, in seconds since the epoch."""

    async def _run_source(self) -> SourceError | None:
        error = await super()._run_source()
        self._blind = False
        if error is not None and self._connected_before and self._away_since is None:
            # A run that nobody took windows from ended when its last one did, long before that is heard of.
            overrun = isinstance(error, OverrunError)
            self._away_since = self._told_until if overrun else self._stages.clock()
        return error

    async def _tell_gap(self, window: Window | LostWindow) -> None:
        """Tell of the time without a connection, when the first window behind it comes."""
        self._told_until = max(self._told_until or window.ended_at, window.ended_at)
        away_since, self._away_since = self._away_since, None
        if away_since is not None and window.started_at - away_since >= GAP_S:
            await self._tell(EventType.GAP, gap=Gap(away_since, window.started_at, range(0)))

    async def _next(
        self, windows: AsyncIterator[Window | LostWindow]
    ) -> tuple[Window | LostWindow | None, bool]:
        """Wait for the next window, and tell meanwhile of a roster that fails, and that it is back."""
        following = asyncio.create_task(next_window(windows), name=f"next window {self.spec.stream_id}")
        try:
            while not following.done():
                await asyncio.wait((following,), timeout=self._stages.stalled_s)
                await self._tell_sight()
            return await following, False
        finally:
            if not following.done():
                following.cancel()
                await asyncio.wait((following,))

    async def _tell_sight(self) -> None:
        blind = isinstance(self._source, PulledRoomSource) and self._source.blind
        if blind is not self._blind and not self._ending.is_set():
            self._blind = blind
            await self._tell(EventType.STALLED if blind else EventType.RESUMED)

    async def _moderate(self) -> None:
        judged: asyncio.Queue[_Judged | StreamEvent | None] = asyncio.Queue(MAX_JUDGED)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell_all(judged), name=f"tell {self.spec.stream_id}")
            while (item := await self._pending.get()) is not None:
                await judged.put(item if isinstance(item, StreamEvent) else self._begin(item, tasks))
            await judged.put(None)

    def _begin(self, window: Window | LostWindow, tasks: asyncio.TaskGroup) -> _Judged:
        """Begin to judge a window, behind the one before it of the same user."""
        voice, turn = self._voice_of(window.user or "")
        judging = None
        if window.place % self.spec.moderate_every == 0:
            name = f"judge {self.spec.stream_id} {window.index}"
            judging = tasks.create_task(self._judge_in_turn(voice, turn, window), name=name)
        return _Judged(window, voice, judging)

    async def _judge_in_turn(
        self, voice: Voice, turn: asyncio.Lock, window: Window | LostWindow
    ) -> Judgement:
        async with turn:
            with structlog.contextvars.bound_contextvars(user=window.user):
                return await self._judge(voice, window)

    async def _tell_all(self, judged: asyncio.Queue[_Judged | StreamEvent | None]) -> None:
        while (item := await judged.get()) is not None:
            if isinstance(item, StreamEvent):
                await self._sink.event(item)
                continue
            window = item.window
            judgement = await item.judging if item.judging is not None else None
            self._heard_s = max(self._heard_s, window.ended_at - window.origin)
            with structlog.contextvars.bound_contextvars(user=window.user):
                await self._sink.advance(Position(window.origin, window.index + 1), self._heard_s)
                if judgement is not None:
                    await self._tell_judgement(item.voice, window, judgement)
            item.voice.passed(window)

    def _voice_of(self, user: str) -> tuple[Voice, asyncio.Lock]:
        """Return a user's voice; that of who has been silent for longest is forgotten when there are many."""
        found = self._voices.pop(user, None) or (Voice(self.spec, self._stages), asyncio.Lock())
        self._voices[user] = found
        if len(self._voices) > MAX_JUDGED:
            del self._voices[next(iter(self._voices))]
        return found


def stream_of(
    spec: StreamSpec, stages: Stages, sink: ReportSink, position: Position, heard_s: float
) -> Stream:
    """Make the stream that moderates what `spec` asks for."""
    kind = RoomStream if spec.separate else Stream
    return kind(spec, stages, sink, position, heard_s)
