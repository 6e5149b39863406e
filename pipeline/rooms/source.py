"""A source that joins a room: its vendor's client tells from its threads, the event loop cuts windows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from config.settings import NetworkSettings
from pipeline.handover import HandOver
from pipeline.rooms.channel import Channel, Join, Membership
from pipeline.rooms.ears import Ears
from pipeline.rooms.run import EMPTY_S, RoomRun
from pipeline.rooms.voices import MAX_USERS, Mix, Voices
from pipeline.source import Position, SourceError, SourceFault

log = structlog.get_logger()

TICK_S = 0.1
"""How often the loop takes what was told."""
LOAD_S = 10.0
"""On top of the time to connect: a client's library is loaded with the first channel."""
LEAVE_S = 5.0
"""Leaving may take so long; then the client is left to it."""


class RoomSource(RoomRun):
    """One run of a room's audio (a `Source`)."""

    def __init__(
        self,
        join: Join,
        channel: Channel,
        position: Position,
        network: NetworkSettings,
        *,
        name: str,
        clock: Callable[[], float] = time.time,
        empty_s: float = EMPTY_S,
    ) -> None:
        """`name` stands in logs. `clock` gives seconds since the epoch."""
        super().__init__(name, 1 if channel.mixed else MAX_USERS, empty_s)
        self._join = join
        self._channel = channel
        self._position = position
        self._network = network
        self._clock = clock
        self._ears = Ears(clock)
        self._users: set[str] = set()
        """Who is in the channel and is to be listened to."""
        self._heard = False

    @property
    def heard(self) -> bool:
        """Whether any audio has arrived."""
        return self._heard

    async def _run(self, handover: HandOver) -> None:
        """Be in the channel, and hand over what is heard there."""
        error: BaseException | None = None
        voices: Mix | Voices | None = None
        membership: Membership | None = None
        try:
            membership = await self._enter()
            if membership is not None and await self._wait_connected():
                voices = self._make_voices()
                await self._listen(membership, voices, handover)
        except BaseException as caught:
            # Carried to whoever takes the windows, in whose hands it is raised again.
            error = caught
        try:
            if membership is not None:
                await self._leave(membership)
            if voices is not None:
                handover.hurry()
                self._take(voices, handover)
                self._hand_over(handover, voices.flush())
        finally:
            self._finish(handover, error)

    async def _enter(self) -> Membership | None:
        """Begin to join; None when the run is stopped meanwhile."""
        joining = asyncio.create_task(
            asyncio.to_thread(self._join, self._channel, self._ears), name=f"join {self._name}"
        )
        due_s = self._network.connect_timeout_s + LOAD_S
        try:
            done = await self._done_in(joining, due_s)
        except asyncio.CancelledError:
            # It may even be done already.
            joining.add_done_callback(_leave_late)
            raise
        if done:
            return joining.result()
        joining.add_done_callback(_leave_late)
        if self._stopping.is_set():
            return None
        raise SourceError(SourceFault.CANNOT_OPEN, f"the channel was not joined within {due_s:g} s")

    async def _wait_connected(self) -> bool:
        """Wait until we are in the channel; False when the run is stopped before. Raises SourceError."""
        due = time.monotonic() + self._network.connect_timeout_s
        while self._ears.connected_at is None:
            if self._ears.error is not None:
                raise self._ears.error
            if time.monotonic() >= due:
                limit_s = self._network.connect_timeout_s
                raise SourceError(SourceFault.CANNOT_OPEN, f"no connection to the channel in {limit_s:g} s")
            if await self._nap(TICK_S):
                return False
        return True

    def _make_voices(self) -> Mix | Voices:
        """Begin the timeline when we came into the channel, unless an earlier run has begun it."""
        origin = self._position.origin
        if origin is None:
            origin = self._ears.connected_at or self._clock()
        position = Position(origin, self._position.next_index)
        return (Mix if self._channel.mixed else Voices)(position, self._clock)

    async def _listen(self, membership: Membership, voices: Mix | Voices, handover: HandOver) -> None:
        """Take what is told until the run is stopped or the room ends. Raises SourceError."""
        self._enter_room()
        while True:
            if new := self._take(voices, handover):
                await self._subscribe(membership, new)
            self._check()
            if self._is_over() or await self._nap(TICK_S):
                return

    async def _subscribe(self, membership: Membership, users: Sequence[str]) -> None:
        """Listen to users who came, until the run is stopped. Raises SourceError when the client is stuck."""

        def subscribe() -> None:
            for user in users:
                membership.subscribe(user)

        subscribing = asyncio.create_task(asyncio.to_thread(subscribe), name=f"subscribe {self._name}")
        due_s = self._network.connect_timeout_s
        if await self._done_in(subscribing, due_s):
            subscribing.result()
            return
        subscribing.add_done_callback(_forget)
        if not self._stopping.is_set():
            text = f"the channel's client does not answer within {due_s:g} s"
            raise SourceError(SourceFault.CANNOT_OPEN, text)

    def _check(self) -> None:
        """Raise SourceError when we are out of the channel, were for too long, or too many windows wait."""
        self._check_overrun()
        if self._ears.error is not None:
            raise self._ears.error
        since = self._ears.interrupted_at
        if since is not None and time.monotonic() - since > self._network.read_timeout_s:
            raise SourceError(SourceFault.CANNOT_OPEN, "the connection to the channel was lost")

    def _take(self, voices: Mix | Voices, handover: HandOver) -> list[str]:
        """Cut what was heard; return the users that are to be subscribed to."""
        told = self._ears.take()
        if told.dropped:
            log.warning("room_frames_dropped", request_id=self._name, count=told.dropped)
        surplus = voices.surplus if isinstance(voices, Voices) else 0
        frames = [each for each in told.frames if each.user is None or self._channel.wants(each.user)]
        for frame in frames:
            self._hand_over(handover, voices.hear(frame))
        self._heard = self._heard or bool(frames)
        if isinstance(voices, Voices) and voices.surplus > surplus:
            log.warning("room_users_not_heard", request_id=self._name, count=voices.surplus, limit=MAX_USERS)
        new = []
        for user, came in told.users:
            if not came:
                self._users.discard(user)
                self._hand_over(handover, voices.left(user))
            elif self._channel.wants(user) and user not in self._users:
                self._users.add(user)
                new.append(user)
        if frames or self._users:
            self._see_people()
        self._hand_over(handover, voices.overdue(self._clock()))
        return new

    async def _leave(self, membership: Membership) -> None:
        leaving = asyncio.create_task(asyncio.to_thread(membership.leave), name=f"leave {self._name}")
        done, _ = await asyncio.wait((leaving,), timeout=LEAVE_S)
        if not done:
            leaving.add_done_callback(_forget)
            log.error("room_not_left", request_id=self._name, waited_s=LEAVE_S)
        elif (error := leaving.exception()) is not None:
            log.error("room_left_with_an_error", request_id=self._name, error=type(error).__name__)


def _forget(late: asyncio.Future[None]) -> None:
    """Take note of the end of what nobody waits for any more."""
    if not late.cancelled() and (error := late.exception()) is not None:
        log.warning("room_client_failed_late", error=type(error).__name__)


def _leave_late(joining: asyncio.Future[Membership]) -> None:
    """Leave a channel that was joined when nobody waited for it any more."""
    if not joining.cancelled() and joining.exception() is None:
        asyncio.get_running_loop().run_in_executor(None, joining.result().leave)
