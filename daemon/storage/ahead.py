"""A part of an object that the event loop reads ahead for a thread."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import aclosing, suppress

from daemon.storage.interfaces import MissingObjectError, ObjectStore, RefusedError, StorageError
from pipeline.recording.recording import RecordingError, RecordingFault, cancelled_error

AHEAD_BYTES = 1024 * 1024
"""What waits for the thread, at most, and a piece of the store's."""
CLOSE_S = 2.0
"""How long a thread waits for a connection to be let go."""


class Ahead:
    """The bytes `[start, start + length)` of an object, on their way from the moment this is made.

    Used by one thread; only `cancel` may be called from another.
    """

    def __init__(
        self,
        store: ObjectStore,
        loop: asyncio.AbstractEventLoop,
        key: str,
        start: int = 0,
        length: int | None = None,
        *,
        wait_s: float,
    ) -> None:
        """`wait_s`: how long a reading waits. Raises RecordingError (CANCELLED) when the loop has ended."""
        self._store = store
        self._loop = loop
        self._wait_s = wait_s
        self._items: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()
        self._rest = memoryview(b"")
        self._ended = False
        self._cancelled = False
        self._held = 0
        self._room = asyncio.Event()
        self._closed: Callable[[Ahead], None] = lambda _: None
        self._task: asyncio.Task[None] | None = None
        self._done = threading.Event()
        try:
            loop.call_soon_threadsafe(self._start, key, start, length)
        except RuntimeError:
            raise cancelled_error() from None

    def on_close(self, closed: Callable[[Ahead], None]) -> None:
        """Have `closed` called when it is."""
        self._closed = closed

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes as they come; none at the end. Raises RecordingError."""
        if self._cancelled:
            raise cancelled_error()
        if not self._rest and not self._ended:
            self._rest = memoryview(self._next())
        data = bytes(self._rest[:size])
        self._rest = self._rest[size:]
        return data

    def read_exactly(self, size: int) -> bytes:
        """Return `size` bytes, or fewer at the end. Raises RecordingError."""
        data = bytearray()
        while len(data) < size and (more := self.read(size - len(data))):
            data += more
        return bytes(data)

    def cancel(self) -> None:
        """End a reading that waits, and all later ones; from any thread, without waiting."""
        self._cancelled = True
        self._items.put(cancelled_error())
        self._stop_soon()

    def close(self) -> None:
        """Let go of the object; returns when that has been done, or does not happen."""
        self._stop_soon()
        if not self._loop.is_closed():
            self._done.wait(CLOSE_S)
        self._closed(self)

    def _next(self) -> bytes:
        try:
            item = self._items.get(timeout=self._wait_s)
        except queue.Empty:
            raise RecordingError(RecordingFault.UNREACHABLE, "the store does not answer in time") from None
        if isinstance(item, Exception):
            # Whoever asks once more hears it once more, and does not wait for what will not come.
            self._items.put(item)
            raise recording_error(item) if isinstance(item, StorageError) else item from None
        if not item:
            self._ended = True
        else:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._taken, len(item))
        return item

    def _start(self, key: str, start: int, length: int | None) -> None:
        self._task = self._loop.create_task(self._run(key, start, length), name="read ahead")
        self._task.add_done_callback(lambda _: self._done.set())

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _stop_soon(self) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop)

    def _taken(self, size: int) -> None:
        self._held -= size
        self._room.set()

    async def _run(self, key: str, start: int, length: int | None) -> None:
        try:
            async with aclosing(self._store.read(key, start, length)) as chunks:
                async for chunk in chunks:
                    self._items.put(chunk)
                    self._held += len(chunk)
                    while self._held > AHEAD_BYTES:
                        self._room.clear()
                        await self._room.wait()
        except Exception as error:  # whatever it is, the thread must not wait for what will not come
            self._items.put(error)
        except asyncio.CancelledError:
            self._items.put(cancelled_error())
            raise
        else:
            self._items.put(b"")


def recording_error(error: StorageError) -> RecordingError:
    """Say what a store says, as the readers of recordings know it."""
    if isinstance(error, MissingObjectError):
        return RecordingError(RecordingFault.MISSING, str(error))
    if isinstance(error, RefusedError):
        return RecordingError(RecordingFault.REFUSED, str(error))
    return RecordingError(RecordingFault.UNREACHABLE, str(error))
