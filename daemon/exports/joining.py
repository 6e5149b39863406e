"""Which bytes of a store, one after the other, are a span of a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from daemon.exports.playlists import segments_of
from daemon.storage.interfaces import CannotJoinError, Location, MissingObjectError, ObjectStore, Piece, Place
from daemon.together import together
from pipeline.recording.recording import (
    ByteSpan,
    Container,
    Recording,
    RecordingError,
    RecordingFault,
    Segment,
)

LOOKUPS_AT_ONCE = 16


def joinable(recording: Recording, start_s: float, end_s: float) -> tuple[Segment, ...]:
    """Return the whole segments that hold a span, if written one after the other they are a file.

    That is so for MPEG-TS in the clear whose time stamps go on. Raises CannotJoinError, and RecordingError
    when the recording holds nothing of the span.
    """
    if recording.container is not Container.MPEGTS or recording.sound is not None:
        raise CannotJoinError("its segments are not MPEG-TS")
    try:
        segments = segments_of(recording, start_s, end_s)
    except RecordingError as error:
        if error.fault is RecordingFault.UNSUPPORTED:
            raise CannotJoinError(str(error)) from None
        raise
    if any(each.missing for each in segments):
        raise CannotJoinError("segments are missing in the span")
    if any(each.key is not None or each.header is not None for each in segments):
        raise CannotJoinError("its segments are encrypted")
    if len({each.run for each in segments}) > 1:
        raise CannotJoinError("its time stamps do not go on within the span")
    return segments


def check_reach(source: Location, target: Location) -> None:
    """Raise CannotJoinError when no store has both: a folder reaches no bucket, and no other folder."""
    if not (source.bucket and target.bucket) and source != target:
        raise CannotJoinError("its segments are in another store than the target")


async def pieces_of(store: ObjectStore, location: Location, segments: Sequence[Segment]) -> list[Piece]:
    """Return where the bytes of segments are. Raises StorageError; MissingObjectError names no key."""
    sizes: dict[str, int] = {}
    # All lookups take from the same iterator; a file with many segments is looked up once.
    names = iter(dict.fromkeys(each.name for each in segments if each.span is None))

    async def look_up() -> None:
        for name in names:
            info = await store.info(name)
            if info is None:
                raise MissingObjectError("a segment of the recording is not there")
            sizes[name] = info.size

    await together("segment lookup", (look_up() for _ in range(LOOKUPS_AT_ONCE)))
    return [_piece(Place(location, each.name), each.span, sizes) for each in segments]


def _piece(place: Place, span: ByteSpan | None, sizes: Mapping[str, int]) -> Piece:
    if span is None:
        return Piece(place, 0, sizes[place.key])
    return Piece(place, span.start, span.end - span.start)
