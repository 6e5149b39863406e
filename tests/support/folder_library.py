"""A library of recordings that is a folder, which tells what was asked of it."""

from __future__ import annotations

import posixpath
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pipeline.recording.recording import Bytes, ByteSpan, RecordingError, RecordingFault


class FolderLibrary:
    """Names are paths from the folder on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: list[str] = []
        """Names in the order they were asked for."""
        self.failures: dict[str, list[RecordingError]] = {}
        """What the next openings of a file fail with."""
        self.held: set[FolderBytes] = set()
        """What is open now."""
        self.cancelled = False
        self.before_reading: Callable[[str], None] = lambda name: None
        """Called with a name before each reading of it, in the reading thread."""
        self._lock = threading.Lock()

    def open(self, name: str, span: ByteSpan | None = None) -> Bytes:
        """Open a file, or a part of it."""
        return self._open(name, span)

    def open_seekable(self, name: str) -> FolderBytes:
        """Open a file of which any part will be read."""
        return self._open(name, None)

    def beside(self, name: str, reference: str) -> str:
        """Return the name of what a file refers to, if it is in the folder."""
        if "://" in reference or reference.startswith("/"):
            raise RecordingError(RecordingFault.REFUSED, "a file of the recording lies elsewhere")
        found = posixpath.normpath(posixpath.join(posixpath.dirname(name), reference))
        if found.startswith("..") or "\0" in found:
            raise RecordingError(RecordingFault.REFUSED, "a file of the recording lies elsewhere")
        return found

    def close(self, each: FolderBytes) -> None:
        """Take note that a file was closed."""
        with self._lock:
            self.held.discard(each)

    def _open(self, name: str, span: ByteSpan | None) -> FolderBytes:
        with self._lock:
            self.opened.append(name)
            failures = self.failures.get(name)
            if failures:
                raise failures.pop(0)
        if self.cancelled:
            raise RecordingError(RecordingFault.CANCELLED, "the reading was stopped")
        try:
            file = (self.folder / name).open("rb")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, OSError):
            raise RecordingError(RecordingFault.MISSING, f"{name}: no such file or directory") from None
        found = FolderBytes(self, name, file, span)
        with self._lock:
            self.held.add(found)
        return found


class FolderBytes:
    """A file, or a part of it."""

    def __init__(self, library: FolderLibrary, name: str, file: BinaryIO, span: ByteSpan | None) -> None:
        self._library = library
        self._name = name
        self._file = file
        self._left = None if span is None else span.end - span.start
        if span is not None:
            file.seek(span.start)

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes."""
        self._library.before_reading(self._name)
        if self._library.cancelled:
            raise RecordingError(RecordingFault.CANCELLED, "the reading was stopped")
        if self._left is not None:
            size = min(size, self._left)
        content = self._file.read(size) if size > 0 else b""
        if self._left is not None:
            self._left -= len(content)
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a byte."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._library.close(self)
