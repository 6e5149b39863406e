"""AES-128-CBC decryption of HLS segments: FFmpeg decrypts only what it fetches itself."""

from __future__ import annotations

from typing import Protocol

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

BLOCK = 16


class Readable(Protocol):
    """What is read from: bytes of at most the given length, none at the end."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes."""

    def close(self) -> None:
        """Let go of the connection."""


class CbcDecryptor:
    """Decrypts the consecutive pieces of one message."""

    def __init__(self, key: bytes, initial_vector: bytes) -> None:
        """Both have 16 bytes; raises ValueError otherwise."""
        if len(key) != BLOCK or len(initial_vector) != BLOCK:
            raise ValueError("AES-128 needs a key and an initial vector of 16 bytes")
        # CBC is what RFC 8216 prescribes for METHOD=AES-128; there is nothing to choose.
        self._context = Cipher(AES(key), CBC(initial_vector)).decryptor()

    def decrypt(self, cipher: bytes) -> bytes:
        """Decrypt whole blocks; padding is left on."""
        return self._context.update(cipher)


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
