"""The places at which hashes occur in what is enrolled, found without a search among all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.songs.fingerprint import Hashes, Integers

HASH_BITS = 32
MIN_BITS, MAX_BITS = 16, 24

Numbers = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class HashTable:
    """Hashes in ascending order, without the part that their row says.

    The first `bits` of a hash are the number of its row; row i holds entries `starts[i]` (uint32, shape
    (2 ** bits + 1,)) up to `starts[i + 1]`. `rests` holds the other bits of each hash (uint16, uint8 when
    8 are left), `places` (uint32) the tick of the index at which it occurs, shape (n,) both.
    """

    bits: int
    starts: Numbers
    rests: NDArray[np.uint16] | NDArray[np.uint8]
    places: Numbers

    def __len__(self) -> int:
        return len(self.places)

    @property
    def nbytes(self) -> int:
        """What it takes of memory."""
        return sum(each.nbytes for each in self.arrays)

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """What it consists of, in the order of a file."""
        return self.starts, self.rests, self.places

    @property
    def hashes(self) -> Hashes:
        """All hashes, ascending; made anew each time."""
        rows = np.repeat(np.arange(len(self.starts) - 1, dtype=np.uint32), np.diff(self.starts))
        return rows << np.uint32(HASH_BITS - self.bits) | self.rests

    @classmethod
    def of(cls, hashes: Hashes, places: Numbers) -> HashTable:
        """Return the table of ascending `hashes`: about one row for each, within bounds."""
        bits = int(np.clip(len(hashes).bit_length() - 1, MIN_BITS, MAX_BITS))
        left = np.uint32(HASH_BITS - bits)
        starts = np.zeros(2**bits + 1, np.uint32)
        np.cumsum(np.bincount(hashes >> left, minlength=2**bits), out=starts[1:])
        rests = (hashes & np.uint32((1 << int(left)) - 1)).astype(rests_type(bits))
        return cls(bits, starts, rests, places)

    def merged(self, hashes: Sequence[Hashes], places: Sequence[Integers]) -> HashTable:
        """Return a table with more entries; what is there is not sorted again."""
        added = np.concatenate([*hashes, np.zeros(0, np.uint32)])
        order = np.argsort(added, kind="stable")
        added = added[order]
        at = np.concatenate([*places, np.zeros(0, np.int64)])[order].astype(np.uint32)
        old = self.hashes
        where = np.searchsorted(old, added)
        return self.of(np.insert(old, where, added), np.insert(self.places, where, at))

    def kept(self, which: NDArray[np.bool_]) -> HashTable:
        """Return a table of some of the entries."""
        return self.of(self.hashes[which], self.places[which])


def rests_type(bits: int) -> str:
    """Return the type of what is left of a hash, as in a file."""
    return "<u1" if HASH_BITS - bits <= 8 else "<u2"
