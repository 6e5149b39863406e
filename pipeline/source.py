"""What a source of live audio is: it runs once, and ends, is stopped, or fails with a reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from config.errors import AudiowardenError
from pipeline.audio import LostWindow, Window


class SourceFault(IntEnum):
    """Why a source failed, as a number that callers may pass on (`contract.md`, finish notice)."""

    CANNOT_OPEN = 3001
    INVALID_DATA = 3002
    NO_SUCH_STREAM = 3003
    NO_AUDIO = 3004
    NOT_AUTHORISED = 3005


class SourceError(AudiowardenError):
    """A source failed. The text never holds the URL's credentials or stream key.

    `retryable` is False when trying again cannot help (a refused address, a local file).
    """

    def __init__(self, fault: SourceFault, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.fault = fault
        self.retryable = retryable


class OverrunError(SourceError):
    """Nobody has taken the windows for so long that no more are kept; what came before can still be taken."""

    def __init__(self, message: str = "an hour of audio came faster than it could be taken") -> None:
        super().__init__(SourceFault.INVALID_DATA, message)


@dataclass(frozen=True, slots=True)
class Position:
    """Where on a stream's timeline a run begins.

    `origin` is None on the first run: the first audio sets it. A live source then joins at the wall clock's
    place on the timeline, a recording at the start of window `next_index`.
    """

    origin: float | None = None
    next_index: int = 0


class Source(Protocol):
    """One run of a stream's audio."""

    @property
    def live(self) -> bool:
        """Whether the end of the data means a lost connection rather than the end (known once opened)."""

    def windows(self) -> AsyncIterator[Window | LostWindow]:
        """Yield windows in order until the audio ends or `stop` is called; raise SourceError on failure.

        The last, partial window is yielded in every case, before the error too. A live source whose consumer
        falls behind keeps the newest windows and yields a LostWindow in the place of each one it gave up.
        """

    async def stop(self) -> None:
        """End the run within a second or so, whatever the remote side does. Safe to call twice."""
