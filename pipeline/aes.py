"""AES-128-CBC decryption (FIPS 197, SP 800-38A) of HLS segments, many blocks at once in numpy.

FFmpeg decrypts segments itself only when it also fetches them; ours come through the guard. No dependency of
the daemon brings a cipher, and decryption, unlike encryption, has no chain from block to block.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

BLOCK = 16
ROUNDS = 10
Words = NDArray[np.uint32]


class Readable(Protocol):
    """What is read from: bytes of at most the given length, none at the end."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes."""

    def close(self) -> None:
        """Let go of the connection."""


def _double(value: int) -> int:
    return (value << 1) ^ (0x11B if value & 0x80 else 0)


def _times(left: int, right: int) -> int:
    """Multiply in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1."""
    product = 0
    while right:
        if right & 1:
            product ^= left
        left = _double(left)
        right >>= 1
    return product


def _substitution() -> list[int]:
    """The S-box: the inverse in GF(2^8), then the affine map of FIPS 197, 5.1.1."""
    inverse = [0] * 256
    power, exponents = 1, []
    for _ in range(255):
        exponents.append(power)
        power = _times(power, 3)
    for place, value in enumerate(exponents):
        inverse[value] = exponents[-place % 255]
    box = []
    for value in inverse:
        turned = value
        for turn in range(1, 5):
            turned ^= ((value << turn) | (value >> (8 - turn))) & 0xFF
        box.append(turned ^ 0x63)
    return box


_BOX = _substitution()
_INVERSE_BOX = np.zeros(256, np.uint32)
for _plain, _coded in enumerate(_BOX):
    _INVERSE_BOX[_coded] = _plain


def _mix_tables() -> list[Words]:
    """InvSubBytes and InvMixColumns in one look-up, a table for each row of the state."""
    factors = (14, 9, 13, 11)
    tables = []
    for row in range(4):
        order = [factors[(place - row) % 4] for place in range(4)]
        words = [
            int.from_bytes(bytes(_times(int(plain), factor) for factor in order)) for plain in _INVERSE_BOX
        ]
        tables.append(np.array(words, np.uint32))
    return tables


_MIX = _mix_tables()


def _round_keys(key: bytes) -> list[list[int]]:
    """The key schedule of the equivalent inverse cipher: a list of four words for each of 11 rounds."""
    words = [int.from_bytes(key[place : place + 4]) for place in range(0, 16, 4)]
    constant = 1
    while len(words) < 4 * (ROUNDS + 1):
        last = words[-1]
        if len(words) % 4 == 0:
            turned = ((last << 8) | (last >> 24)).to_bytes(5)[1:]
            last = int.from_bytes(bytes(_BOX[byte] for byte in turned)) ^ (constant << 24)
            constant = _double(constant)
        words.append(words[-4] ^ last)
    rounds = [words[place : place + 4] for place in range(0, len(words), 4)]
    for round_words in rounds[1:-1]:
        for column, word in enumerate(round_words):
            mixed = 0
            for row, byte in enumerate(word.to_bytes(4)):
                mixed ^= int(_MIX[row][_BOX[byte]])
            round_words[column] = mixed
    return rounds[::-1]


class CbcDecryptor:
    """Decrypts the consecutive pieces of one message."""

    def __init__(self, key: bytes, initial_vector: bytes) -> None:
        """Both have 16 bytes; raises ValueError otherwise."""
        if len(key) != BLOCK or len(initial_vector) != BLOCK:
            raise ValueError("AES-128 needs a key and an initial vector of 16 bytes")
        self._keys = _round_keys(key)
        self._before = initial_vector

    def decrypt(self, cipher: bytes) -> bytes:
        """Decrypt whole blocks; padding is left on."""
        if not cipher:
            return b""
        state = np.frombuffer(cipher, ">u4").astype(np.uint32).reshape(-1, 4).T
        columns = [state[column] ^ np.uint32(self._keys[0][column]) for column in range(4)]
        for keys in self._keys[1:-1]:
            columns = [
                _MIX[0][columns[column] >> 24]
                ^ _MIX[1][(columns[column - 1] >> 16) & 0xFF]
                ^ _MIX[2][(columns[column - 2] >> 8) & 0xFF]
                ^ _MIX[3][columns[column - 3] & 0xFF]
                ^ np.uint32(keys[column])
                for column in range(4)
            ]
        plain = np.empty_like(state.T, order="C")
        for column in range(4):
            plain[:, column] = (
                (_INVERSE_BOX[columns[column] >> 24] << 24)
                ^ (_INVERSE_BOX[(columns[column - 1] >> 16) & 0xFF] << 16)
                ^ (_INVERSE_BOX[(columns[column - 2] >> 8) & 0xFF] << 8)
                ^ _INVERSE_BOX[columns[column - 3] & 0xFF]
                ^ np.uint32(self._keys[-1][column])
            )
        chain = np.frombuffer(self._before + cipher[:-BLOCK], ">u4").astype(np.uint32).reshape(-1, 4)
        self._before = cipher[-BLOCK:]
        return (plain ^ chain).astype(">u4").tobytes()


class DecryptedSegment:
    """Reads an encrypted segment as plain bytes, without its padding. Not seekable."""

    def __init__(self, segment: Readable, key: bytes, initial_vector: bytes) -> None:
        self._segment = segment
        self._decryptor = CbcDecryptor(key, initial_vector)
        self._cipher = b""
        self._ended = False

    def read(self, size: int = 32768, /) -> bytes:
        """Return up to `size` (at least 16) plain bytes; empty at the end. Raises what the segment raises."""
        if size < BLOCK:
            raise ValueError("a segment is read in blocks of 16 bytes")
        while not self._ended:
            # One block is held back until it is known whether it is the last, which carries the padding.
            wanted = size - size % BLOCK + BLOCK - len(self._cipher)
            more = self._segment.read(wanted) if wanted > 0 else b""
            self._cipher += more
            self._ended = not more and wanted > 0
            whole = (len(self._cipher) - (0 if self._ended else 1)) // BLOCK * BLOCK
            if whole <= 0:
                continue
            plain = self._decryptor.decrypt(self._cipher[:whole])
            self._cipher = self._cipher[whole:]
            if self._ended:
                padding = plain[-1]
                plain = plain[:-padding] if 1 <= padding <= BLOCK else plain
            if plain:
                return plain
        return b""

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def close(self) -> None:
        """Close the segment."""
        self._segment.close()
