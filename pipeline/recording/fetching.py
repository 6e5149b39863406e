"""The bytes of segments and of what comes before them: opened, decrypted, counted."""

from __future__ import annotations

import contextlib
import threading

from pipeline.network.aes import BLOCK, DecryptedSegment
from pipeline.recording.boxes import BoxCounter
from pipeline.recording.recording import (
    Bytes,
    ByteSpan,
    Container,
    Header,
    Key,
    Library,
    RecordingError,
    RecordingFault,
    Segment,
    cancelled_error,
)
from pipeline.recording.single import container_of
from pipeline.recording.text import invalid, read_all, read_up_to

MAX_HEADER_BYTES = 16 * 1024 * 1024
MAX_KEYS = 1024
"""Of those that are remembered: most recordings have one, some one a segment."""


class Fetching:
    """What is being read of a library for one purpose; `close` ends all of it. Thread-safe."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._open: set[Bytes] = set()
        self._keys: dict[str, bytes] = {}
        self._keys_lock = threading.Lock()
        self._closed = False

    def open(self, name: str, span: ByteSpan | None = None) -> Bytes:
        """Open a file until `close`. Raises RecordingError."""
        source = self._library.open(name, span)
        with self._lock:
            if not self._closed:
                self._open.add(source)
                return source
        source.close()
        raise cancelled_error()

    def release(self, source: Bytes) -> None:
        """Close a file."""
        with self._lock:
            self._open.discard(source)
        source.close()

    def close(self) -> None:
        """Close everything, also under the hands of threads that read."""
        with self._lock:
            self._closed = True
            sources, self._open = self._open, set()
        for source in sources:
            # What is read at this moment may not like to be closed, and is at its end all the same.
            with contextlib.suppress(Exception):
                source.close()

    def header(self, header: Header) -> bytes:
        """Return an initialisation section. Raises RecordingError."""
        content = self._whole(header.name, header.span, MAX_HEADER_BYTES)
        if header.key is None or container_of(content) is Container.MP4:
            return content
        encrypted = DecryptedSegment(_InMemory(content), self.key(header.key), header.key.initial_vector)
        return read_up_to(encrypted, MAX_HEADER_BYTES)

    def key(self, key: Key) -> bytes:
        """Return the 16 bytes of a key. Raises RecordingError."""
        with self._keys_lock:
            found = self._keys.get(key.name)
            if found is None:
                found = self._whole(key.name, None, BLOCK)
                if len(found) != BLOCK:
                    raise invalid("the recording's key has not 16 bytes")
                if len(self._keys) >= MAX_KEYS:
                    self._keys.clear()
                self._keys[key.name] = found
            return found

    def segment(self, segment: Segment, container: Container) -> SegmentBytes:
        """Open a segment. Raises RecordingError."""
        key = None if segment.key is None else self.key(segment.key)
        return SegmentBytes(self, segment, key, BoxCounter() if container is Container.MP4 else None)

    def _whole(self, name: str, span: ByteSpan | None, limit: int) -> bytes:
        source = self.open(name, span)
        try:
            content = read_all(source, limit)
        finally:
            self.release(source)
        if span is not None and len(content) < span.end - span.start:
            raise invalid("the file is shorter than its playlist says")
        return content


class SegmentBytes:
    """A segment as plain bytes."""

    def __init__(
        self, fetching: Fetching, segment: Segment, key: bytes | None, boxes: BoxCounter | None
    ) -> None:
        self._fetching = fetching
        self._raw = fetching.open(segment.name, segment.span)
        self._counted = _Counted(self._raw)
        self._span = segment.span
        self._boxes = boxes
        self._encrypted = key is not None
        self._plain: Bytes = self._counted
        if key is not None and segment.key is not None:
            self._plain = DecryptedSegment(self._counted, key, segment.key.initial_vector)

    def read(self, size: int, /) -> bytes:
        """Return up to `size` (at least 16) bytes; none at the end. Raises RecordingError."""
        try:
            piece = self._plain.read(size)
        except RecordingError as error:
            # Some libraries count themselves what a part of a file should have.
            if error.fault is RecordingFault.INVALID and self._too_short:
                return b""
            raise
        if self._boxes is not None:
            self._boxes.feed(piece)
        return piece

    @property
    def whole(self) -> bool:
        """Whether what was read to the end is as long as it should be, as far as one can tell."""
        count = self._counted.count
        if count == 0 or (self._encrypted and count % BLOCK):
            return False
        if self._too_short:
            return False
        return self._boxes is None or self._boxes.whole

    @property
    def _too_short(self) -> bool:
        return self._span is not None and self._counted.count < self._span.end - self._span.start

    def close(self) -> None:
        """Close the file."""
        self._fetching.release(self._raw)


class _Counted:
    """Counts what is read."""

    def __init__(self, source: Bytes) -> None:
        self._source = source
        self.count = 0

    def read(self, size: int, /) -> bytes:
        piece = self._source.read(size)
        self.count += len(piece)
        return piece

    def close(self) -> None:
        self._source.close()


class _InMemory:
    """Bytes that are here already."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, size: int, /) -> bytes:
        piece, self._content = self._content[:size], self._content[size:]
        return piece

    def close(self) -> None:
        self._content = b""
