"""A source that pulls a room's users one by one: a roster says who is there, each has a stream of his own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace

import structlog

from pipeline.audio import WINDOW_S, Loss, LostWindow, Window
from pipeline.handover import HandOver
from pipeline.retry import Backoff
from pipeline.rooms.roster import Ask, Member, PulledRoom, Roll
from pipeline.rooms.run import EMPTY_S, RoomRun
from pipeline.rooms.user import PulledUser
from pipeline.rooms.voices import MAX_USERS, SEAT_S
from pipeline.source import Position, Source, SourceError, SourceFault

log = structlog.get_logger()

TICK_S = 1.0
BLIND_S = 60.0
"""A roster that has not answered for so long is missed: who came since then is not heard."""
LONGEST_PAUSE_S = 60.0
"""A roster that fails is asked after twice as long each time, up to this."""
MAX_DOUBLINGS = 8
TOLD_EVERY = 6
"""Windows. Of a thousand listed users each is told once a minute that he is not listened to: telling it of
each window would hold up the verdicts on those who are."""
NEVER = -TOLD_EVERY

OpenStream = Callable[[str, Position], Source]
"""Opens an address as a live source."""
Key = tuple[str, str]


class PulledRoomSource(RoomRun):
    """One run of a room whose users are pulled (a `Source`).

    Windows are numbered in the order in which they are complete, from `position.next_index` on; the place on
    the timeline, which all users share, is their `slot`. It begins with the first run.
    """

    def __init__(
        self,
        room: PulledRoom,
        position: Position,
        open_stream: OpenStream,
        ask: Ask,
        *,
        name: str,
        backoff: Backoff,
        clock: Callable[[], float] = time.time,
        empty_s: float = EMPTY_S,
        blind_s: float = BLIND_S,
    ) -> None:
        """`name` stands in logs. `backoff` is each user's own. `clock` gives seconds since the epoch."""
        super().__init__(name, MAX_USERS, empty_s)
        self._room = room
        self._open_stream = open_stream
        self._ask = ask
        self._backoff = backoff
        self._clock = clock
        self._blind_s = blind_s
        self._origin = clock() if position.origin is None else position.origin
        self._next_index = position.next_index
        self._seated: dict[Key, PulledUser] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: dict[Key, int] = {}
        """Who is not listened to for want of a place, and the last window that was told as lost."""
        self._answered_at: float | None = None
        """When the roster answered last, by `time.monotonic()`."""
        self._failures = 0
        self._unusable = 0
        """Entries of the roster's last answer that could not be used."""
        self._handover: HandOver

    @property
    def blind(self) -> bool:
        """Whether the roster, which has answered before, has not done so for long."""
        if self._answered_at is None or not self._failures:
            return False
        return time.monotonic() - self._answered_at > self._blind_s

    async def _run(self, handover: HandOver) -> None:
        """Follow the roster, and hand over what its users are heard saying."""
        self._handover = handover
        error: BaseException | None = None
        try:
            await self._follow()
        except BaseException as caught:
            # Carried to whoever takes the windows, in whose hands it is raised again.
            error = caught
        try:
            handover.hurry()
            for key in list(self._seated):
                self._dismiss(key)
            if self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            self._finish(handover, error)

    async def _follow(self) -> None:
        """Ask who is there until the run is stopped or the room ends. Raises SourceError."""
        due = time.monotonic()
        asking: asyncio.Task[Roll] | None = None
        try:
            while not self._stopping.is_set():
                if asking is not None:
                    if await self._done_in(asking, TICK_S):
                        due = time.monotonic() + self._take_answer(asking)
                        asking = None
                elif (left_s := due - time.monotonic()) > 0:
                    await self._nap(min(TICK_S, left_s))
                else:
                    roll = self._room.roster.call(self._ask)
                    asking = asyncio.create_task(roll, name=f"roster {self._name}")
                if self._answered_at is not None and self._is_left():
                    return
        finally:
            if asking is not None:
                asking.cancel()
                # Its failure is nobody's matter any more.
                await asyncio.gather(asking, return_exceptions=True)

    def _is_left(self) -> bool:
        """Say whether the room has ended. Raises SourceError when nothing is known of it any more, or nobody
        takes what is heard.
        """
        self._check_overrun()
        self._tell_waiting()
        if self._seated or self._waiting:
            self._see_people()
        if self.blind:
            since = time.monotonic() - self._blind_s
            if not any(user.heard_at > since for user in self._seated.values()):
                raise SourceError(SourceFault.CANNOT_OPEN, "the roster does not answer, and nobody is heard")
        return self._is_over()

    def _take_answer(self, asking: asyncio.Task[Roll]) -> float:
        """Listen to those who are there; return when to ask again. Raises SourceError for the first one."""
        every_s = self._room.roster.ask_every_s
        try:
            roll = asking.result()
        except SourceError as error:
            if self._answered_at is None:
                raise
            self._failures += 1
            pause_s = max(every_s, min(LONGEST_PAUSE_S, every_s * 2.0 ** min(self._failures, MAX_DOUBLINGS)))
            log.warning(
                "roster_failed",
                request_id=self._name,
                failures=self._failures,
                pause_s=pause_s,
                reason=str(error),
            )
            return pause_s
        if self._answered_at is None:
            self._enter_room()
        self._answered_at, self._failures = time.monotonic(), 0
        if roll.unusable != self._unusable:
            self._unusable = roll.unusable
            log.warning("roster_entries_not_usable", request_id=self._name, count=roll.unusable)
        self._settle({member.key: member for member in self._room.others(roll.members)})
        return every_s

    def _settle(self, here: Mapping[Key, Member]) -> None:
        """Listen to those who are there, as many as there is room for, and to nobody else."""
        for key in self._seated.keys() - here.keys():
            self._dismiss(key)
        before = len(self._waiting)
        self._waiting = {key: place for key, place in self._waiting.items() if key in here}
        for key, member in here.items():
            if key in self._seated:
                self._seated[key].member = member
            elif self._make_room():
                self._waiting.pop(key, None)
                self._seat(member)
            else:
                self._waiting.setdefault(key, NEVER)
        if len(self._waiting) > before:
            count = len(self._waiting)
            log.warning("room_users_not_heard", request_id=self._name, count=count, limit=MAX_USERS)

    def _make_room(self) -> bool:
        """Say whether there is a place; one who has been silent for long gives his up."""
        if len(self._seated) < MAX_USERS:
            return True
        silent = min(self._seated, key=lambda key: self._seated[key].heard_at)
        if time.monotonic() - self._seated[silent].heard_at < SEAT_S:
            return False
        self._dismiss(silent)
        return True

    def _seat(self, member: Member) -> None:
        user = PulledUser(member, self._open, self._hear, self._miss, self._backoff)
        self._seated[member.key] = user
        self._start(self._pull(user), f"pull user of {self._name}", member.user)

    async def _pull(self, user: PulledUser) -> None:
        try:
            await user.run()
        except Exception:
            # A fault of ours in one stream must not cost the others; the next answer seats him again.
            log.exception("room_user_crashed", request_id=self._name)
            if self._seated.get(user.member.key) is user:
                del self._seated[user.member.key]
            self._miss(user.member)

    def _dismiss(self, key: Key) -> None:
        """Stop listening to a user; what was heard of his last window is still handed over."""
        self._start(self._seated.pop(key).leave(), f"leave user of {self._name}", key[0])

    def _start(self, work: Coroutine[None, None, None], name: str, user: str) -> None:
        with structlog.contextvars.bound_contextvars(user=user):
            task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _open(self, member: Member) -> Source:
        # What was before is settled, as far as this pull is concerned.
        return self._open_stream(self._room.address_of(member), Position(self._origin, self._place()))

    def _hear(self, member: Member, window: Window | LostWindow) -> None:
        heard = replace(window, index=self._take_index(), user=member.user, slot=window.index)
        self._hand_over(self._handover, (heard,))

    def _miss(self, member: Member) -> None:
        """Tell that a user is there and cannot be heard."""
        self._tell_lost(member.user, Loss.UNHEARD)

    def _tell_waiting(self) -> None:
        """Tell of those for whom there is no place that they are not heard, and again while it lasts."""
        place = self._place()
        for key, last in self._waiting.items():
            if place - last >= TOLD_EVERY:
                self._waiting[key] = place
                self._tell_lost(key[0], Loss.SURPLUS)

    def _tell_lost(self, user: str, loss: Loss) -> None:
        lost = LostWindow(self._take_index(), self._origin, 0.0, user, self._place(), loss)
        self._hand_over(self._handover, (lost,))

    def _place(self) -> int:
        """Which ten seconds of the room's timeline these are."""
        return max(0, int((self._clock() - self._origin) // WINDOW_S))

    def _take_index(self) -> int:
        index = self._next_index
        self._next_index += 1
        return index
