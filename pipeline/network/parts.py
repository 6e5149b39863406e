"""What FFmpeg reads over HTTP: the address itself, playlists, segments and keys, all through the guard."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.network.aes import DecryptedSegment, Readable
from pipeline.network.bodies import FileBody
from pipeline.network.claims import Claims, FullIndexError
from pipeline.network.fetch import GuardedOpener

MAX_FAILURES = 5
"""So many parts in a row that cannot be had end the reading; fewer leave gaps in the audio."""


class Part:
    """One thing that is read; what goes wrong is noted, and to FFmpeg it is the part's end.

    FFmpeg has no use for Python's exceptions: of two that meet in one call PyAV prints the first to standard
    error, with its address, and raises the second from whatever is called next.
    """

    def __init__(self, parts: Parts, source: Readable | None) -> None:
        self._parts = parts
        self._source = source
        self._claims = Claims()

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; none at the end or after a failure."""
        if self._source is None:
            return b""
        try:
            data = self._source.read(size)
            self._claims.see(data, opened=self._parts.opened())
        except Exception as error:
            if not (isinstance(error, FullIndexError) and self._parts.renew()):
                self._parts.note(error)
            return b""
        if not data:
            self._parts.note(None)
        return data

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Whether any place of it can be read."""
        return isinstance(self._source, FileBody)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a byte; return it. PyAV asks for it only if `seekable`."""
        self._claims.moved()
        return self._source.seek(offset, whence) if isinstance(self._source, FileBody) else 0

    def tell(self) -> int:
        """Return the place."""
        return self._source.tell() if isinstance(self._source, FileBody) else 0

    def close(self) -> None:
        """Let go of the connection."""
        if self._source is not None:
            self._source.close()
            self._source = None
            self._parts.forget(self)


class Parts:
    """The `io_open` of one reader, called by FFmpeg in the reader's thread."""

    def __init__(
        self,
        guard: GuardedOpener,
        give_up: Callable[[], None],
        opened: Callable[[], bool],
        renew: Callable[[], bool],
    ) -> None:
        """`give_up` makes FFmpeg stop: without it, it would ask for each of the missing parts. `opened` says
        whether FFmpeg knows by now what the address is. `renew` says whether it will be opened again, to go
        on, when FFmpeg cannot keep more of it in mind.
        """
        self.opened = opened
        self.renew = renew
        self._guard = guard
        self._give_up = give_up
        self._failures = 0
        self._given_up = False
        self._open: set[Part] = set()
        self._first: Part | None = None
        self.failure: Exception | None = None
        """Why the latest part could not be had, or broke off; None when it was read to its end."""

    def begin(self, url: str) -> bool:
        """Open the address itself ahead of FFmpeg; say whether it is a playlist. Raises SourceError."""
        self._first = Part(self, self._guard(url))
        self._open.add(self._first)
        return self._guard.saw_playlist

    def __call__(self, url: str, flags: int, options: dict[str, str]) -> Part:
        """Open a part; one that cannot be had is empty. Raises, once, when too many have failed."""
        if self._first is not None:
            part, self._first = self._first, None
            return part
        if self._given_up:
            # FFmpeg still asks for each variant of a playlist of thousands.
            return Part(self, None)
        if self._failures >= MAX_FAILURES and self.failure is not None:
            # FFmpeg asks whether to stop only when a part cannot even be opened.
            self._given_up = True
            self._give_up()
            raise self.failure
        try:
            part = Part(self, self._source(url, flags, options))
        except Exception as error:
            self.note(error)
            return Part(self, None)
        self._open.add(part)
        return part

    def note(self, error: Exception | None) -> None:
        """Take note of how a part ended."""
        self.failure = error
        self._failures = 0 if error is None else self._failures + 1

    def forget(self, part: Part) -> None:
        """Take note that a part was closed."""
        self._open.discard(part)

    def close(self) -> None:
        """Close what FFmpeg leaves open: the address itself."""
        for part in list(self._open):
            part.close()

    def _source(self, url: str, flags: int, options: dict[str, str]) -> Readable:
        scheme, plus, address = url.partition("+")
        if not plus or scheme != "crypto":
            return self._guard(url, flags, options)
        key, initial_vector = bytes.fromhex(options["key"]), bytes.fromhex(options["iv"])
        return DecryptedSegment(self._guard(address, flags, options), key, initial_vector)
