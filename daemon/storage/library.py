"""Recordings in a store, read by threads: the pipeline's Library."""

from __future__ import annotations

import asyncio
import re
from concurrent import futures
from urllib.parse import unquote

from daemon.storage.ahead import Ahead, recording_error
from daemon.storage.interfaces import ObjectInfo, ObjectStore, RefusedError, StorageError
from daemon.storage.keys import checked_key
from daemon.storage.seekable import SeekableObject
from pipeline.recording.recording import (
    Bytes,
    ByteSpan,
    RecordingError,
    RecordingFault,
    SeekableBytes,
    cancelled_error,
)

WAIT_S = 180.0
"""For a store that gives no sign; its own patience is shorter."""
ABSOLUTE = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//")
"""How references begin that name a server (RFC 3986, 4.2 and 4.3)."""


class StoredLibrary:
    """The files of one store by their keys, for threads; the event loop does the reading.

    Nothing of it may be called from the event loop's own thread, but for `cancel` and `beside`.
    """

    def __init__(
        self, store: ObjectStore, loop: asyncio.AbstractEventLoop, *, wait_s: float = WAIT_S
    ) -> None:
        """`loop` is the one that the store belongs to; `wait_s` how long anything waits for it."""
        self._store = store
        self._loop = loop
        self._wait_s = wait_s
        self._wanted = True
        # Changed and copied in single steps of the interpreter, so that no lock is needed.
        self._open: set[Ahead | futures.Future[ObjectInfo | None]] = set()

    def open(self, name: str, span: ByteSpan | None = None) -> Bytes:
        """Begin to read a file, or a part of it, ahead; that there is none is said by the first reading."""
        if span is None:
            return StoredBytes(self._ahead(name, 0, None), None)
        return StoredBytes(self._ahead(name, span.start, span.end - span.start), span.end - span.start)

    def open_seekable(self, name: str) -> SeekableBytes:
        """Open a file of which any part will be read. Raises RecordingError."""
        info = self._info(name)
        if info is None:
            raise RecordingError(RecordingFault.MISSING, "there is no such file in the store")
        return SeekableObject(info.size, lambda start: self._ahead(name, start, None))

    def beside(self, name: str, reference: str) -> str:
        """Return the key of what the file `name` refers to, as a URL would be resolved (RFC 3986, 5.2).

        Percent-encoding is undone, query and fragment are dropped; a leading `/` is the top of the store.
        Raises RecordingError (REFUSED) for what leads out of the store, and for addresses of servers.
        """
        if ABSOLUTE.match(reference):
            raise RecordingError(RecordingFault.REFUSED, "the recording refers to another server")
        path = unquote(re.split(r"[?#]", reference, maxsplit=1)[0])
        if not path:
            raise RecordingError(RecordingFault.INVALID, "the recording refers to nothing")
        steps = [] if path.startswith("/") else name.split("/")[:-1]
        for step in path.split("/"):
            if step == "..":
                if not steps:
                    raise RecordingError(RecordingFault.REFUSED, "the recording refers to outside the store")
                steps.pop()
            elif step not in ("", "."):
                steps.append(step)
        return self._checked("/".join(steps))

    def cancel(self) -> None:
        """End everything that waits, and all that comes, with CANCELLED; from any thread, without waiting."""
        self._wanted = False
        for each in list(self._open):
            each.cancel()

    def _info(self, name: str) -> ObjectInfo | None:
        question = self._store.info(self._checked(name))
        try:
            answer = asyncio.run_coroutine_threadsafe(question, self._loop)
        except RuntimeError:
            question.close()
            raise cancelled_error() from None
        self._open.add(answer)
        try:
            if not self._wanted:
                answer.cancel()
            return answer.result(self._wait_s)
        except StorageError as error:
            # The store may answer before it hears that nobody wants to know.
            raise (recording_error(error) if self._wanted else cancelled_error()) from None
        except futures.CancelledError:
            raise cancelled_error() from None
        except TimeoutError:
            answer.cancel()
            raise RecordingError(RecordingFault.UNREACHABLE, "the store does not answer in time") from None
        finally:
            self._open.discard(answer)

    def _ahead(self, name: str, start: int, length: int | None) -> Ahead:
        ahead = Ahead(self._store, self._loop, self._checked(name), start, length, wait_s=self._wait_s)
        ahead.on_close(self._open.discard)
        self._open.add(ahead)
        if not self._wanted:
            ahead.cancel()
        return ahead

    @staticmethod
    def _checked(name: str) -> str:
        try:
            return checked_key(name)
        except RefusedError as error:
            raise recording_error(error) from None


class StoredBytes:
    """A file, or a part of it, that is read once (`Bytes` of the pipeline)."""

    def __init__(self, ahead: Ahead, size: int | None) -> None:
        """`size`: how many bytes there must be; None: as many as there are."""
        self._ahead = ahead
        self._left = size

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end. Raises RecordingError."""
        data = self._ahead.read(size)
        if self._left is not None:
            self._left -= len(data)
            if not data and size > 0 and self._left > 0:
                raise RecordingError(RecordingFault.INVALID, "the file is shorter than its playlist says")
        return data

    def close(self) -> None:
        """Let go of it."""
        self._ahead.close()
