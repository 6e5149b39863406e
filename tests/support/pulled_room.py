"""A room whose users are pulled, with fakes around it: a roster and streams that do what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from pipeline.audio import LostWindow, Window
from pipeline.retry import Backoff
from pipeline.rooms.pulled import PulledRoomSource
from pipeline.rooms.roster import Ask, Member, PulledRoom, Roll
from pipeline.source import Position, SourceError
from tests.support.streams import FakeSource, Step, spoken_window

FOR_EVER = 3600.0
NOW = 1_700_000_005.0
ORIGIN = 1_700_000_000.0
START = Position(ORIGIN, 0)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what nobody tells."""
    while not condition():  # noqa: ASYNC110 - clocks and flags have no event
        await asyncio.sleep(0.005)


class FakeRoster:
    """Says what the test says."""

    ask_every_s = 0.01

    def __init__(self, *users: str) -> None:
        self.users: Sequence[str] = users
        self.error: SourceError | None = None
        self.unusable = 0
        self.asked = 0

    async def call(self, _: Ask) -> Roll:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return Roll(tuple(Member(user, user) for user in self.users), self.unusable)

    async def asked_again(self) -> None:
        """Wait until what is said now has been heard."""
        asked = self.asked
        await until(lambda: self.asked >= asked + 2)


Scripts = dict[str, list[Sequence[Step] | None]]
"""Of every user: what his streams give, one after the other; None: a fault of ours."""


class House:
    """A room's source with everything around it."""

    def __init__(self, roster: FakeRoster, scripts: Scripts | None = None) -> None:
        self.roster = roster
        self.scripts = scripts or {}
        self.opened: list[tuple[str, Position]] = []
        self.streams: dict[str, FakeSource] = {}
        self.taken: list[Window | LostWindow] = []
        self.error: Exception | None = None
        self.now = NOW
        self._arrived = asyncio.Condition()

    def open(self, url: str, position: Position) -> FakeSource:
        user = url.rpartition("/")[2]
        self.opened.append((user, position))
        usual: Sequence[Step] = [spoken_window(0, ORIGIN), FOR_EVER]
        scripts = self.scripts.get(user)
        script = scripts.pop(0) if scripts else usual
        if script is None:
            raise ZeroDivisionError
        self.streams[user] = FakeSource(script)
        return self.streams[user]

    @property
    def room(self) -> PulledRoom:
        """What is pulled."""
        return PulledRoom(self.roster, "rtmp://x/{tokenId}", (), "bot")

    def source(self, position: Position, *, empty_s: float = 60.0, blind_s: float = 60.0) -> PulledRoomSource:
        """Make the room's source."""
        return PulledRoomSource(
            self.room,
            position,
            self.open,
            self._ask,
            name="test",
            backoff=Backoff(0.01, 0.0, 0.01, 2),
            clock=lambda: self.now,
            empty_s=empty_s,
            blind_s=blind_s,
        )

    @asynccontextmanager
    async def running(
        self, position: Position = START, *, empty_s: float = 60.0, blind_s: float = 60.0
    ) -> AsyncIterator[PulledRoomSource]:
        """Take what the room gives, and stop it."""
        source = self.source(position, empty_s=empty_s, blind_s=blind_s)
        taking = asyncio.create_task(self._take(source), name="take")
        try:
            async with asyncio.timeout(20):
                yield source
                await source.stop()
                await taking
        finally:
            taking.cancel()
            await asyncio.wait((taking,))

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        async with self._arrived:
            await self._arrived.wait_for(condition)

    def told(self) -> list[tuple[int, str | None, int | None]]:
        return [(each.index, each.user, each.slot) for each in self.taken]

    def of(self, user: str) -> list[Window | LostWindow]:
        return [each for each in self.taken if each.user == user]

    async def _take(self, source: PulledRoomSource) -> None:
        try:
            async for window in source.windows():
                async with self._arrived:
                    self.taken.append(window)
                    self._arrived.notify_all()
        except SourceError as error:
            async with self._arrived:
                self.error = error
                self._arrived.notify_all()

    @staticmethod
    async def _ask(_: str) -> object:
        raise AssertionError("the roster asks nobody")
