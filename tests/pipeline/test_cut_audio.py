"""Pieces of audio are cut where they were asked for, to the sample."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.audio_forms import AudioForm
from pipeline.encode import EncodeError
from pipeline.offline.audio import CutAudio, cut_audio
from pipeline.recording.recording import Bytes, Container, RecordingError, RecordingFault, Stretch
from tests.support.recorded import (
    RATE_HZ,
    Forward,
    chirps,
    film,
    forward,
    lag,
    run_ffmpeg,
    samples,
    segments,
    whole,
    write_wave,
)

SECONDS = 40
PRIMING = {".mp4": 0, ".ts": 1024, ".flv": 1024}
"""Samples by which a film's audio comes late: the AAC encoder's, which only MP4 says are to be left out."""


@pytest.fixture(scope="module")
def original() -> NDArray[np.int16]:
    return chirps(SECONDS)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory, original: NDArray[np.int16]) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    sound = write_wave(folder / "sound.wav", original)
    return {suffix: film(folder / f"film{suffix}", sound, SECONDS) for suffix in PRIMING}


@pytest.fixture(scope="module")
def parts(films: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The film in 4-second segments, as HLS has it."""
    return segments(films[".ts"], tmp_path_factory.mktemp("parts"))


def run(parts: list[bytes], first: int, last: int) -> Stretch:
    """Return some segments that follow each other as one stretch."""
    return forward(b"".join(parts[first:last]), Container.MPEGTS, 4.0 * first, 4.0 * (last - first))


@pytest.mark.parametrize("suffix", PRIMING)
@pytest.mark.parametrize("start_s", [0.0, 0.5, 7.251, 31.7])
def test_to_the_sample(
    suffix: str, start_s: float, films: dict[str, Path], original: NDArray[np.int16], tmp_path: Path
) -> None:
    cut = cut_audio([whole(films[suffix])], start_s, 3.0, tmp_path / "cut.flac", AudioForm.FLAC)
    assert cut == CutAudio(3.0, 0.0, RATE_HZ)
    heard = samples(tmp_path / "cut.flac", RATE_HZ)
    assert len(heard) == 3 * RATE_HZ
    first = round(start_s * RATE_HZ)
    late, likeness = lag(heard, original[first : first + 3 * RATE_HZ])
    assert late == PRIMING[suffix]
    assert likeness > 0.98


@pytest.mark.parametrize("form", AudioForm)
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 120, None])
def test_every_kind_of_file_at_every_rate(
    form: AudioForm, rate_hz: int | None, films: dict[str, Path], original: NDArray[np.int16], tmp_path: Path
) -> None:
    target = tmp_path / f"cut.{form}"
    cut = cut_audio([whole(films[".mp4"])], 11.3, 4.0, target, form, rate_hz)
    kept_hz = RATE_HZ if rate_hz in (120, None) else rate_hz
    assert cut.rate_hz == (48_000 if form is AudioForm.OGG and rate_hz == 44_100 else kept_hz)
    heard = samples(target, RATE_HZ)
    assert len(heard) / RATE_HZ == pytest.approx(4.0, abs=0.001 if form is not AudioForm.MP3 else 0.06)
    late, likeness = lag(heard, original[round(11.3 * RATE_HZ) : round(15.3 * RATE_HZ)])
    assert abs(late) <= RATE_HZ / cut.rate_hz
    assert likeness > 0.9


def test_segments_that_are_read_once(parts: list[bytes], original: NDArray[np.int16], tmp_path: Path) -> None:
    stretch = run(parts, 2, 5)
    cut = cut_audio([stretch], 9.5, 8.0, tmp_path / "cut.wav", AudioForm.WAV)
    assert cut == CutAudio(8.0, 0.0, RATE_HZ)
    late, likeness = lag(
        samples(tmp_path / "cut.wav", RATE_HZ), original[round(9.5 * RATE_HZ) :][: 8 * RATE_HZ]
    )
    # A segment's timeline begins with its first picture or sound, whichever is first.
    assert abs(late - PRIMING[".ts"]) <= 0.06 * RATE_HZ
    assert likeness > 0.98
    assert isinstance(stretch.source, Forward)
    assert stretch.source.closed


def test_what_is_missing_is_silent_and_counted(
    parts: list[bytes], original: NDArray[np.int16], tmp_path: Path
) -> None:
    stretches = [run(parts, 0, 2), run(parts, 4, 6)]
    cut = cut_audio(stretches, 6.0, 14.0, tmp_path / "cut.wav", AudioForm.WAV)
    assert cut.duration_s == 14.0
    assert cut.missing_s == pytest.approx(8.0, abs=0.1)
    heard = samples(tmp_path / "cut.wav", RATE_HZ)
    assert not heard[round(2.1 * RATE_HZ) : round(9.9 * RATE_HZ)].any()
    late, likeness = lag(heard[round(10.1 * RATE_HZ) :], original[round(16.1 * RATE_HZ) : 20 * RATE_HZ])
    assert abs(late - PRIMING[".ts"]) <= 0.06 * RATE_HZ
    assert likeness > 0.98


