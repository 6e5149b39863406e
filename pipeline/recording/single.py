"""A recording that is a single file: FFmpeg seeks in it."""

from __future__ import annotations

import math

from pipeline.recording.recording import Container, Recording, Segment

HEAD_BYTES = 4096
_TS_SYNC = 0x47
_TS_PACKETS = ((0, 188), (4, 192), (0, 204))
"""Where the first packet begins, and the size of each: plain, as M2TS, and with error correction."""
_MP4_BOXES = frozenset({b"ftyp", b"styp", b"moov", b"moof", b"sidx", b"free", b"skip", b"wide", b"mdat"})


def single_recording(name: str, head: bytes) -> Recording:
    """Make a recording of one file, whose first bytes tell how it is packed. Its length is not known yet."""
    return Recording(container_of(head), (Segment(name, 0.0, math.inf),))


def container_of(head: bytes) -> Container:
    """Tell a container by its first bytes; ANY leaves it to FFmpeg."""
    if head.startswith(b"FLV\x01"):
        return Container.FLV
    if head[4:8] in _MP4_BOXES:
        return Container.MP4
    for first, size in _TS_PACKETS:
        packets = head[first::size]
        if len(packets) > 1 and set(packets) == {_TS_SYNC}:
            return Container.MPEGTS
    return Container.ANY
