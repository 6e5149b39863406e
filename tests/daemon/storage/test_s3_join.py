"""How pieces become parts: within the limits of S3, whatever the pieces are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.storage.interfaces import Location, Piece, Place, RefusedError
from daemon.storage.s3.join import COPY_BYTES, plan_join
from daemon.storage.s3.upload import MAX_OBJECT_BYTES, MAX_PARTS, MIB, MIN_PART_BYTES, part_bytes

GIB = 1024 * MIB
MAX_PART_BYTES = 5 * GIB
lengths = st.one_of(
    st.integers(0, 2 * MIB),
    st.integers(MIN_PART_BYTES - 2, MIN_PART_BYTES + 2),
    st.integers(2 * MIN_PART_BYTES - 2, 2 * MIN_PART_BYTES + 2),
    st.integers(0, 600 * GIB),
)


def piece(number: int, length: int) -> Piece:
    return Piece(Place(Location("bucket"), f"{number}.ts"), 7 * number, length)


@given(st.lists(lengths, max_size=20))
def test_parts_hold_all_bytes_in_order_within_the_limits(sizes: list[int]) -> None:
    pieces = [piece(number, size) for number, size in enumerate(sizes)]
    if sum(sizes) > MAX_OBJECT_BYTES:
        with pytest.raises(RefusedError):
            plan_join(pieces)
        return
    parts = plan_join(pieces)
    assert len(parts) <= MAX_PARTS
    assert all(MIN_PART_BYTES <= part.size <= MAX_PART_BYTES for part in parts[:-1])
    assert all(0 < part.size <= MAX_PART_BYTES for part in parts)
    at = {each.place.key: each.start for each in pieces}
    flat = [each for part in parts for each in part.pieces]
    assert [each.place.key for each in flat] == sorted(
        (each.place.key for each in flat), key=lambda key: int(key[:-3])
    )
    for each in flat:
        assert each.length > 0
        assert each.start == at[each.place.key]
        at[each.place.key] += each.length
    assert at == {each.place.key: each.start + each.length for each in pieces}


def test_large_pieces_are_copied_whole() -> None:
    (part,) = plan_join([piece(0, COPY_BYTES)])
    assert part.pieces == (piece(0, COPY_BYTES),)
    assert [part.size for part in plan_join([piece(0, COPY_BYTES + 2)])] == [COPY_BYTES // 2 + 1] * 2


def test_only_as_much_is_read_as_a_part_needs() -> None:
    first, second = plan_join([piece(0, MIB), piece(1, 20 * MIB)])
    assert [each.length for each in first.pieces] == [MIB, 4 * MIB]
    assert second.pieces == (Piece(Place(Location("bucket"), "1.ts"), 7 + 4 * MIB, 16 * MIB),)


def test_ten_thousand_parts_reach_the_largest_object() -> None:
    assert sum(part_bytes(number) for number in range(1, MAX_PARTS + 1)) >= MAX_OBJECT_BYTES
    assert min(part_bytes(number) for number in range(1, MAX_PARTS + 1)) >= 8 * MIB
    assert max(part_bytes(number) for number in range(1, MAX_PARTS + 1)) <= MAX_PART_BYTES
    assert part_bytes(1000) == 8 * MIB
