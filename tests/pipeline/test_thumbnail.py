"""The picture of a second."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.offline.thumbnail import thumbnail
from pipeline.recording.recording import Container, RecordingError, RecordingFault, Stretch
from tests.support.recorded import FRAMES_PER_S, chirps, film, forward, run_ffmpeg, whole, write_wave

SECONDS = 20
WIDTH, HEIGHT = 192, 108


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wave(tmp_path_factory.mktemp("sound") / "sound.wav", chirps(SECONDS))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory, sound: Path) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    return {suffix: film(folder / f"film{suffix}", sound, SECONDS) for suffix in (".ts", ".mp4", ".flv")}


def grey(*options: str | Path) -> NDArray[np.int16]:
    """Return pictures as ffmpeg decodes them, as brightness 0..255, (pictures, height, width)."""
    data = run_ffmpeg(*options, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-")
    return np.frombuffer(data, np.uint8).reshape(-1, HEIGHT, WIDTH).astype(np.int16)


@pytest.fixture(scope="module")
def pictures(films: dict[str, Path]) -> NDArray[np.int16]:
    return grey("-i", films[".mp4"])


def number(jpeg: bytes, pictures: NDArray[np.int16], folder: Path) -> int:
    """Return which of the pictures is the most like one."""
    assert jpeg.startswith(b"\xff\xd8")
    (folder / "picture.jpg").write_bytes(jpeg)
    (picture,) = grey("-i", folder / "picture.jpg")
    return int(np.abs(pictures - picture).mean((1, 2)).argmin())


@pytest.mark.parametrize("suffix", [".ts", ".mp4", ".flv"])
@pytest.mark.parametrize("at_s", [0.0, 0.05, 5.99, 6.05, 13.7, 19.93])
def test_the_picture_that_is_shown_then(
    suffix: str, at_s: float, films: dict[str, Path], pictures: NDArray[np.int16], tmp_path: Path
) -> None:
    # Video begins behind the priming samples of the audio, except in MP4.
    late_s = 0.0 if suffix == ".mp4" else 1024 / 48_000
    expected = max(math.floor((at_s - late_s) * FRAMES_PER_S + 0.01), 0)
    assert number(thumbnail([whole(films[suffix])], at_s), pictures, tmp_path) == expected


def test_segments_that_are_read_once(
    films: dict[str, Path], pictures: NDArray[np.int16], tmp_path: Path
) -> None:
    stretch = forward(films[".ts"].read_bytes(), Container.MPEGTS, 100.0, SECONDS)
    shown = number(thumbnail([stretch], 113.7), pictures, tmp_path)
    # A segment's timeline begins with its first picture.
    assert shown == math.floor(13.7 * FRAMES_PER_S)


def test_other_pixels_become_jpeg_too(sound: Path, tmp_path: Path) -> None:
    options = ("-pix_fmt", "yuv444p10le", "-vf", "scale=101:57")
    odd = film(tmp_path / "odd.mp4", sound, 2, *options)
    (tmp_path / "odd.jpg").write_bytes(thumbnail([whole(odd)], 1.0))
    text = run_ffmpeg("-i", tmp_path / "odd.jpg", "-f", "framemd5", "-").decode()
    assert "#dimensions 0: 101x57" in text


def test_the_picture_of_a_recording_of_several_runs(
    films: dict[str, Path], pictures: NDArray[np.int16], tmp_path: Path
) -> None:
    data = films[".ts"].read_bytes()
    stretches = [forward(data, Container.MPEGTS, each, SECONDS) for each in (0.0, 30.0)]
    # In the hole between them the last picture stands still.
    assert number(thumbnail(stretches, 25.0), pictures, tmp_path) == SECONDS * FRAMES_PER_S - 1


def fault_of(stretches: list[Stretch], at_s: float) -> RecordingFault:
    with pytest.raises(RecordingError) as caught:
        thumbnail(stretches, at_s)
    return caught.value.fault


@pytest.mark.parametrize("at_s", [SECONDS + 30.0, -1.0, math.nan, math.inf])
def test_seconds_that_are_not_in_the_recording(at_s: float, films: dict[str, Path]) -> None:
    stretch = forward(films[".ts"].read_bytes(), Container.MPEGTS, 0.0, SECONDS)
    assert fault_of([stretch], at_s) is RecordingFault.OUTSIDE


def test_no_video_and_no_recording(sound: Path) -> None:
    assert fault_of([whole(sound)], 1.0) is RecordingFault.INVALID
    garbage = np.random.default_rng(5).bytes(100_000)
    assert fault_of([forward(garbage, Container.MPEGTS, 0.0)], 1.0) is RecordingFault.INVALID
    assert fault_of([], 1.0) is RecordingFault.INVALID
