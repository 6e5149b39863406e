"""What a file claims to hold, judged while it is read: FFmpeg makes room for all of it."""

from __future__ import annotations

from pipeline.source import SourceError, SourceFault

MAX_SAMPLES = 4_000_000
"""Of all tracks of an MP4: 16 hours of film, 25 of sound alone. FFmpeg's index takes 24 bytes each, and 36 in
fragments, of which it forgets none while they are read (measured: 150 MB for so many)."""
MAX_HEAD_BYTES = 64 * 1024 * 1024
"""What may come before the first packet: an MP4 of that many samples has tables of 50 MB."""
MAX_EBML_HEAD_BYTES = 6 * 1024 * 1024
"""The same for Matroska, where three bytes may claim a structure of eighty: the 5 MB in which FFmpeg looks
for streams, and what describes them."""
MAX_BOX_BYTES = 2**26
"""A larger table is none that was read by chance among the media."""

EBML = b"\x1aE\xdf\xa3"
_HEADS = {
    # ISO/IEC 14496-12, 8.7.3 and 8.8.8: where behind a box's type its count of samples is.
    b"stsz": 8,
    b"stz2": 8,
    b"trun": 4,
}
_LONGEST = 28
"""Of a box up to that count: size, type, the long form of the size, and what is before the count."""


class FullIndexError(SourceError):
    """The fragments that came one after the other have more samples by now than FFmpeg is to keep in mind."""


class Claims:
    """Looks through one file's bytes in the order in which FFmpeg reads them.

    It looks for the tables' types alone and does not walk the boxes, whose sizes a hostile file may put as it
    likes. Three types of four bytes in a gigabyte of media are there by chance with odds of 2 in 1,000, given
    a likely size in front of them.
    """

    def __init__(self) -> None:
        self._begin: bytes | None = None
        self._tail = b""
        self._read = 0
        self._samples = 0
        self._refusal: SourceError | None = None

    def see(self, data: bytes, *, opened: bool) -> None:
        """Take note of what is read next; `opened`: the file's head is known.

        Raises SourceError, again at each call: FullIndexError where fragments after the head are too many.
        """
        if self._refusal is not None:
            raise self._refusal
        if self._begin is None:
            self._begin = data[:4]
        self._read += len(data)
        limit = MAX_EBML_HEAD_BYTES if self._begin == EBML else MAX_HEAD_BYTES
        if not opened and self._read > limit:
            raise self._refused(SourceError, f"the file has no audio within its first {limit // 2**20} MB")
        # What begins as a box of less than 256 MB. No other format of those that are read does.
        if self._begin[:1] < b"\x10":
            self._look(data, opened=opened)

    def moved(self) -> None:
        """Take note that the next bytes are from another place."""
        self._tail = b""

    def _look(self, data: bytes, *, opened: bool) -> None:
        seen = len(self._tail)
        text = self._tail + data
        for kind, skip in _HEADS.items():
            at = text.find(kind)
            while at >= 0:
                if self._count(text, at, skip, seen) > MAX_SAMPLES:
                    sort = FullIndexError if opened and kind == b"trun" else SourceError
                    raise self._refused(sort, f"the file claims more than {MAX_SAMPLES} samples")
                at = text.find(kind, at + 4)
        self._tail = text[-_LONGEST:]

    def _count(self, text: bytes, at: int, skip: int, seen: int) -> int:
        """Count what the box whose type is at `at` claims, unless it was counted when its end was seen.

        Return how many samples were claimed by now.
        """
        if at < 4:
            return self._samples
        size = int.from_bytes(text[at - 4 : at])
        begin = at + 4 + skip + (8 if size == 1 else 0)
        if size <= MAX_BOX_BYTES and seen < begin + 4 <= len(text):
            self._samples += int.from_bytes(text[begin : begin + 4])
        return self._samples

    def _refused(self, sort: type[SourceError], text: str) -> SourceError:
        self._refusal = sort(SourceFault.INVALID_DATA, text, retryable=False)
        return self._refusal
