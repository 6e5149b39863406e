"""What is heard of a room's users becomes windows on one timeline."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.audio import Loss, LostWindow, Window
from pipeline.rooms import voices as room
from pipeline.rooms.ears import Frame
from pipeline.rooms.voices import Mix, Voices
from pipeline.source import Position
from tests.support.speech import noise, tone

ORIGIN = 1000.0
FRAME_S = 0.01


class Clock:
    def __init__(self) -> None:
        self.now = ORIGIN

    def __call__(self) -> float:
        return self.now


def say(
    clock: Clock, voices: Mix | Voices, user: str | None, seconds: float, level: float = 0.2
) -> list[Window | LostWindow]:
    """Let a user speak from now on; the clock goes along."""
    pcm = tone(seconds, level=level).astype("<i2").tobytes()
    given: list[Window | LostWindow] = []
    for place in range(0, len(pcm), 320):
        clock.now += FRAME_S
        given += voices.hear(Frame(user, clock.now, pcm[place : place + 320]))
    return given


def wait(clock: Clock, voices: Mix | Voices, seconds: float) -> list[Window | LostWindow]:
    """Let time pass in silence."""
    given: list[Window | LostWindow] = []
    for _ in range(round(seconds * 10)):
        clock.now += 0.1
        given += voices.overdue(clock.now)
    return given


@pytest.fixture(name="clock")
def _clock() -> Clock:
    return Clock()


def test_a_mix_becomes_windows_numbered_by_their_place(clock: Clock) -> None:
    mix = Mix(Position(ORIGIN, 0), clock)
    given = [*say(clock, mix, None, 24.0), *mix.flush()]
    assert [(each.index, each.user, round(each.heard_s, 2)) for each in given] == [
        (0, None, 10.0),
        (1, None, 10.0),
        (2, None, 4.0),
    ]
    first = given[0]
    assert isinstance(first, Window)
    assert np.array_equal(first.pcm, tone(24.0, level=0.2)[:160_000])


def test_a_mix_goes_on_where_it_was(clock: Clock) -> None:
    clock.now = ORIGIN + 34.0
    given = say(clock, Mix(Position(ORIGIN, 4), clock), None, 20.0)
    assert [(each.index, round(each.heard_s, 2)) for each in given] == [(4, 10.0)], "window 3 was settled"


def test_uneven_threads_make_no_gaps(clock: Clock) -> None:
    """Frames that come late and in bursts follow each other all the same."""
    mix = Mix(Position(ORIGIN, 0), clock)
    pcm = noise(10.5, seed=3).astype("<i2").tobytes()
    given: list[Window | LostWindow] = []
    for number, place in enumerate(range(0, len(pcm), 320)):
        late_s = 0.2 if number // 20 % 2 else 0.0
        given += mix.hear(Frame(None, ORIGIN + (number + 1) * FRAME_S + late_s, pcm[place : place + 320]))
        clock.now = ORIGIN + (number + 1) * FRAME_S + late_s
    (window,) = given
    assert isinstance(window, Window)
    assert np.array_equal(window.pcm, noise(10.5, seed=3)[:160_000])


def test_a_muted_user_leaves_silence_and_is_not_waited_for(clock: Clock) -> None:
    voices = Voices(Position(ORIGIN, 0), clock)
    assert say(clock, voices, "11", 2.0) == []
    assert wait(clock, voices, 3.0) == []
    assert say(clock, voices, "11", 1.0) == []
    (window,) = wait(clock, voices, 10.0)
    assert isinstance(window, Window)
    assert (window.place, window.user, len(window.pcm)) == (0, "11", 160_000)
    assert window.heard_s == pytest.approx(3.0, abs=0.02)
    loud = np.abs(window.pcm.reshape(-1, 8000).astype(int)).max(axis=1) > 1000
    assert list(np.flatnonzero(loud)) == [0, 1, 2, 3, 10, 11]
    assert clock.now >= ORIGIN + 10.0


def test_each_user_has_windows_of_his_own_and_no_number_comes_twice(clock: Clock) -> None:
    voices = Voices(Position(ORIGIN, 7), clock)
    low, high = (tone(12.0, level=each).astype("<i2").tobytes() for each in (0.1, 0.3))
    given: list[Window | LostWindow] = []
    for place in range(0, len(low), 320):
        clock.now += FRAME_S
        for user, pcm in (("11", low), ("22", high)):
            given += voices.hear(Frame(user, clock.now, pcm[place : place + 320]))
    given += voices.left("11")
    given += voices.flush()
    assert [(each.index, each.user, each.place) for each in given] == [
        (7, "11", 0),
        (8, "22", 0),
        (9, "11", 1),
        (10, "22", 1),
    ]
    peaks = [int(np.abs(each.pcm).max()) for each in given if isinstance(each, Window)]
    assert [round(peak / 32767, 1) for peak in peaks] == [0.1, 0.3, 0.1, 0.3], "nobody hears the other"
    assert {each.started_at for each in given} == {ORIGIN, ORIGIN + 10}


def test_users_beyond_the_limit_are_told_as_lost_until_there_is_room(clock: Clock) -> None:
    voices = Voices(Position(ORIGIN, 0), clock)
    frame = tone(FRAME_S).astype("<i2").tobytes()
    for number in range(room.MAX_USERS):
        assert not list(voices.hear(Frame(str(number), clock.now, frame)))
    (lost,) = say(clock, voices, "late", 3.0)
    assert lost == LostWindow(0, ORIGIN, 0.0, "late", 0, loss=Loss.SURPLUS)
    assert voices.surplus == 1
    wait(clock, voices, 9.0)
    (again,) = say(clock, voices, "late", 1.0)
    assert (again.place, again.index) == (1, 33), "after the windows of those who are heard"
    wait(clock, voices, room.SEAT_S)
    assert say(clock, voices, "late", 1.0) == []
    assert voices.surplus == 0
    assert [each.user for each in voices.flush()] == ["late"]
