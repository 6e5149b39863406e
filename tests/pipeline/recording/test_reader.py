"""How segments are fetched, what fails, and how the reading ends."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from pipeline.recording.reader import HELD_BYTES
from pipeline.recording.recording import (
    Container,
    Recording,
    RecordingError,
    RecordingFault,
    Segment,
)
from pipeline.recording.stretches import stretches
from tests.support.folder_library import FolderLibrary
from tests.support.recordings import whole
from tests.support.small_recordings import content, fault, made, read

# What fails.


def unreachable() -> RecordingError:
    return RecordingError(RecordingFault.UNREACHABLE, "the store does not answer")


def test_what_may_be_better_later_is_tried_again(own: FolderLibrary) -> None:
    recording = made(own, 4)
    own.failures = {"1.ts": [unreachable(), unreachable()], "2.ts": [unreachable()]}
    assert read(recording, own, 0, 8, retry_after_s=(0, 0)) == b"<0><1><2><3>"
    assert own.opened.count("1.ts") == 3


@pytest.mark.parametrize("ahead", [0, 4])
def test_and_then_fails(ahead: int, own: FolderLibrary) -> None:
    recording = made(own, 4)
    own.failures = {"1.ts": [unreachable() for _ in range(3)]}
    with closing(stretches(recording, own, 0, 8, ahead=ahead, retry_after_s=(0, 0))) as found:
        stretch = next(found)
        with pytest.raises(RecordingError) as caught:
            whole(stretch.source)
    assert caught.value.retryable


def test_what_was_refused_is_not_tried_again(own: FolderLibrary) -> None:
    recording = made(own, 4)
    own.failures = {"1.ts": [RecordingError(RecordingFault.REFUSED, "no")]}
    assert fault(lambda: read(recording, own, 0, 8, retry_after_s=(0, 0))) is RecordingFault.REFUSED


# How it is fetched.


@pytest.mark.parametrize("ahead", [1, 4])
def test_so_many_are_fetched_at_once(ahead: int, own: FolderLibrary) -> None:
    recording = made(own, 20)
    together = threading.Barrier(ahead)
    first = {f"{number}.ts" for number in range(ahead)}

    def meet(name: str) -> None:
        if name in first:
            first.discard(name)
            together.wait(10)

    own.before_reading = meet
    with closing(stretches(recording, own, 0, 40, ahead=ahead)) as found:
        stretch = next(found)
        names = [thread.name for thread in threading.enumerate()]
        assert sum(name.startswith("recording fetch") for name in names) == ahead
        assert set(own.opened) <= {f"{number}.ts" for number in range(ahead)}
        assert whole(stretch.source) == b"".join(map(content, range(20)))


def test_large_segments_are_read_as_they_come(own: FolderLibrary) -> None:
    size = HELD_BYTES // 4 + 5_000_000
    for number in range(3):
        with (own.folder / f"{number}.ts").open("wb") as file:
            file.truncate(size)
    segments = tuple(Segment(f"{n}.ts", 2.0 * n, 2.0) for n in range(3))
    read_bytes = {"now": 0, "most": 0}

    def watch(name: str) -> None:
        read_bytes["now"] += 65536

    own.before_reading = watch
    total = 0
    for stretch in stretches(Recording(Container.MPEGTS, segments), own, 0, 6, ahead=4):
        while piece := stretch.source.read(1_000_000):
            total += len(piece)
            read_bytes["most"] = max(read_bytes["most"], read_bytes["now"] - total)
    assert total == 3 * size
    assert read_bytes["most"] <= HELD_BYTES + 8 * 65536


@pytest.mark.parametrize("ahead", [0, 4])
def test_closing_ends_the_threads_at_once(ahead: int, own: FolderLibrary) -> None:
    recording = made(own, 40)
    found = stretches(recording, own, 0, 80, ahead=ahead)
    stretch = next(found)
    stretch.source.close()
    names = [thread.name for thread in threading.enumerate()]
    assert not any(name.startswith("recording fetch") for name in names)
    assert not own.held
    assert fault(lambda: stretch.source.read(100)) is RecordingFault.CANCELLED
    assert next(found, None) is None
    assert len(own.opened) < 20


def test_another_thread_may_end_a_reading(own: FolderLibrary) -> None:
    recording = made(own, 4)
    stuck = threading.Event()
    own.before_reading = lambda name: None if name != "2.ts" else _stay(stuck, own)
    found = stretches(recording, own, 0, 8, ahead=2)
    stretch = next(found)
    closer = threading.Timer(0.2, stretch.source.close)
    closer.start()
    assert fault(lambda: whole(stretch.source)) is RecordingFault.CANCELLED
    stuck.set()
    closer.join()
    found.close()


def _stay(stuck: threading.Event, library: FolderLibrary) -> None:
    # As a library does that is cancelled: the reading ends when its file is closed.
    while library.held and not stuck.wait(0.01):
        pass


def test_a_library_that_is_cancelled(own: FolderLibrary) -> None:
    recording = made(own, 40)
    found = stretches(recording, own, 0, 80)
    stretch = next(found)
    own.cancelled = True
    assert fault(lambda: whole(stretch.source)) is RecordingFault.CANCELLED
    found.close()