def test_another_rate_and_other_channels_behind_a_discontinuity(
    parts: list[bytes], original: NDArray[np.int16], tmp_path: Path
) -> None:
    sound = write_wave(tmp_path / "other.wav", original[: 4 * RATE_HZ])
    run_ffmpeg("-i", sound, "-c:a", "aac", "-ar", "22050", "-ac", "2", tmp_path / "other.ts")
    other = forward((tmp_path / "other.ts").read_bytes(), Container.MPEGTS, 8.0)
    cut = cut_audio([run(parts, 0, 2), other], 7.0, 4.0, tmp_path / "cut.flac", AudioForm.FLAC)
    assert cut.rate_hz == RATE_HZ
    assert cut.duration_s == 4.0
    heard = samples(tmp_path / "cut.flac", RATE_HZ)
    late, likeness = lag(heard[RATE_HZ:], original[: 3 * RATE_HZ])
    assert abs(late) < 0.06 * RATE_HZ
    assert likeness > 0.95


def test_a_span_that_leads_beyond_the_end_is_shorter(films: dict[str, Path], tmp_path: Path) -> None:
    cut = cut_audio([whole(films[".mp4"])], SECONDS - 2, 3600.0, tmp_path / "cut.flac", AudioForm.FLAC)
    assert cut.duration_s == pytest.approx(2.0, abs=0.03)
    assert cut.missing_s == pytest.approx(3598.0, abs=0.03)
    assert len(samples(tmp_path / "cut.flac", RATE_HZ)) / RATE_HZ == pytest.approx(cut.duration_s)


def test_progress_never_goes_back_and_ends_with_all(films: dict[str, Path], tmp_path: Path) -> None:
    told: list[float] = []
    cut_audio([whole(films[".ts"])], 0.0, 30.0, tmp_path / "cut.mp3", AudioForm.MP3, progress=told.append)
    assert told == sorted(told)
    assert told[0] >= 0
    assert told[-1] == 1.0


# What cannot be done.


@pytest.mark.parametrize(
    ("start_s", "duration_s"),
    [
        (SECONDS + 60, 5.0),
        (1.0, 0.0),
        (1.0, -3.0),
        (-1.0, 3.0),
        (0.0, 1e12),
        (math.nan, 1.0),
        (0.0, math.inf),
    ],
)
def test_spans_that_are_not_in_the_recording(
    start_s: float, duration_s: float, films: dict[str, Path], tmp_path: Path
) -> None:
    with films[".ts"].open("rb") as source:
        stretch = Stretch(source, Container.MPEGTS, True, 0.0, math.inf)
        assert fault_of([stretch], tmp_path, start_s, duration_s) is RecordingFault.OUTSIDE
    assert not (tmp_path / "cut.flac").exists()


def fault_of(
    stretches: list[Stretch], folder: Path, start_s: float = 1.0, duration_s: float = 5.0
) -> RecordingFault:
    with pytest.raises(RecordingError) as caught:
        cut_audio(stretches, start_s, duration_s, folder / "cut.flac", AudioForm.FLAC)
    assert "Traceback" not in str(caught.value)
    return caught.value.fault


def test_no_audio(tmp_path: Path) -> None:
    silent = film(tmp_path / "silent.mp4", None, 4)
    assert fault_of([whole(silent)], tmp_path) is RecordingFault.INVALID
    assert fault_of([], tmp_path) is RecordingFault.INVALID


@pytest.mark.parametrize("container", Container)
def test_garbage_and_nothing(container: Container, tmp_path: Path) -> None:
    garbage = np.random.default_rng(5).bytes(300_000)
    for data in (garbage, b"", b"#EXTM3U\n#EXTINF:4,\nfile:///etc/passwd\n"):
        assert fault_of([forward(data, container, 0.0)], tmp_path) is RecordingFault.INVALID


def test_a_truncated_file(films: dict[str, Path], tmp_path: Path) -> None:
    half = tmp_path / "half.mp4"
    half.write_bytes(films[".mp4"].read_bytes()[:200_000])
    assert fault_of([whole(half)], tmp_path) is RecordingFault.INVALID


def test_what_reading_raises_is_raised(films: dict[str, Path], tmp_path: Path) -> None:
    class Failing(Forward):
        def read(self, size: int, /) -> bytes:
            data = super().read(size)
            if self._file.tell() > 100_000:
                raise RecordingError(RecordingFault.UNREACHABLE, "the store has gone")
            return data

    source: Bytes = Failing(films[".ts"].read_bytes())
    stretch = Stretch(source, Container.MPEGTS, False, 0.0, SECONDS)
    assert fault_of([stretch], tmp_path, 0.0, 30.0) is RecordingFault.UNREACHABLE


def test_cancelling_ends_it(films: dict[str, Path], tmp_path: Path) -> None:
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > 5

    stretch = replace(whole(films[".ts"]), seekable=False)
    with pytest.raises(RecordingError) as caught:
        cut_audio([stretch], 0.0, 30.0, tmp_path / "cut.flac", AudioForm.FLAC, cancelled=cancelled)
    assert caught.value.fault is RecordingFault.CANCELLED


def test_a_target_that_cannot_be_written(films: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match="No such file"):
        cut_audio([whole(films[".ts"])], 0.0, 3.0, tmp_path / "none" / "cut.mp3", AudioForm.MP3)
