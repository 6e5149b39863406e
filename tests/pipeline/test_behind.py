"""A thread works a few pieces behind, in order; what goes wrong there is told here."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import pytest

from pipeline.behind import CAPACITY, Behind


def hand_all(behind: Behind[int], pieces: Iterable[int]) -> None:
    for piece in pieces:
        behind.hand(piece)


def test_all_of_it_in_order() -> None:
    done: list[tuple[int, str]] = []
    behind = Behind[int](lambda piece: done.append((piece, threading.current_thread().name)), "worker")
    hand_all(behind, range(100))
    behind.finish()
    behind.close()
    assert done == [(piece, "worker") for piece in range(100)]


def test_only_so_many_wait() -> None:
    began = threading.Semaphore(0)
    go_on = threading.Event()

    def work(_: int) -> None:
        began.release()
        go_on.wait()

    behind = Behind[int](work, "worker")
    handed: list[int] = []

    def count() -> None:
        for piece in range(CAPACITY + 3):
            behind.hand(piece)
            handed.append(piece)

    handing = threading.Thread(target=count)
    handing.start()
    assert began.acquire(timeout=10)
    handing.join(0.2)
    assert len(handed) <= CAPACITY + 1
    go_on.set()
    handing.join(10)
    assert len(handed) == CAPACITY + 3
    behind.finish()
    behind.close()


def test_an_error_is_raised_where_the_pieces_come_from() -> None:
    done: list[int] = []

    def work(piece: int) -> None:
        if piece == 3:
            raise OSError(28, "No space left on device")
        done.append(piece)

    behind = Behind[int](work, "worker")
    with pytest.raises(OSError, match="No space"):
        hand_all(behind, range(100 * CAPACITY))
    with pytest.raises(OSError, match="No space"):
        behind.finish()
    behind.close()
    assert done == [0, 1, 2], "nothing is done after an error"


def test_an_error_at_the_very_end() -> None:
    def work(piece: int) -> None:
        raise ValueError(piece)

    behind = Behind[int](work, "worker")
    behind.hand(1)
    with pytest.raises(ValueError, match="1"):
        behind.finish()
    behind.close()


def test_what_waits_is_left_undone_when_it_is_closed() -> None:
    began, go_on = threading.Event(), threading.Event()
    done: list[int] = []

    def work(piece: int) -> None:
        began.set()
        go_on.wait()
        done.append(piece)

    behind = Behind[int](work, "leaver")
    hand_all(behind, range(CAPACITY))
    assert began.wait(10)
    # The first piece is not done before it is closed.
    finishing = threading.Timer(1.0, go_on.set)
    finishing.start()
    behind.close()
    finishing.join()
    assert done == [0]
    assert "leaver" not in {thread.name for thread in threading.enumerate()}
    behind.close()
