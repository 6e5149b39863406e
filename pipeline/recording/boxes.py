"""The outermost structure of MP4 (ISO/IEC 14496-12, 4.2): boxes, each with its size in front."""

from __future__ import annotations

_SHORT_HEADER = 8
_LONG_HEADER = 16


class BoxCounter:
    """Follows the boxes of a file through its consecutive pieces."""

    def __init__(self) -> None:
        self._header = b""
        self._left = 0
        self._endless = False
        self._broken = False

    @property
    def whole(self) -> bool:
        """Whether what was fed ends where a box does."""
        return not self._broken and (self._endless or (self._left == 0 and not self._header))

    def feed(self, piece: bytes) -> None:
        """Go on by a piece."""
        at = 0
        while at < len(piece) and not self._broken and not self._endless:
            if self._left:
                step = min(self._left, len(piece) - at)
                self._left -= step
            else:
                wanted = _LONG_HEADER if self._header[:4] == b"\0\0\0\1" else _SHORT_HEADER
                step = min(wanted - len(self._header), len(piece) - at)
                self._header += piece[at : at + step]
                self._begin_box()
            at += step

    def _begin_box(self) -> None:
        if len(self._header) < _SHORT_HEADER:
            return
        size = int.from_bytes(self._header[:4], "big")
        if size == 1:
            if len(self._header) < _LONG_HEADER:
                return
            size = int.from_bytes(self._header[8:], "big")
        self._endless = size == 0
        self._broken = 0 < size < len(self._header)
        self._left = max(0, size - len(self._header))
        self._header = b""
