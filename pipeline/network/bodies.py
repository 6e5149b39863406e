"""What FFmpeg reads from: the body of an HTTP answer, and a file of which any part can be asked for."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from typing import Protocol

from pipeline.network.wire import Wire
from pipeline.source import SourceError, SourceFault

MAX_SKIPPED_BYTES = 1024 * 1024
"""What lies between two sounds of a film is read and thrown away; only longer ways cost a new request."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Body(Protocol):
    """What FFmpeg reads from."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end. Raises SourceError."""

    def close(self) -> None:
        """Let go of the connection."""


class HttpBody:
    """The body of an answer; a connection that breaks off before its end is a failure."""

    def __init__(self, wire: Wire, response: http.client.HTTPResponse) -> None:
        self.wire = wire
        self._response = response
        self._head = b""
        self._limit: int | None = None
        self._cut: int | None = None

    def starts_with(self, mark: bytes) -> bool:
        """Say whether the body begins with `mark`, after a byte order mark perhaps."""
        wanted = len(BYTE_ORDER_MARK) + len(mark)
        while len(self._head) < wanted and (more := self._receive(wanted - len(self._head))):
            self._head += more
            if not _may_begin(self._head, mark) and not _may_begin(self._head, BYTE_ORDER_MARK):
                break
        return self._head.removeprefix(BYTE_ORDER_MARK).startswith(mark)

    def limit(self, size: int) -> None:
        """Let the body have at most `size` more bytes: more is a failure."""
        self._limit = size

    def cut(self, size: int) -> None:
        """End the body after `size` more bytes."""
        self._cut = size

    def skip(self, size: int) -> None:
        """Throw bytes away. Raises SourceError."""
        while size > 0:
            data = self.read(min(size, 65536))
            if not data:
                raise SourceError(SourceFault.CANNOT_OPEN, "the file is shorter than its playlist says")
            size -= len(data)

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes as they come; none at the end. Raises SourceError."""
        if self._cut is not None:
            size = min(size, self._cut)
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
        else:
            data = self._receive(size)
        if self._cut is not None:
            self._cut -= len(data)
        if self._limit is not None:
            self._limit -= len(data)
            if self._limit < 0:
                raise SourceError(SourceFault.INVALID_DATA, "a part of the stream is too large")
        return data

    def close(self) -> None:
        """Close the connection."""
        self._response.close()
        self.wire.close()

    def _receive(self, size: int) -> bytes:
        if size <= 0:
            return b""
        try:
            data = self._response.read1(size)
        except TimeoutError:
            raise SourceError(SourceFault.CANNOT_OPEN, "the server stopped sending") from None
        except (OSError, http.client.HTTPException, ValueError):
            raise SourceError(SourceFault.CANNOT_OPEN, "the connection broke off") from None
        if not data and self._response.length:
            raise SourceError(SourceFault.CANNOT_OPEN, "the connection broke off before the end")
        return data


class FileBody:
    """A file of known length, read from any place: some have their table of contents at the end."""

    def __init__(self, body: HttpBody, length: int, reopen: Callable[[int], HttpBody]) -> None:
        """`reopen` gives the body from a byte on; raises SourceError."""
        self._body: HttpBody | None = body
        self._length = length
        self._reopen = reopen
        self._at = 0
        self._body_at = 0

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes from the place; none at the end. Raises SourceError."""
        if self._at >= self._length:
            return b""
        if self._body is None or self._at != self._body_at:
            self._body = self._moved()
        data = self._body.read(size)
        self._body_at += len(data)
        self._at = self._body_at
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a byte, as files do; return it. Nothing is asked of the server before the next reading."""
        self._at = max(0, offset + (0, self._at, self._length)[whence])
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def close(self) -> None:
        """Close the connection."""
        if self._body is not None:
            self._body.close()
            self._body = None

    def _moved(self) -> HttpBody:
        if self._body is not None:
            if 0 <= self._at - self._body_at <= MAX_SKIPPED_BYTES:
                self._body.skip(self._at - self._body_at)
                self._body_at = self._at
                return self._body
            self.close()
        body = self._reopen(self._at)
        self._body_at = self._at
        return body


def _may_begin(head: bytes, mark: bytes) -> bool:
    size = min(len(head), len(mark))
    return head[:size] == mark[:size]
