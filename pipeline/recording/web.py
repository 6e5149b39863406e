"""Recordings on the web: every address checked, every wait and size bounded."""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from contextlib import ExitStack, closing
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin

from config.settings import NetworkSettings
from pipeline.network.addresses import AddressError, AddressPolicy
from pipeline.network.bodies import Body, FileBody
from pipeline.network.fetch import GuardedOpener, StatusError
from pipeline.recording.recording import (
    Bytes,
    ByteSpan,
    RecordingError,
    RecordingFault,
    SeekableBytes,
    cancelled_error,
)
from pipeline.source import SourceError, SourceFault

MAX_SPOOLED_BYTES = 4 * 1024**3
"""Of a file whose server gives no parts: it is fetched whole first."""
MAX_MOVED = 64
"""Playlists whose redirects are remembered."""
PIECE_BYTES = 65536
_MISSING = frozenset({404, 410})
_REFUSED = frozenset({401, 403, 407, 451})
_UNREACHABLE = frozenset({408, 425, 429})


class WebLibrary:
    """Files by their http and https addresses. Each is opened for itself; any thread may read any of them.

    A server's answer decides: 404 and 410 are MISSING, 401 and 403 REFUSED, what may be better later
    UNREACHABLE. No text holds a path or a query.
    """

    def __init__(self, policy: AddressPolicy, network: NetworkSettings, scratch: Path) -> None:
        """`scratch`: the folder for what must be fetched whole; that is gone when it is closed."""
        self._policy = policy
        self._network = network
        self._scratch = scratch
        self._lock = threading.Lock()
        self._openers: set[GuardedOpener] = set()
        self._moved: OrderedDict[str, str] = OrderedDict()
        self._cancelled = False

    def open(self, name: str, span: ByteSpan | None = None) -> Bytes:
        """Open a file, or a part of it, of at most 256 MiB. The server is asked when it is first read."""
        self._check(name)
        return _Part(self, name, span)

    def open_seekable(self, name: str) -> SeekableBytes:
        """Open a file of any size. One whose server gives no parts is fetched whole into a temporary file."""
        self._check(name)
        opener = self.opener()
        try:
            body = opener(name)
            if isinstance(body, FileBody):
                return _File(self, opener, body)
            with closing(body):
                spooled = _spooled(body, opener.length, self._scratch)
            self.release(opener)
        except SourceError as error:
            self.release(opener)
            raise self.failure(error) from None
        except BaseException:
            self.release(opener)
            raise
        return spooled

    def beside(self, name: str, reference: str) -> str:
        """Return the address that a file refers to, as seen from where redirects led to that file."""
        with self._lock:
            base = self._moved.get(name, name)
        try:
            found = urljoin(base, reference.strip().replace(" ", "%20")).partition("#")[0]
        except ValueError:
            raise RecordingError(RecordingFault.INVALID, "the playlist has a malformed address") from None
        self._check(found)
        return found

    def cancel(self) -> None:
        """Make every reading and every later call fail at once. From any thread."""
        with self._lock:
            self._cancelled = True
            openers = list(self._openers)
        for opener in openers:
            opener.cancel()

    # For the files.

    def opener(self) -> GuardedOpener:
        """Return what opens one file, until `release`."""
        opener = GuardedOpener(self._policy, self._network)
        with self._lock:
            if self._cancelled:
                raise cancelled_error()
            self._openers.add(opener)
        return opener

    def release(self, opener: GuardedOpener) -> None:
        """Forget what opened a file, and end it."""
        opener.cancel()
        with self._lock:
            self._openers.discard(opener)

    def moved(self, name: str, address: str) -> None:
        """Remember where redirects led to."""
        with self._lock:
            self._moved[name] = address
            if len(self._moved) > MAX_MOVED:
                self._moved.popitem(last=False)

    def failure(self, error: SourceError) -> RecordingError:
        """Tell a failure in the terms of recordings."""
        return cancelled_error() if self._cancelled else RecordingError(_fault(error), str(error))

    def _check(self, name: str) -> None:
        if self._cancelled:
            raise cancelled_error()
        try:
            # What may be called back is http and https: no recording comes by RTMP.
            self._policy.check_url(name, "callback")
        except AddressError as error:
            raise RecordingError(RecordingFault.REFUSED, str(error)) from None


class _Part:
    """A file, or a part of it, read forwards."""

    def __init__(self, library: WebLibrary, name: str, span: ByteSpan | None) -> None:
        self._library = library
        self._name = name
        self._span = span
        self._opener = library.opener()
        self._lock = threading.Lock()
        self._body: Body | None = None
        self._closed = False

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end. Raises RecordingError."""
        try:
            return self._opened().read(size)
        except SourceError as error:
            raise self._failure(error) from None

    def close(self) -> None:
        """End it, also while another thread reads."""
        self._library.release(self._opener)
        with self._lock:
            self._closed = True
            body, self._body = self._body, None
        if body is not None:
            body.close()

    def _opened(self) -> Body:
        if self._body is not None:
            return self._body
        span = self._span
        start, end = (0, None) if span is None else (span.start, span.end)
        body, address = self._opener.part(self._name, start, end)
        with self._lock:
            if not self._closed:
                self._body = body
        if self._body is None:
            body.close()
            raise cancelled_error()
        if address != self._name and span is None:
            self._library.moved(self._name, address)
        return body

    def _failure(self, error: SourceError) -> RecordingError:
        return cancelled_error() if self._closed else self._library.failure(error)


class _File:
    """A file of which any part can be asked for."""

    def __init__(self, library: WebLibrary, opener: GuardedOpener, body: FileBody) -> None:
        self._library = library
        self._opener = opener
        self._body = body

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes from the place. Raises RecordingError."""
        try:
            return self._body.read(size)
        except SourceError as error:
            raise self._library.failure(error) from None

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a byte; return it."""
        return self._body.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._body.tell()

    def close(self) -> None:
        """End it."""
        self._library.release(self._opener)
        self._body.close()


def _spooled(body: Body, length: int | None, scratch: Path) -> BinaryIO:
    if length is None:
        text = "the server gives neither parts of the file nor its length"
        raise RecordingError(RecordingFault.UNSUPPORTED, text)
    if length > MAX_SPOOLED_BYTES:
        text = "the server gives no parts of the file, which is too large to fetch whole"
        raise RecordingError(RecordingFault.UNSUPPORTED, text)
    with ExitStack() as stack:
        try:
            file = stack.enter_context(tempfile.TemporaryFile(dir=scratch))
            while piece := body.read(PIECE_BYTES):
                file.write(piece)
            file.seek(0)
        except OSError as error:
            text = f"there is no room for the file, whose server gives no parts of it: {error.strerror}"
            raise RecordingError(RecordingFault.UNREACHABLE, text) from None
        # Its reader closes it.
        stack.pop_all()
    return file


def _fault(error: SourceError) -> RecordingFault:
    if isinstance(error, StatusError):
        if error.status in _MISSING:
            return RecordingFault.MISSING
        if error.status in _REFUSED:
            return RecordingFault.REFUSED
        later = error.status in _UNREACHABLE or error.status >= 500
        return RecordingFault.UNREACHABLE if later else RecordingFault.INVALID
    if error.fault is SourceFault.INVALID_DATA:
        return RecordingFault.INVALID
    return RecordingFault.UNREACHABLE if error.retryable else RecordingFault.REFUSED
