"""What is fetched for a span, and what is missing of it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pipeline.recording.gaps import Gap, Gaps
from pipeline.recording.reader import MAX_MISSING_IN_ROW
from pipeline.recording.recording import (
    ByteSpan,
    Container,
    Header,
    Key,
    Recording,
    RecordingError,
    RecordingFault,
    Segment,
)
from pipeline.recording.stretches import stretches
from tests.support.folder_library import FolderLibrary
from tests.support.recordings import whole
from tests.support.small_recordings import content, fault, made, read

# Which segments.


@pytest.mark.parametrize(
    ("start_s", "end_s", "margins_s", "numbers"),
    [
        (4, 6, 0, [2]),
        (4.5, 5.5, 0, [2]),
        (5.9, 6.1, 0, [2, 3]),
        (4, 6, 0.5, [1, 2, 3]),
        (4.6, 5.4, 0.5, [2]),
        (4.4, 5.4, 0.5, [1, 2]),
        (4.6, 5.6, 0.5, [2, 3]),
        (4, 6, 30, [1, 2, 3]),
        (0, 0.1, 0.5, [0]),
        (19.9, 20, 0.5, [9]),
        (0, 1000, 0.5, list(range(10))),
    ],
)
@pytest.mark.parametrize("ahead", [0, 1, 3, 50])
def test_which_segments(
    start_s: float, end_s: float, margins_s: float, numbers: list[int], ahead: int, own: FolderLibrary
) -> None:
    recording = made(own, 10)
    found = read(recording, own, start_s, end_s, ahead=ahead, lead_s=margins_s, trail_s=margins_s)
    assert found == b"".join(map(content, numbers))
    assert sorted(own.opened) == sorted(f"{number}.ts" for number in numbers)


def test_where_a_stretch_lies(own: FolderLibrary) -> None:
    (stretch,) = stretches(made(own, 10), own, 7, 11, lead_s=0, trail_s=0)
    assert (stretch.start_s, stretch.duration_s, stretch.seekable) == (6.0, 6.0, False)


def test_a_day_of_segments_costs_what_the_span_costs(own: FolderLibrary) -> None:
    made(own, 3)
    segments = tuple(Segment(f"{n % 3}.ts", n * 2.0, 2.0) for n in range(43200))
    assert read(Recording(Container.MPEGTS, segments), own, 86000, 86003, lead_s=0) == b"<1><2>"
    assert len(own.opened) == 2


@pytest.mark.parametrize(
    ("start_s", "end_s"),
    [(-1, 5), (5, 5), (6, 5), (20, 21), (float("nan"), 5), (1, float("inf")), (1, float("nan"))],
)
def test_spans_outside(start_s: float, end_s: float, own: FolderLibrary) -> None:
    recording = made(own, 10)
    assert fault(lambda: stretches(recording, own, start_s, end_s)) is RecordingFault.OUTSIDE
    assert not own.opened


def test_changing_headers_and_runs_are_read_one_by_one(own: FolderLibrary) -> None:
    for name in ("a", "b"):
        (own.folder / name).write_bytes(name.encode())
    segments = [
        Segment("0.ts", 0, 2, header=Header("a")),
        Segment("1.ts", 2, 2, header=Header("b")),
        Segment("2.ts", 4, 2, header=Header("b"), run=1),
        Segment("3.ts", 6, 2, header=Header("b"), run=1),
    ]
    made(own, 4)
    assert read(Recording(Container.MPEGTS, tuple(segments)), own, 0, 8) == b"a<0>|b<1>|b<2><3>"
    assert read(Recording(Container.MPEGTS, tuple(segments)), own, 4, 8) == b"b<2><3>"


def test_a_part_of_a_file(own: FolderLibrary) -> None:
    (own.folder / "all").write_bytes(b"0123456789")
    segments = (Segment("all", 0, 2, ByteSpan(2, 4)), Segment("all", 2, 2, ByteSpan(4, 9)))
    header = Header("all", ByteSpan(0, 2))
    assert read(Recording(Container.MPEGTS, segments), own, 0, 4) == b"2345678"
    with_header = tuple(Segment(s.name, s.start_s, s.duration_s, s.span, header) for s in segments)
    assert read(Recording(Container.MPEGTS, with_header), own, 2, 4, lead_s=0) == b"0145678"


# What is missing.


def test_a_missing_segment_is_a_gap(own: FolderLibrary) -> None:
    recording, gaps = made(own, 10), Gaps()
    (own.folder / "3.ts").unlink()
    assert read(recording, own, 5, 11, gaps=gaps) == b"<2><4><5>"
    assert gaps.all() == (Gap(6.0, 8.0),)
    assert gaps.total_s == 2.0


def test_a_missing_beginning_moves_the_stretch(own: FolderLibrary) -> None:
    recording, gaps = made(own, 10), Gaps()
    for number in (2, 3):
        (own.folder / f"{number}.ts").unlink()
    found = [
        (stretch.start_s, stretch.duration_s, whole(stretch.source))
        for stretch in stretches(recording, own, 5, 11, gaps=gaps)
    ]
    assert found == [(8.0, 4.0, b"<4><5>")]
    assert gaps.all() == (Gap(5.0, 8.0),)


def test_gaps_that_the_playlist_tells_are_not_asked_for(own: FolderLibrary) -> None:
    made(own, 40)
    segments = tuple(Segment(f"{n}.ts", 2.0 * n, 2.0, missing=1 <= n < 39) for n in range(40))
    gaps = Gaps()
    assert read(Recording(Container.MPEGTS, segments), own, 0, 80, gaps=gaps) == b"<0><39>"
    assert sorted(own.opened) == ["0.ts", "39.ts"]
    assert gaps.all() == (Gap(2.0, 78.0),)


def test_holes_and_what_lies_after_the_end_are_gaps(own: FolderLibrary) -> None:
    made(own, 3)
    segments = (Segment("0.ts", 0, 2), Segment("1.ts", 5, 2), Segment("2.ts", 7.05, 2))
    gaps = Gaps()
    assert read(Recording(Container.MPEGTS, segments), own, 1, 12, gaps=gaps) == b"<0><1><2>"
    assert gaps.all() == (Gap(2, 5), Gap(9.05, 12))


def test_nothing_of_the_span_is_there(own: FolderLibrary) -> None:
    recording, gaps = made(own, 10), Gaps()
    for number in range(1, 6):
        (own.folder / f"{number}.ts").unlink()
    assert fault(lambda: read(recording, own, 5, 11, gaps=gaps)) is RecordingFault.MISSING
    assert gaps.all() == (Gap(5, 11),)


@pytest.mark.parametrize("ahead", [0, 4])
def test_too_many_in_a_row(ahead: int, own: FolderLibrary) -> None:
    recording = made(own, 40)
    for number in range(10, 10 + MAX_MISSING_IN_ROW):
        (own.folder / f"{number}.ts").unlink()
    assert read(recording, own, 0, 80, ahead=ahead).endswith(b"<39>")
    (own.folder / f"{10 + MAX_MISSING_IN_ROW}.ts").unlink()
    assert fault(lambda: read(recording, own, 0, 80, ahead=ahead)) is RecordingFault.MISSING
    assert len([name for name in own.opened if int(name[:-3]) > 12 + MAX_MISSING_IN_ROW + ahead]) < 30


def test_segments_that_are_shorter_than_promised(own: FolderLibrary) -> None:
    made(own, 4)
    (own.folder / "1.ts").write_bytes(b"")
    segments = [Segment(f"{n}.ts", 2.0 * n, 2.0) for n in range(4)]
    segments[2] = Segment("2.ts", 4, 2, ByteSpan(0, 100))
    gaps = Gaps()
    assert read(Recording(Container.MPEGTS, tuple(segments)), own, 0, 8, gaps=gaps) == b"<0><3>"
    assert gaps.all() == (Gap(2, 6),)


def test_libraries_that_count_themselves(own: FolderLibrary) -> None:
    made(own, 3)
    segments = [Segment(f"{n}.ts", 2.0 * n, 2.0) for n in range(3)]
    segments[1] = Segment("1.ts", 2, 2, ByteSpan(0, 100))

    def complain(name: str) -> None:
        if name == "1.ts" and own.opened.count(name):
            raise RecordingError(RecordingFault.INVALID, "the file is shorter than its playlist says")

    own.before_reading = complain
    gaps = Gaps()
    assert read(Recording(Container.MPEGTS, tuple(segments)), own, 0, 6, gaps=gaps) == b"<0><2>"
    assert gaps.all() == (Gap(2, 4),)


def test_a_truncated_fragment_does_not_spoil_those_after_it(own: FolderLibrary) -> None:
    box = b"\0\0\0\x0cmdat1234"
    for number, each in enumerate((box * 2, box + box[:9], box, box + b"\0\0")):
        (own.folder / f"{number}.m4s").write_bytes(each)
    segments = tuple(Segment(f"{n}.m4s", 2.0 * n, 2.0) for n in range(4))
    gaps = Gaps()
    assert read(Recording(Container.MP4, segments), own, 0, 8, gaps=gaps) == box * 3
    assert gaps.all() == (Gap(2, 4), Gap(6, 8))


def test_ciphertext_that_was_cut_off(own: FolderLibrary) -> None:
    (own.folder / "key").write_bytes(bytes(16))
    (own.folder / "0.ts").write_bytes(bytes(100))
    segment = Segment("0.ts", 0, 2, key=Key("key", bytes(16)))
    assert fault(lambda: read(Recording(Container.MPEGTS, (segment,)), own, 0, 2)) is RecordingFault.MISSING


@pytest.mark.parametrize("size", [0, 15, 17, 100])
def test_keys_that_are_none(size: int, own: FolderLibrary) -> None:
    (own.folder / "key").write_bytes(bytes(size))
    (own.folder / "0.ts").write_bytes(bytes(32))
    segment = Segment("0.ts", 0, 2, key=Key("key", bytes(16)))
    assert fault(lambda: read(Recording(Container.MPEGTS, (segment,)), own, 0, 2)) is RecordingFault.INVALID


def test_neighbouring_gaps_are_one() -> None:
    gaps = Gaps()
    for start_s in (4, 0, 2, 10, 0):
        gaps.add(start_s, start_s + 2)
    gaps.add(20, 20)
    assert gaps.all() == (Gap(0, 6), Gap(10, 12))
    assert all(one.end_s < other.start_s for one, other in pairwise(gaps.all()))
