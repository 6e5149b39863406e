"""Recordings that the contract's tests export from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.object_store import ObjectServer, object_credentials, object_server
from tests.support.recorded import chirps, film, run_ffmpeg, write_wave

__all__ = ["object_credentials", "object_server"]

FILM_S = 24
SEGMENT_S = 4


@dataclass(frozen=True, slots=True)
class Film:
    """A recording, packed in the documented ways."""

    sound: NDArray[np.int16]
    """48 kHz."""
    film: Path
    hls: Path
    """The folder of play.m3u8."""
    dash: Path
    """The folder of stream.mpd."""


def upload(server: ObjectServer, folder: Path, bucket: str, prefix: str) -> list[str]:
    """Put a folder's files into a bucket; return their keys."""
    keys = []
    for path in sorted(folder.iterdir()):
        keys.append(f"{prefix}/{path.name}")
        server.put(keys[-1], path.read_bytes(), bucket)
    return keys


@pytest.fixture(name="recorded", scope="session")
def _recorded(tmp_path_factory: pytest.TempPathFactory) -> Film:
    folder = tmp_path_factory.mktemp("recorded")
    sound = chirps(FILM_S)
    movie = film(folder / "film.mp4", write_wave(folder / "sound.wav", sound), FILM_S)
    hls, dash = folder / "hls", folder / "dash"
    hls.mkdir()
    dash.mkdir()
    run_ffmpeg(
        *("-i", movie, "-c", "copy", "-f", "hls", "-hls_time", str(SEGMENT_S), "-hls_playlist_type", "vod"),
        *("-hls_segment_filename", hls / "part%d.ts", hls / "play.m3u8"),
    )
    run_ffmpeg(
        *("-i", movie, "-c", "copy", "-f", "dash", "-seg_duration", str(SEGMENT_S), "-use_template", "1"),
        *("-use_timeline", "1", dash / "stream.mpd"),
    )
    return Film(sound, movie, hls, dash)
