"""A stretch's bytes as FFmpeg reads them: what goes wrong is noted, and to FFmpeg it is the file's end."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from pipeline.network.claims import Claims
from pipeline.recording.recording import (
    RecordingError,
    RecordingFault,
    SeekableBytes,
    Stretch,
    cancelled_error,
)
from pipeline.source import SourceError


def never() -> bool:
    """Say that nothing was cancelled."""
    return False


class Tap:
    """The bytes of one stretch. FFmpeg has no use for Python's exceptions, so none leaves these methods."""

    def __init__(self, stretch: Stretch, cancelled: Callable[[], bool] = never) -> None:
        """`cancelled` is asked before each read."""
        self._source = stretch.source
        self._seekable = stretch.seekable
        self._cancelled = cancelled
        self._place = 0
        self._claims = Claims()
        self.failure: RecordingError | None = None
        """What went wrong first."""

    def check(self) -> None:
        """Raise what went wrong, if anything did."""
        if self.failure is not None:
            raise self.failure

    @contextmanager
    def explaining(self, failures: tuple[type[Exception], ...]) -> Iterator[None]:
        """Raise what FFmpeg makes of broken data, or what kept it from the data, as RecordingError."""
        try:
            yield
        except RecordingError:
            raise
        except failures:
            self.check()
            text = "the recording is in no format that can be read"
            raise RecordingError(RecordingFault.INVALID, text) from None
        self.check()

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; none at the end or after a failure."""
        if self.failure is None and self._cancelled():
            self.failure = cancelled_error()
        if self.failure is not None:
            return b""
        try:
            data = self._source.read(size)
            self._claims.see(data, opened=True)
        except SourceError as error:
            self.failure = RecordingError(RecordingFault.INVALID, str(error))
            return b""
        except Exception as error:
            self._note(error)
            return b""
        # PyAV copies all that it gets into a buffer of `size` bytes.
        data = bytes(data[:size])
        self._place += len(data)
        return data

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Whether any place of it can be read."""
        return self._seekable

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a byte; return it. PyAV asks for it only if `seekable`."""
        self._claims.moved()
        if self.failure is None:
            try:
                self._place = cast("SeekableBytes", self._source).seek(offset, whence)
            except Exception as error:
                # Asked for what is before the start, sources differ in what they raise; FFmpeg sees -1.
                if not (isinstance(error, ValueError | OSError) and whence != io.SEEK_SET):
                    self._note(error)
                return -1
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def close(self) -> None:
        """Let go of the bytes."""
        self._source.close()

    def _note(self, error: Exception) -> None:
        if not isinstance(error, RecordingError):
            error = RecordingError(RecordingFault.UNREACHABLE, f"reading broke off: {type(error).__name__}")
        self.failure = error
