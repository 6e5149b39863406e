"""What the daemon keeps of a source in another process, and what it tells when that process is lost."""

from __future__ import annotations

import pytest

from pipeline.audio import LostWindow, Window
from pipeline.ingest.frames import Frame, FrameError, Kind, failure_frame, item_frame
from pipeline.ingest.inbox import MAX_WHOLE, Inbox
from pipeline.source import Position, SourceError, SourceFault
from tests.support.streams import spoken_window, voiced_window

ORIGIN = 1000.0
HEARD = Frame(Kind.HEARD, 1, {"live": True})


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def window(index: int, *, live: bool = True) -> Frame:
    return item_frame(1, spoken_window(index, ORIGIN), live=live)


async def rest(inbox: Inbox) -> tuple[list[tuple[type, int]], SourceError | None]:
    taken: list[tuple[type, int]] = []
    try:
        while (item := await inbox.get()) is not None:
            taken.append((type(item), item.index))
    except SourceError as error:
        return taken, error
    return taken, None


async def test_items_then_the_outcome() -> None:
    inbox = Inbox(Position())
    inbox.receive(window(0))
    inbox.receive(item_frame(1, LostWindow(1, ORIGIN, 10.0), live=True))
    assert inbox.live
    failure = SourceError(SourceFault.INVALID_DATA, "no", retryable=False)
    inbox.receive(failure_frame(1, failure, live=True))
    inbox.receive(window(2))
    inbox.cut_off("too late to matter")
    taken, error = await rest(inbox)
    assert taken == [(Window, 0), (LostWindow, 1)]
    assert error is not None
    assert (error.fault, error.retryable, str(error)) == (SourceFault.INVALID_DATA, False, "no")


async def test_a_mistake_of_the_program_is_no_quiet_end() -> None:
    inbox = Inbox(Position())
    inbox.receive(Frame(Kind.CRASHED, 1, {"live": True}))
    with pytest.raises(RuntimeError, match="crashed"):
        await inbox.get()


async def test_heard_windows_of_a_lost_process_are_told_as_lost() -> None:
    clock = Clock(ORIGIN + 20.5)
    inbox = Inbox(Position(), clock)
    inbox.receive(window(0))
    inbox.receive(window(1))
    clock.now = ORIGIN + 43.0
    inbox.cut_off("gone")
    taken, error = await rest(inbox)
    assert taken == [(Window, 0), (Window, 1), (LostWindow, 2), (LostWindow, 3), (LostWindow, 4)]
    assert error is not None
    assert (error.fault, error.retryable, str(error)) == (SourceFault.CANNOT_OPEN, True, "gone")


async def test_a_stream_ahead_of_the_clock_loses_its_window_in_progress() -> None:
    inbox = Inbox(Position(), Clock(ORIGIN + 9.0))
    inbox.receive(window(0))
    inbox.cut_off("gone")
    taken, _ = await rest(inbox)
    assert taken == [(Window, 0), (LostWindow, 1)]


async def test_a_lost_run_that_joined_later_counts_from_its_first_audio() -> None:
    """Window 2 to 4 passed while nobody was connected: they were not lost here."""
    clock = Clock(ORIGIN + 52.0)
    inbox = Inbox(Position(ORIGIN, 2), clock)
    inbox.receive(HEARD)
    clock.now += 3.0
    inbox.cut_off("gone")
    taken, _ = await rest(inbox)
    assert taken == [(LostWindow, 5)]


@pytest.mark.parametrize(
    ("position", "frames"),
    [
        (Position(ORIGIN, 2), []),
        (Position(), [HEARD]),
        (Position(ORIGIN, 2), [Frame(Kind.HEARD, 1, {"live": False})]),
        (Position(), [window(0, live=False)]),
    ],
    ids=["not connected", "no timeline yet", "a recording", "a recording under way"],
)
async def test_nothing_is_lost_that_was_not_heard_or_can_be_read_again(
    position: Position, frames: list[Frame]
) -> None:
    inbox = Inbox(position, Clock(ORIGIN + 60))
    for frame in frames:
        inbox.receive(frame)
    inbox.cut_off("gone")
    taken, error = await rest(inbox)
    assert LostWindow not in [kind for kind, _ in taken]
    assert error is not None


async def test_a_stopped_source_does_not_fail() -> None:
    inbox = Inbox(Position(), Clock(ORIGIN + 13))
    inbox.receive(window(0))
    inbox.stopping = True
    inbox.cut_off("gone")
    assert await rest(inbox) == ([(Window, 0), (LostWindow, 1)], None)


def test_a_process_that_does_not_keep_to_the_protocol_is_found_out() -> None:
    inbox = Inbox(Position(ORIGIN, 5))
    with pytest.raises(FrameError, match="order"):
        inbox.receive(window(4))
    inbox.receive(window(5))
    with pytest.raises(FrameError, match="order"):
        inbox.receive(window(5))
    with pytest.raises(FrameError, match="OPEN"):
        inbox.receive(Frame(Kind.OPEN, 1, {"live": True}))
    with pytest.raises(FrameError, match="live"):
        inbox.receive(Frame(Kind.ENDED, 1, {}))
    for index in range(6, 5 + MAX_WHOLE):
        inbox.receive(window(index))
    with pytest.raises(FrameError, match="more windows"):
        inbox.receive(window(5 + MAX_WHOLE))


async def test_of_a_lost_room_each_user_who_was_heard_lately_lost_a_window() -> None:
    inbox = Inbox(Position(ORIGIN, 5), Clock(ORIGIN + 47), voices=4)
    for index, (user, slot) in enumerate((("away", 0), ("11", 2), ("22", 3), ("11", 3)), 5):
        inbox.receive(item_frame(1, voiced_window(index, user, slot, ORIGIN), live=True))
    inbox.cut_off("lost")
    items = [await inbox.get() for _ in range(6)]
    lost = [each for each in items if isinstance(each, LostWindow)]
    assert [(each.index, each.user, each.place) for each in lost] == [(9, "11", 4), (10, "22", 4)]
    with pytest.raises(SourceError, match="lost"):
        await inbox.get()


async def test_a_room_may_send_a_window_of_every_voice() -> None:
    inbox = Inbox(Position(), voices=2)
    for index in range(2 * MAX_WHOLE):
        inbox.receive(item_frame(1, voiced_window(index, "11", index), live=True))
    with pytest.raises(FrameError, match="more windows"):
        inbox.receive(item_frame(1, voiced_window(2 * MAX_WHOLE, "11", 2 * MAX_WHOLE), live=True))
