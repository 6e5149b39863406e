"""Films begin with their index, so that a player begins before it has all of one."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.audio_file import AudioFile
from pipeline.audio_forms import AudioForm
from pipeline.encode import EncodeError
from pipeline.offline.audio import unwatched
from pipeline.offline.remux import EXACT, MediaForm, remux
from pipeline.recording.recording import RecordingError
from tests.support.recorded import RATE_HZ, chirps, film, pictures, whole, write_wave

SECONDS = 8


@pytest.fixture(name="movie", scope="module")
def _movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("movie")
    return film(folder / "film.mp4", write_wave(folder / "sound.wav", chirps(SECONDS)), SECONDS)


def boxes(path: Path) -> Iterator[tuple[str, int]]:
    """Return a file's outer boxes: what each is called and where it begins (ISO/IEC 14496-12, 4.2)."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, at + 8)
        yield kind.decode(), at
        at += size
    assert at == len(data)


@pytest.mark.parametrize("form", EXACT)
def test_the_index_of_a_film_is_first(form: MediaForm, movie: Path, tmp_path: Path) -> None:
    target = tmp_path / f"cut.{form}"
    remux([whole(movie)], 2.0, 4.0, target, form)
    places = dict(boxes(target))
    assert places["moov"] < places["mdat"]
    # Where the index says that the pictures are, they are.
    assert len(pictures(target)) == pytest.approx(100, abs=2)


@pytest.mark.parametrize("form", MediaForm)
def test_of_a_film_that_is_given_up_nothing_is_left(form: MediaForm, movie: Path, tmp_path: Path) -> None:
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > 2

    with pytest.raises(RecordingError):
        remux([whole(movie)], 0.0, 8.0, tmp_path / f"cut.{form}", form, unwatched, cancelled)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", AudioForm)
def test_of_audio_that_is_given_up_nothing_is_left(form: AudioForm, tmp_path: Path) -> None:
    def begin() -> None:
        with AudioFile(tmp_path / f"a.{form}", form, RATE_HZ) as file:
            file.write(np.zeros(RATE_HZ, np.int16))
            raise KeyError

    with pytest.raises(KeyError):
        begin()
    assert list(tmp_path.iterdir()) == []


def test_a_device_is_never_removed(tmp_path: Path) -> None:
    """A link to one stands for it: a test must not try its own rule on the machine's."""
    target = tmp_path / "full"
    target.symlink_to("/dev/full")
    with pytest.raises(EncodeError), AudioFile(target, AudioForm.WAV, RATE_HZ) as file:
        file.write(np.zeros(RATE_HZ * 10, np.int16))
    assert target.is_symlink()
