"""What a reader of live media is beside decoding: it can be watched, cancelled, and says why it failed."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pipeline import limits
from pipeline.blocks import Block, Progress
from pipeline.interrupt import INTERRUPT
from pipeline.network.parts import Part
from pipeline.source import SourceError, SourceFault

LOOK_EVERY_S = 0.5
SILENT_S = 1.0
"""The audio that is read must have been silent for so long before another one is looked for."""
STEADY_S = 10.0
"""Audio that was heard for less before it changed is left to the owner's retries, which have pauses."""

IoOpen = Callable[[str, int, dict[str, str]], Part]


@dataclass(frozen=True, slots=True)
class Opening:
    """What FFmpeg is to open, and how."""

    url: str
    options: dict[str, str] = field(default_factory=dict)
    io_open: IoOpen | None = None
    """Opens the address itself and every further part; None: FFmpeg does."""
    format: str | None = None
    """FFmpeg's name of the container, where it is known beforehand."""


def other_codec() -> SourceError:
    """Say that a recording goes on in a way that is lost on us: opening it again shows no more of it."""
    text = "the recording goes on with audio of another codec, which cannot be read"
    return SourceError(SourceFault.INVALID_DATA, text, retryable=False)


class Reading:
    """One reading of an address or file. It belongs to one thread, but `cancel` may be called from any."""

    def __init__(self, on_bad_packet: Callable[[int], None]) -> None:
        """`on_bad_packet` gets the count so far, at most once a second."""
        self.progress = Progress()
        self._on_bad_packet = on_bad_packet
        self._bad_since: float | None = None
        self._bad_in_a_row = 0
        self._told_at = -math.inf
        self._lock = threading.Lock()
        self._thread: int | None = None
        self._changed = False
        """Whether the reading ended because the audio goes on, and only opening again shows how."""
        self._heard_before_s = 0.0
        """How much had been heard when it was opened last."""
        self.cancelled = False

    @property
    def live(self) -> bool:
        """Whether this is a live stream, as far as is known by now (for certain when it is opened)."""
        return False

    @property
    def bursts(self) -> bool:
        """Whether audio comes in pieces of several seconds rather than steadily."""
        return False

    @property
    def patient(self) -> bool:
        """Whether the remote side can be kept waiting without losing what it sent."""
        return True

    def cancel(self) -> None:
        """Make the reading end within moments, whatever it waits for. Safe to call twice."""
        with self._lock:
            self.cancelled = True
            if self._thread is not None:
                INTERRUPT.cancel(self._thread)

    @staticmethod
    def give_up() -> None:
        """Make the calling thread's calls into FFmpeg end, from within one of them."""
        INTERRUPT.cancel(threading.get_ident())

    def stalled(self, timeout_s: float) -> SourceError:
        """Say why nothing was heard for so long, for an owner that gives up waiting."""
        progress = self.progress
        if progress.opened_at is None:
            return SourceError(SourceFault.CANNOT_OPEN, "the stream did not begin in time")
        if progress.others_at is not None and time.monotonic() - progress.others_at < timeout_s:
            return SourceError(SourceFault.NO_AUDIO, f"no audio for {timeout_s:g} s, though other data comes")
        return SourceError(SourceFault.CANNOT_OPEN, f"no audio for {timeout_s:g} s")

    def failure(self, error: Exception) -> SourceError:
        """Say what an error means, without the address."""
        if isinstance(error, SourceError):
            return error
        if isinstance(error, PermissionError):
            return SourceError(SourceFault.NO_SUCH_STREAM, "the server refuses to play this stream")
        if isinstance(error, ConnectionRefusedError):
            return SourceError(SourceFault.CANNOT_OPEN, "the server refuses the connection")
        if isinstance(error, (ValueError, LookupError, EOFError)):
            return SourceError(SourceFault.INVALID_DATA, "the data is in no format that can be read")
        if self.progress.opened_at is not None:
            return SourceError(SourceFault.CANNOT_OPEN, "the connection broke off")
        return SourceError(SourceFault.CANNOT_OPEN, "the address cannot be opened")

    def _begin(self) -> bool:
        """Take the calling thread for the reading's; say whether it is to begin at all."""
        self._heard_before_s = self.progress.heard_s
        with self._lock:
            if not self.cancelled:
                self._thread = threading.get_ident()
            return not self.cancelled

    def _end(self) -> None:
        """Let the thread go."""
        with self._lock:
            if self._thread is not None:
                INTERRUPT.forget(self._thread)
            self._thread = None

    def _silent(self, now: float) -> bool:
        """Whether the audio that is read has stopped, or does not come."""
        heard_at = max(self.progress.heard_at or 0.0, self.progress.opened_at or 0.0)
        return now - heard_at > SILENT_S

    @contextmanager
    def _watching_for(self, another: Callable[[], bool]) -> Iterator[None]:
        """Make the calls into FFmpeg end when the audio has stopped and `another` says that there is more.

        `another` is asked in the reading thread, also in the midst of a call that waits.
        """
        look_at = 0.0

        def look() -> bool:
            nonlocal look_at
            now = time.monotonic()
            if now < look_at:
                return False
            look_at = now + LOOK_EVERY_S
            self._changed = self._changed or (self._silent(now) and another())
            if self._changed:
                self._leave()
            return self._changed

        thread = threading.get_ident()
        INTERRUPT.watch(thread, look)
        try:
            yield
        finally:
            INTERRUPT.unwatch(thread)
            if self._changed and not self._steady:
                self._changed = False
                raise SourceError(SourceFault.INVALID_DATA, "the codec of the audio changes all the time")

    @property
    def _steady(self) -> bool:
        return self.progress.heard_s - self._heard_before_s >= STEADY_S

    def _renew(self) -> bool:
        """Have a live stream opened again, and the present reading end; False: it is none, or not steady.

        No segment of a playlist is so long that it would be needed there.
        """
        self._changed = self.live and self._steady and not self.bursts
        return self._changed

    def _address(self) -> Opening:
        """What to open. Called in the reading thread; may block; raises SourceError."""
        raise NotImplementedError

    def _leave(self) -> None:
        """Make the reading of the present opening end, where it does not wait in FFmpeg itself."""

    def _close(self) -> None:
        """Let go of what FFmpeg did not close."""

    def _broken(self) -> Exception | None:
        """Why the data ended, when FFmpeg takes for an end what is a failure."""
        return None

    @property
    def _seekable(self) -> bool:
        return True

    def _noting(self, blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            self.progress.hear(block.pcm)
            yield block

    def _note_bad_packet(self, error: Exception) -> None:
        now = time.monotonic()
        self._bad_since = now if self._bad_since is None else self._bad_since
        self._bad_in_a_row += 1
        self.progress.bad_packets += 1
        if now - self._told_at >= 1.0:
            self._told_at = now
            self._on_bad_packet(self.progress.bad_packets)
        if self._bad_in_a_row >= limits.BAD_PACKETS and now - self._bad_since >= limits.BAD_DATA_S:
            raise SourceError(SourceFault.INVALID_DATA, "nothing but undecodable audio arrives") from error

    def _note_good_packet(self) -> None:
        self._bad_since, self._bad_in_a_row = None, 0

    def _only_bad(self) -> bool:
        """Whether nothing of what came last could be decoded."""
        return self._bad_in_a_row >= limits.BAD_PACKETS
