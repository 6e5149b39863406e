"""Where MP4 ends whole, in whatever pieces it comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.recording.boxes import BoxCounter

SHORT = b"\0\0\0\x0cmdat1234"
LONG = b"\0\0\0\1mdat" + (20).to_bytes(8, "big") + b"1234"
EMPTY = b"\0\0\0\x08free"
ENDLESS = b"\0\0\0\0mdat anything"


def whole(content: bytes, size: int) -> bool:
    boxes = BoxCounter()
    for start in range(0, len(content), size):
        boxes.feed(content[start : start + size])
    return boxes.whole


@pytest.mark.parametrize("content", [b"", SHORT, LONG, EMPTY, SHORT + LONG + EMPTY, SHORT + ENDLESS])
@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_whole_files(content: bytes, size: int) -> None:
    assert whole(content, size)


@given(st.integers(1, 39), st.integers(1, 50))
def test_files_that_were_cut_off(cut: int, size: int) -> None:
    content = SHORT + LONG + EMPTY
    assert whole(content[:cut], size) is (cut in (12, 32))


@pytest.mark.parametrize("size", [2, 7])
def test_boxes_smaller_than_their_headers(size: int) -> None:
    assert not whole(size.to_bytes(4, "big") + b"mdat" + bytes(20), 1000)
    assert not whole(b"\0\0\0\1mdat" + (8).to_bytes(8, "big"), 1000)
