"""What a file may claim: tables wherever they are, and none that are not there."""

from __future__ import annotations

import struct

import pytest

from pipeline.network.claims import MAX_EBML_HEAD_BYTES, MAX_SAMPLES, Claims, FullIndexError
from pipeline.source import SourceError, SourceFault

FTYP = struct.pack(">I", 12) + b"ftypisom"


def table(kind: bytes, count: int, *, long_form: bool = False) -> bytes:
    """A box that claims so many samples of one size."""
    content = struct.pack(">II", 0, count) if kind == b"trun" else struct.pack(">III", 0, 4, count)
    if long_form:
        return struct.pack(">I", 1) + kind + struct.pack(">Q", 16 + len(content)) + content
    return struct.pack(">I", 8 + len(content)) + kind + content


def refusal(content: bytes, piece: int, *, opened: bool = False) -> SourceError | None:
    """Read in pieces; return what stopped the reading."""
    claims = Claims()
    try:
        for start in range(0, len(content), piece):
            claims.see(content[start : start + piece], opened=opened)
    except SourceError as error:
        return error
    return None


@pytest.mark.parametrize("kind", [b"stsz", b"stz2", b"trun"])
@pytest.mark.parametrize("long_form", [False, True])
@pytest.mark.parametrize("piece", [1, 7, 29, 30, 31, 4096])
def test_the_tables_of_all_tracks_count(kind: bytes, long_form: bool, piece: int) -> None:
    half = table(kind, MAX_SAMPLES // 2, long_form=long_form)
    assert refusal(FTYP + half + half, piece) is None
    error = refusal(FTYP + half + half + table(kind, 1), piece)
    assert error is not None
    assert (error.fault, error.retryable) == (SourceFault.INVALID_DATA, False)


@pytest.mark.parametrize("begin", [b"\x47", b"ID3", b"FLV", b"\xff\xf1", b"RIFF", b"OggS", b"fLaC"])
def test_other_formats_have_no_tables(begin: bytes) -> None:
    assert refusal(begin + table(b"stsz", 2**31), 64, opened=True) is None


def test_words_among_the_media_are_no_tables() -> None:
    assert refusal(FTYP + b"\xff\xff\xff\xffstsz" + b"\xff" * 100, 4096) is None


def test_places_apart_do_not_make_one_table() -> None:
    claims = Claims()
    claims.see(FTYP + table(b"stsz", 0)[:8], opened=False)
    claims.moved()
    claims.see(b"\xff" * 32, opened=False)


def test_the_head_of_a_film_has_a_limit_until_it_is_open() -> None:
    film = b"\x1aE\xdf\xa3" + bytes(MAX_EBML_HEAD_BYTES)
    assert refusal(film[:-4], 65536) is None
    assert refusal(film, 65536, opened=True) is None
    error = refusal(film, 65536)
    assert error is not None
    assert str(error) == "the file has no audio within its first 6 MB"


def test_what_was_refused_stays_refused() -> None:
    claims = Claims()
    for _ in range(2):
        with pytest.raises(SourceError):
            claims.see(FTYP + table(b"stsz", 2**31), opened=False)
    with pytest.raises(SourceError):
        claims.see(b"", opened=False)


@pytest.mark.parametrize(
    ("kind", "opened", "full"), [(b"trun", True, True), (b"trun", False, False), (b"stsz", True, False)]
)
def test_fragments_that_came_one_after_the_other_are_told_from_a_head(
    kind: bytes, opened: bool, full: bool
) -> None:
    error = refusal(FTYP + table(kind, MAX_SAMPLES) + table(kind, 1), 4096, opened=opened)
    assert error is not None
    assert isinstance(error, FullIndexError) is full
    assert (error.fault, error.retryable) == (SourceFault.INVALID_DATA, False)
