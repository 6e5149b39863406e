"""Work that a thread of its own does, a few pieces behind the one that hands it over."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

CAPACITY = 4
"""Pieces that may wait."""

Piece = TypeVar("Piece")


class Behind(Generic[Piece]):
    """Does pieces of work in their order. All but the work belongs to one thread, which closes it."""

    def __init__(self, work: Callable[[Piece], None], name: str) -> None:
        """The thread inherits this one's priority."""
        self._work = work
        self._waiting: queue.Queue[Piece | None] = queue.Queue(CAPACITY)
        self._error: BaseException | None = None
        self._dropped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def hand(self, piece: Piece) -> None:
        """Hand over the next piece; wait while too many wait. Raises what the work has raised by now."""
        self._raise()
        self._waiting.put(piece)

    def finish(self) -> None:
        """Wait until all is done. Raises what the work has raised."""
        self._waiting.put(None)
        self._thread.join()
        self._raise()

    def close(self) -> None:
        """Wait for the piece that is being worked on; those that wait are left undone."""
        self._dropped = True
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()

    def _run(self) -> None:
        # After an error it goes on to take pieces, so that nobody waits in vain.
        while (piece := self._waiting.get()) is not None:
            if self._error is None and not self._dropped:
                try:
                    self._work(piece)
                except BaseException as error:  # whatever it is, whoever hands over the work gets to know
                    self._error = error

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
