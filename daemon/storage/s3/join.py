"""How an object is put together from pieces of others: which the store copies, and which must be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from daemon.storage.interfaces import Piece, RefusedError
from daemon.storage.s3.upload import MAX_OBJECT_BYTES, MAX_PARTS, MIB, MIN_PART_BYTES

COPY_BYTES = 256 * MIB
"""The store copies such a part within a request's deadline; it could copy 5 GiB."""


@dataclass(frozen=True, slots=True)
class JoinedPart:
    """A part of the new object."""

    pieces: tuple[Piece, ...]
    """One: the store copies it. Several: they are read, and written as one part."""

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(piece.length for piece in self.pieces)


def plan_join(pieces: Sequence[Piece]) -> list[JoinedPart]:
    """Return the parts, in order: all but the last one of at least 5 MiB, 10,000 at most.

    What is smaller is read together with as much of its neighbour as a part needs; the rest is copied.
    Raises RefusedError when the object would be larger than the store allows.
    """
    total = sum(piece.length for piece in pieces)
    if total > MAX_OBJECT_BYTES:
        raise RefusedError("the object is too large for the object store")
    least = max(MIN_PART_BYTES, math.ceil(total / (MAX_PARTS - 1)))
    parts: list[JoinedPart] = []
    small: list[Piece] = []
    for piece in pieces:
        rest: Piece | None = piece if piece.length > 0 else None
        if rest is not None and small:
            needed = least - sum(each.length for each in small)
            # What is left of the piece must not be too small in its turn.
            taken = needed if rest.length - needed >= least else rest.length
            small.append(_cut(rest, 0, taken))
            rest = _cut(rest, taken, rest.length - taken) if rest.length > taken else None
            if taken >= needed:
                parts.append(JoinedPart(tuple(small)))
                small = []
        if rest is not None:
            if rest.length < least:
                small.append(rest)
            else:
                parts += _copies(rest, least)
    if small:
        parts.append(JoinedPart(tuple(small)))
    return parts


def _copies(piece: Piece, least: int) -> list[JoinedPart]:
    count = math.ceil(piece.length / max(COPY_BYTES, 2 * least))
    size = math.ceil(piece.length / count)
    return [
        JoinedPart((_cut(piece, start, min(size, piece.length - start)),))
        for start in range(0, piece.length, size)
    ]


def _cut(piece: Piece, start: int, length: int) -> Piece:
    return Piece(piece.place, piece.start + start, length)
