"""What cannot be written is said in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.exports.export import Export, Form, Span
from daemon.exports.making import Cut, Making
from daemon.storage.interfaces import Location, Place
from pipeline.encode import EncodeError
from pipeline.recording.opening import open_recording
from tests.support.folder_library import FolderLibrary
from tests.support.recordings import make_film, make_hls


def test_a_picture_that_cannot_be_written(tmp_path: Path) -> None:
    make_hls(make_film(tmp_path, 2), tmp_path)
    library = FolderLibrary(tmp_path)
    recording = open_recording(library, "play.m3u8")
    place = Place(Location(), "play.m3u8")
    export = Export(sources=(place,), span=Span(start_s=0.0), form=Form.JPEG, target=place)
    target = tmp_path / "gone" / "picture.jpg"
    making = Making(
        export, recording, library, Cut(0.0, 1.0, 0.0, None), target, lambda _: None, lambda: False
    )
    with pytest.raises(EncodeError, match="cannot be written: No such file or directory"):
        making.make()
