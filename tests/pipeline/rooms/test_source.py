"""A room that is joined: what its client says becomes windows, an end, or a failure with its number."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from config.settings import NetworkSettings
from pipeline.audio import WINDOW_SAMPLES, LostWindow, Window
from pipeline.handover import MAX_ITEMS
from pipeline.rooms.channel import Channel, Listener, Wanted
from pipeline.rooms.source import RoomSource
from pipeline.source import OverrunError, Position, SourceError, SourceFault
from tests.support.listening import take
from tests.support.media_server import wait_until
from tests.support.speech import tone

pytestmark = pytest.mark.usefixtures("nothing_blocks")

PATIENT = NetworkSettings(connect_timeout_s=20.0, read_timeout_s=20.0)
REFUSED = SourceError(SourceFault.NOT_AUTHORISED, "the token is not valid", retryable=False)

Story = Callable[[Listener, threading.Event], None]
"""What a client tells, in its own thread, until the event says that we have left."""


class Client:
    """A client that tells a story from a thread (a `Join`, and the `Membership` that it gives)."""

    def __init__(self, story: Story, *, held: bool = False) -> None:
        """`held`: joining waits for `go_on`."""
        self._story = story
        self.joining = threading.Event()
        self.go_on = threading.Event()
        if not held:
            self.go_on.set()
        self._left = threading.Event()
        self._thread: threading.Thread | None = None
        self.subscribed: list[str] = []

    @property
    def left(self) -> bool:
        return self._left.is_set()

    def wait_left(self, timeout_s: float) -> bool:
        return self._left.wait(timeout_s)

    def join(self, _: Channel, listener: Listener) -> Client:
        self.joining.set()
        assert self.go_on.wait(20)
        self._thread = threading.Thread(target=self._story, args=(listener, self._left), name="client")
        self._thread.start()
        return self

    def subscribe(self, user: str) -> None:
        assert threading.current_thread() is not self._thread
        self.subscribed.append(user)

    def leave(self) -> None:
        self._left.set()
        assert self._thread is not None
        self._thread.join(5)


def channel(**changes: object) -> Channel:
    fields: dict[str, object] = {
        "app_id": "app", "name": "room", "token": "t", "uid": 1, "mixed": False, "broadcast": True,
    }  # fmt: skip
    return Channel(**{**fields, **changes})  # type: ignore[arg-type]  # field by field


def source(
    client: Client,
    what: Channel | None = None,
    *,
    empty_s: float = 60.0,
    network: NetworkSettings = PATIENT,
) -> RoomSource:
    return RoomSource(client.join, what or channel(), Position(), network, name="test", empty_s=empty_s)


def speak(listener: Listener, user: str | None, seconds: float) -> None:
    """Speak in real time."""
    pcm = tone(seconds).astype("<i2").tobytes()
    for place in range(0, len(pcm), 320):
        listener.heard(user, pcm[place : place + 320])
        time.sleep(0.01)


async def outcome(run: RoomSource) -> tuple[list[Window | LostWindow], SourceError | None]:
    async with asyncio.timeout(20):
        return await take(run.windows())


async def listened_to(client: Client, users: int) -> None:
    """Wait until so many were subscribed to."""
    await asyncio.to_thread(wait_until, lambda: len(client.subscribed) == users, "all subscriptions")


async def test_windows_of_those_who_spoke_come_when_the_run_is_stopped() -> None:
    spoken = threading.Event()

    def story(listener: Listener, _: threading.Event) -> None:
        listener.connected()
        for user in ("11", "22"):
            listener.joined(user)
            speak(listener, user, 0.5)
        spoken.set()

    client = Client(story)
    run = source(client)
    taking = asyncio.create_task(outcome(run), name="take")
    await asyncio.to_thread(spoken.wait, 20)
    await listened_to(client, 2)
    assert not run.heard or run.live
    await run.stop()
    windows, error = await taking
    assert error is None
    assert [(each.index, each.user) for each in windows] == [(0, "11"), (1, "22")]
    assert all(0.4 < each.heard_s < 0.6 for each in windows)
    assert client.left
    assert client.subscribed == ["11", "22"]
    assert run.heard


async def test_only_those_who_are_wanted_are_heard() -> None:
    spoken = threading.Event()

    def story(listener: Listener, _: threading.Event) -> None:
        listener.connected()
        for user in ("11", "22", "33"):
            listener.joined(user)
            speak(listener, user, 0.3)
        spoken.set()

    for wanted, heard in ((Wanted.LISTED, ["22"]), (Wanted.OTHERS, ["11", "33"])):
        spoken.clear()
        client = Client(story)
        run = source(client, channel(wanted=wanted, listed=("22",)))
        taking = asyncio.create_task(outcome(run), name="take")
        await asyncio.to_thread(spoken.wait, 20)
        await listened_to(client, len(heard))
        await run.stop()
        windows, _ = await taking
        assert [each.user for each in windows] == heard
        assert client.subscribed == heard


async def test_more_windows_than_may_wait_end_the_run_and_none_is_lost() -> None:
    count = MAX_ITEMS + 10

    def story(listener: Listener, _: threading.Event) -> None:
        listener.connected()
        for _number in range(count):
            listener.heard(None, bytes(2 * WINDOW_SAMPLES))

    client = Client(story)
    run = source(client, channel(mixed=True))
    windows = run.windows()
    try:
        async with asyncio.timeout(20):
            first = await anext(windows)
            await asyncio.to_thread(client.wait_left, 15)
            others, error = await take(windows)
    finally:
        await run.stop()
    assert isinstance(error, OverrunError)
    assert [each.index for each in (first, *others)] == list(range(count))


async def test_what_was_heard_comes_before_the_failure() -> None:
    def story(listener: Listener, _: threading.Event) -> None:
        listener.connected()
        speak(listener, None, 0.5)
        listener.failed(SourceError(SourceFault.NOT_AUTHORISED, "the token has expired", retryable=False))
        listener.failed(SourceError(SourceFault.CANNOT_OPEN, "only the first counts"))

    client = Client(story)
    windows, error = await outcome(source(client, channel(mixed=True)))
    (window,) = windows
    assert isinstance(window, Window)
    assert np.abs(window.pcm).max() > 1000
    assert error is not None
    assert (error.fault, error.retryable, str(error)) == (
        SourceFault.NOT_AUTHORISED,
        False,
        "the token has expired",
    )
    assert client.left


def refuses(listener: Listener, _: threading.Event) -> None:
    listener.failed(REFUSED)


def says_nothing(_: Listener, left: threading.Event) -> None:
    left.wait(10)


def breaks_off(listener: Listener, left: threading.Event) -> None:
    listener.connected()
    listener.interrupted()
    left.wait(10)


def is_empty(listener: Listener, left: threading.Event) -> None:
    listener.connected()
    left.wait(10)


@pytest.mark.parametrize(
    ("story", "impatient", "fault", "retryable", "said"),
    [
        (refuses, {}, SourceFault.NOT_AUTHORISED, False, "the token is not valid"),
        (
            says_nothing,
            {"connect_timeout_s": 0.5},
            SourceFault.CANNOT_OPEN,
            True,
            "no connection to the channel in 0.5 s",
        ),
        (
            breaks_off,
            {"read_timeout_s": 0.5},
            SourceFault.CANNOT_OPEN,
            True,
            "the connection to the channel was lost",
        ),
        (is_empty, {}, SourceFault.NO_SUCH_STREAM, False, "nobody came into the channel"),
    ],
)
async def test_failures_have_their_numbers(
    story: Story, impatient: dict[str, float], fault: SourceFault, retryable: bool, said: str
) -> None:
    client = Client(story)
    network = PATIENT.model_copy(update=impatient)
    windows, error = await outcome(source(client, empty_s=1.0, network=network))
    assert windows == []
    assert error is not None
    assert (error.fault, error.retryable, str(error)) == (fault, retryable, said)
    assert client.left


async def test_an_interruption_that_is_over_in_time_is_none() -> None:
    def story(listener: Listener, _: threading.Event) -> None:
        listener.connected()
        listener.interrupted()
        time.sleep(0.2)
        listener.connected()
        # Longer altogether than an interruption may last.
        speak(listener, None, 2.5)
        listener.failed(REFUSED)

    network = PATIENT.model_copy(update={"read_timeout_s": 2.0})
    windows, error = await outcome(source(Client(story), channel(mixed=True), network=network))
    assert len(windows) == 1
    assert error is REFUSED


async def test_a_room_that_everybody_has_left_has_ended() -> None:
    def story(listener: Listener, _: threading.Event) -> None:
        listener.connected()
        listener.joined("11")
        speak(listener, "11", 0.5)
        listener.left("11")

    run = source(Client(story), empty_s=0.5)
    windows, error = await outcome(run)
    assert [each.user for each in windows] == ["11"]
    assert error is None
    assert not run.live, "an end, no lost connection"


async def test_one_who_leaves_ends_nothing_for_the_others() -> None:
    def story(listener: Listener, _: threading.Event) -> None:
        listener.connected()
        listener.joined("11")
        listener.joined("22")
        speak(listener, "11", 0.3)
        listener.left("11")
        speak(listener, "22", 0.6)
        listener.failed(REFUSED)

    windows, error = await outcome(source(Client(story), empty_s=0.3))
    assert [each.user for each in windows] == ["11", "22"]
    assert error is REFUSED


async def test_stopping_does_not_wait_for_a_client_that_is_still_joining() -> None:
    client = Client(says_nothing, held=True)
    run = source(client)
    taking = asyncio.create_task(outcome(run), name="take")
    await asyncio.to_thread(client.joining.wait, 20)
    await run.stop()
    assert await taking == ([], None)
    assert not client.left
    client.go_on.set()
    assert await asyncio.to_thread(client.wait_left, 10), "it is left when it has joined at last"


async def test_a_mistake_in_a_client_is_no_quiet_end() -> None:
    def join(_: Channel, listener: Listener) -> Client:
        raise ZeroDivisionError

    run = RoomSource(join, channel(), Position(), PATIENT, name="test")
    with pytest.raises(ZeroDivisionError):
        await outcome(run)
