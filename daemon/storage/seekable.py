"""A stored file of which any part can be read: some have their table of contents at the end."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from daemon.storage.ahead import Ahead
from pipeline.recording.recording import RecordingError, RecordingFault

BLOCK_BYTES = 256 * 1024
KEPT_BLOCKS = 16
"""4 MiB that are read a second time without asking."""
SKIPPED_BLOCKS = 4
"""1 MiB between two sounds of a film is read and thrown away; only longer ways cost a new request."""
MAX_RUNS = 2
"""Sound and picture can lie far from each other, and are read in turns."""


class _Run:
    """Reading forwards from a block on."""

    def __init__(self, ahead: Ahead, block: int) -> None:
        self.ahead = ahead
        self.block = block


class SeekableObject:
    """A file of known size (`SeekableBytes` of the pipeline); used by one thread."""

    def __init__(self, size: int, open_at: Callable[[int], Ahead]) -> None:
        """`open_at` reads from a byte on, to the end; raises RecordingError."""
        self._size = size
        self._open_at = open_at
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._runs: list[_Run] = []

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes from the place; none at the end. Raises RecordingError."""
        if self._at >= self._size or size <= 0:
            return b""
        number, offset = divmod(self._at, BLOCK_BYTES)
        data = self._block(number)[offset : offset + size]
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a byte, as files do; return it. Nothing is asked of the store before the next reading."""
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def close(self) -> None:
        """Let go of the file."""
        for run in self._runs:
            run.ahead.close()
        self._runs.clear()
        self._blocks.clear()

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        run = self._run_to(number)
        data = b""
        try:
            while run.block <= number:
                data = self._next(run)
        except RecordingError:
            self._runs.remove(run)
            run.ahead.close()
            raise
        return data

    def _next(self, run: _Run) -> bytes:
        wanted = min(BLOCK_BYTES, self._size - run.block * BLOCK_BYTES)
        data = run.ahead.read_exactly(wanted)
        if len(data) < wanted:
            raise RecordingError(RecordingFault.UNREACHABLE, "the file changed while it was read")
        self._blocks[run.block] = data
        if len(self._blocks) > KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        run.block += 1
        return data

    def _run_to(self, number: int) -> _Run:
        for run in self._runs:
            if 0 <= number - run.block <= SKIPPED_BLOCKS:
                # The last in the list is the one used last.
                self._runs.remove(run)
                self._runs.append(run)
                return run
        if len(self._runs) == MAX_RUNS:
            self._runs.pop(0).ahead.close()
        run = _Run(self._open_at(number * BLOCK_BYTES), number)
        self._runs.append(run)
        return run
