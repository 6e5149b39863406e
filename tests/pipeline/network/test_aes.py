from __future__ import annotations

import io

import numpy as np
import pytest

from pipeline.network.aes import CbcDecryptor, DecryptedSegment


def test_the_example_of_fips_197() -> None:
    key = bytes(range(16))
    cipher = bytes.fromhex("69c4e0d86a7b0430d8cdb78070b4c55a")
    plain = CbcDecryptor(key, bytes(16)).decrypt(cipher)
    assert plain == bytes.fromhex("00112233445566778899aabbccddeeff")


SP_800_38A_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
SP_800_38A_CIPHER = bytes.fromhex(
    "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
    "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"
)
SP_800_38A_PLAIN = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)


@pytest.mark.parametrize("piece", [16, 32, 48, 64])
def test_the_chain_runs_across_pieces(piece: int) -> None:
    decryptor = CbcDecryptor(SP_800_38A_KEY, bytes(range(16)))
    pieces = [SP_800_38A_CIPHER[start : start + piece] for start in range(0, 64, piece)]
    assert b"".join(decryptor.decrypt(part) for part in pieces) == SP_800_38A_PLAIN


class Dribble(io.BytesIO):
    """Answers reads with as little as a network would."""

    def __init__(self, content: bytes, seed: int) -> None:
        super().__init__(content)
        self._sizes = np.random.default_rng(seed)

    def read(self, size: int | None = -1, /) -> bytes:
        limit = int(self._sizes.integers(1, 40))
        return super().read(min(limit, size) if size is not None and size >= 0 else limit)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [16, 33, 4096])
def test_a_segment_in_odd_pieces(seed: int, size: int) -> None:
    # The last plain block happens to end in 0x10: a block that is padding as a whole.
    segment = DecryptedSegment(Dribble(SP_800_38A_CIPHER, seed), SP_800_38A_KEY, bytes(range(16)))
    parts = []
    while part := segment.read(size):
        assert len(part) <= size
        parts.append(part)
    assert b"".join(parts) == SP_800_38A_PLAIN[:-16]


def test_a_key_of_the_wrong_length() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        CbcDecryptor(b"short", bytes(16))
