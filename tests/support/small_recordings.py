"""Recordings of tiny files that are no media, for tests of what is fetched."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from pipeline.recording.recording import Container, Recording, RecordingError, RecordingFault, Segment
from pipeline.recording.stretches import stretches
from tests.support.folder_library import FolderLibrary
from tests.support.recordings import whole

SEGMENT_S = 2.0


def made(library: FolderLibrary, count: int) -> Recording:
    """Make a recording of small files, each of which tells its number."""
    segments = []
    for number in range(count):
        (library.folder / f"{number}.ts").write_bytes(content(number))
        segments.append(Segment(f"{number}.ts", SEGMENT_S * number, SEGMENT_S))
    return Recording(Container.MPEGTS, tuple(segments))


def content(number: int) -> bytes:
    return f"<{number}>".encode()


def read(
    recording: Recording, library: FolderLibrary, start_s: float, end_s: float, **options: object
) -> bytes:
    options = {"retry_after_s": (), **options}
    with closing(stretches(recording, library, start_s, end_s, **options)) as found:  # type: ignore[arg-type]  # any
        return b"|".join(whole(stretch.source) for stretch in found)


def fault(act: Callable[[], object]) -> RecordingFault:
    with pytest.raises(RecordingError) as caught:
        act()
    return caught.value.fault
