"""Opens whatever a recording may be: a playlist, a manifest, or a file of media."""

from __future__ import annotations

import codecs
from urllib.parse import urlsplit

from pipeline.recording.dash import MARK as DASH_MARK
from pipeline.recording.dash import read_dash
from pipeline.recording.hls import MARK as HLS_MARK
from pipeline.recording.hls import read_hls
from pipeline.recording.recording import Library, Recording, RecordingError, RecordingFault
from pipeline.recording.single import HEAD_BYTES, single_recording
from pipeline.recording.text import read_up_to

_HLS_SUFFIXES = (".m3u8", ".m3u")
_DASH_SUFFIX = ".mpd"


def open_recording(library: Library, name: str, *, picture: bool = True) -> Recording:
    """Read what a recording is made of. Its media is not touched, but for the first bytes of a single file.

    The suffix says what it is; where it does not, the content. Where sound and picture have files of their
    own, the segments are the picture's and `Recording.sound` has the sound's; without `picture`, they are the
    sound's and nothing of the picture is read. Raises RecordingError.
    """
    path = (urlsplit(name).path if "://" in name else name).lower()
    if path.endswith(_HLS_SUFFIXES):
        return read_hls(library, name, picture=picture)
    if path.endswith(_DASH_SUFFIX):
        return read_dash(library, name, picture=picture)
    source = library.open(name)
    try:
        head = read_up_to(source, HEAD_BYTES)
    finally:
        source.close()
    if not head:
        raise RecordingError(RecordingFault.INVALID, "the file is empty")
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if text.startswith(HLS_MARK.encode()):
        return read_hls(library, name, picture=picture)
    if text.startswith(b"<") and DASH_MARK.encode() in text:
        return read_dash(library, name, picture=picture)
    return single_recording(name, head)
