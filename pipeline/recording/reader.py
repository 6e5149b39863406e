"""Reads segments back to back as one file, several of them fetched at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pipeline.recording.fetching import Fetching
from pipeline.recording.recording import (
    Container,
    Library,
    RecordingError,
    RecordingFault,
    Segment,
    cancelled_error,
)
from pipeline.recording.text import invalid

HELD_BYTES = 64 * 1024 * 1024
"""Of all segments that are fetched ahead; one that is larger than its share is read as it comes."""
MAX_MISSING_IN_ROW = 10
"""More than these and the recording is not there, rather than damaged."""
RETRY_AFTER_S = (0.5, 2.0, 5.0)
PIECE_BYTES = 65536
JOIN_S = 5.0
"""A library that cannot be interrupted while it connects: its threads end by themselves."""

_T = TypeVar("_T")


@dataclass(slots=True)
class _Slot:
    """A segment that is fetched, or was."""

    index: int
    pieces: deque[bytes] = field(default_factory=deque)
    size: int = 0
    ended: bool = False
    whole: bool = False
    streamed: bool = False
    """It is read while it comes: it cannot be left out any more."""
    error: Exception | None = None


class SegmentReader:
    """The header and the segments, one after the other, decrypted. One thread reads, any may close.

    `ahead` segments are fetched at once, each in a thread of its own; up to `HELD_BYTES` are in memory. A
    segment that is not there or is shorter than it should be is left out and told to `lost`.
    """

    def __init__(
        self,
        library: Library,
        container: Container,
        segments: Sequence[Segment],
        *,
        ahead: int,
        lost: Callable[[Segment], None],
        retry_after_s: Sequence[float] = RETRY_AFTER_S,
    ) -> None:
        self._fetching = Fetching(library)
        self._container = container
        self._segments = segments
        self._ahead = max(1, min(ahead, len(segments)))
        self._share = HELD_BYTES // self._ahead
        self._lost = lost
        self._retry_after_s = retry_after_s
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._slots: dict[int, _Slot] = {}
        self._next = 0
        self._at = 0
        self._missing = 0
        self._rest = b""
        self._threads: list[threading.Thread] = []

    def begin(self) -> Segment | None:
        """Begin to fetch; return the first segment that is there, None if none is. Raises RecordingError."""
        for number in range(self._ahead):
            thread = threading.Thread(target=self._work, name=f"recording fetch {number + 1}", daemon=True)
            self._threads.append(thread)
            thread.start()
        header = self._segments[0].header
        if header is not None:
            self._rest = self._tried(lambda: self._fetching.header(header))
        slot = self._current()
        return None if slot is None else self._segments[slot.index]

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end. Raises RecordingError."""
        if not self._rest:
            self._rest = self._piece()
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece

    def close(self) -> None:
        """End the fetching and its threads."""
        with self._changed:
            self._closing.set()
            self._changed.notify_all()
        self._fetching.close()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(JOIN_S)
        self._slots.clear()
        self._rest = b""

    # In the thread that reads.

    def _piece(self) -> bytes:
        while (slot := self._current()) is not None:
            with self._changed:
                while not slot.pieces and not slot.ended and not self._closing.is_set():
                    self._changed.wait()
                if slot.pieces:
                    piece = slot.pieces.popleft()
                    slot.size -= len(piece)
                    self._changed.notify_all()
                    return piece
                if slot.ended and slot.error is None:
                    self._advance(slot)
        return b""

    def _current(self) -> _Slot | None:
        """Wait for the next segment that can be read; None at the end."""
        with self._changed:
            while True:
                if self._closing.is_set():
                    raise cancelled_error()
                if self._at >= len(self._segments):
                    return None
                slot = self._slots.get(self._at)
                if slot is None or not (slot.ended or slot.streamed):
                    self._changed.wait()
                elif slot.error is not None:
                    raise slot.error
                elif slot.streamed or slot.whole:
                    return slot
                else:
                    self._leave_out(slot)

    def _advance(self, slot: _Slot) -> None:
        if not slot.whole:
            if self._container is Container.MP4:
                raise invalid("a segment is shorter than it should be")
            self._lost(self._segments[slot.index])
        self._missing = 0
        self._go_on()

    def _leave_out(self, slot: _Slot) -> None:
        self._lost(self._segments[slot.index])
        self._missing += 1
        if self._missing > MAX_MISSING_IN_ROW:
            text = f"more than {MAX_MISSING_IN_ROW} segments in a row are missing"
            raise RecordingError(RecordingFault.MISSING, text)
        self._go_on()

    def _go_on(self) -> None:
        del self._slots[self._at]
        self._at += 1
        self._changed.notify_all()

    # In the threads that fetch.

    def _work(self) -> None:
        while (slot := self._take()) is not None:
            try:
                slot.whole = self._fetch(slot)
            except Exception as error:
                # Whatever it is, it belongs to the thread that reads.
                slot.error = error
            with self._changed:
                slot.ended = True
                self._changed.notify_all()

    def _take(self) -> _Slot | None:
        """Wait until another segment may be fetched; None when there is none, or no more wish for one."""
        with self._changed:
            while not self._closing.is_set() and self._next < len(self._segments):
                if self._next < self._at + self._ahead:
                    slot = self._slots[self._next] = _Slot(self._next)
                    self._next += 1
                    return slot
                self._changed.wait()
        return None

    def _fetch(self, slot: _Slot) -> bool:
        """Fetch a segment; say whether it is there and whole. Raises RecordingError."""

        def once() -> bool:
            slot.pieces.clear()
            slot.size = 0
            return self._fetch_once(slot)

        try:
            return self._tried(once, lambda: not slot.streamed)
        except RecordingError as error:
            if error.fault is RecordingFault.MISSING and not slot.streamed:
                return False
            raise

    def _fetch_once(self, slot: _Slot) -> bool:
        source = self._fetching.segment(self._segments[slot.index], self._container)
        try:
            while piece := source.read(PIECE_BYTES):
                self._put(slot, piece)
            return source.whole
        finally:
            source.close()

    def _put(self, slot: _Slot, piece: bytes) -> None:
        with self._changed:
            while slot.size >= self._share and not self._closing.is_set():
                if slot.index == self._at and not slot.streamed:
                    slot.streamed = True
                    self._changed.notify_all()
                self._changed.wait()
            if self._closing.is_set():
                raise cancelled_error()
            slot.pieces.append(piece)
            slot.size += len(piece)
            if slot.streamed:
                self._changed.notify_all()

    def _tried(self, act: Callable[[], _T], may_again: Callable[[], bool] = lambda: True) -> _T:
        """Do something that may succeed later, several times if need be. Raises RecordingError."""
        for wait_s in (*self._retry_after_s, None):
            try:
                return act()
            except RecordingError as error:
                if wait_s is None or not error.retryable or not may_again():
                    raise
            if self._closing.wait(wait_s):
                break
        raise cancelled_error()
