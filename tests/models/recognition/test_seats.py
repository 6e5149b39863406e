"""Seats: never more at once than there are, and first come, first served."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from models.recognition.seats import Seats

PATIENCE_S = 30.0


def until(true: Callable[[], bool]) -> None:
    tick = threading.Event()
    for _ in range(int(PATIENCE_S / 0.002)):
        if true():
            return
        tick.wait(0.002)
    raise AssertionError("it never came true")


class Guest:
    """Takes a seat and keeps it until told to go; notes its name when it sits down."""

    def __init__(self, seats: Seats, name: str, seated: list[str]) -> None:
        self.go = threading.Event()
        self._thread = threading.Thread(target=self._sit, args=(seats, name, seated))
        self._thread.start()

    def _sit(self, seats: Seats, name: str, seated: list[str]) -> None:
        with seats:
            seated.append(name)
            self.go.wait(PATIENCE_S)

    def leave(self) -> None:
        self.go.set()
        self._thread.join(PATIENCE_S)


def test_who_comes_first_sits_first_and_the_others_wait() -> None:
    seats, seated = Seats(2), list[str]()
    guests = []
    for place, name in enumerate("abcd"):
        guests.append(Guest(seats, name, seated))
        until(lambda place=place: len(seated) + seats.waiting == place + 1)  # type: ignore[misc]  # bound now
    assert (seated, seats.waiting) == (["a", "b"], 2)
    for guest, expected in zip(guests, ("abc", "abcd", "abcd", "abcd"), strict=True):
        guest.leave()
        until(lambda expected=expected: "".join(seated) == expected)  # type: ignore[misc]  # bound now
    assert seats.waiting == 0


def test_who_leaves_and_comes_back_goes_to_the_end_of_the_line() -> None:
    seats, seated = Seats(1), list[str]()
    first = Guest(seats, "a", seated)
    until(lambda: seated == ["a"])
    second = Guest(seats, "b", seated)
    until(lambda: seats.waiting == 1)
    first.leave()
    again = Guest(seats, "a", seated)
    until(lambda: len(seated) == 2)
    assert seated == ["a", "b"], "the seat is b's before a can ask again"
    until(lambda: seats.waiting == 1)
    second.leave()
    again.leave()


def test_a_seat_is_free_again_after_an_error() -> None:
    seats = Seats(1)
    with pytest.raises(ValueError, match="broken"), seats:
        raise ValueError("broken")
    with seats:
        assert seats.waiting == 0
