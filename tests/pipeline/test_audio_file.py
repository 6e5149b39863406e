"""Audio files that are encoded in a thread of their own: whole, or given up in the middle."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.audio_forms import AudioForm
from pipeline.encode import AudioFile, EncodeError
from pipeline.offline.audio import extract_audio
from pipeline.recording.recording import RecordingError, RecordingFault
from tests.support.recorded import RATE_HZ, chirps, lag, run_ffmpeg, samples, whole, write_wave

SECONDS = 12


@pytest.fixture(scope="module")
def original() -> NDArray[np.int16]:
    return chirps(SECONDS)


def encoding() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "encode"]


def write(target: Path, form: AudioForm, pcm: NDArray[np.int16], step: int = 5000) -> AudioFile:
    with AudioFile(target, form, RATE_HZ) as file:
        for start in range(0, len(pcm), step):
            file.write(pcm[start : start + step])
    return file


@pytest.mark.parametrize("form", [AudioForm.FLAC, AudioForm.WAV, AudioForm.MP3])
def test_not_a_sample_is_lost_where_pieces_meet(
    form: AudioForm, original: NDArray[np.int16], tmp_path: Path
) -> None:
    target = tmp_path / f"sound.{form}"
    file = write(target, form, original)
    assert file.duration_s == SECONDS
    heard = samples(target, RATE_HZ)
    assert len(heard) == len(original)
    if form is not AudioForm.MP3:
        np.testing.assert_array_equal(heard, original)
        return
    late, likeness = lag(heard, original)
    assert late == 0
    assert likeness > 0.99
    write(tmp_path / "once.mp3", form, original, len(original))
    assert target.read_bytes() == (tmp_path / "once.mp3").read_bytes(), "no click where pieces meet"


@pytest.mark.parametrize("form", [AudioForm.FLAC, AudioForm.MP3])
def test_mp3_and_flac_of_stereo_at_other_rates(
    form: AudioForm, original: NDArray[np.int16], tmp_path: Path
) -> None:
    source = write_wave(tmp_path / "sound.wav", original)
    run_ffmpeg("-i", source, "-ar", "44100", "-ac", "2", tmp_path / "both.wav")
    facts = extract_audio(whole(tmp_path / "both.wav"), tmp_path / f"sound.{form}", form)
    assert facts.duration_s == SECONDS
    assert (facts.rate_hz, facts.channels, facts.codec) == (44_100, 2, form)
    heard = samples(tmp_path / f"sound.{form}", 44_100)
    assert len(heard) == SECONDS * 44_100


def test_a_disk_that_is_full_is_told(original: NDArray[np.int16]) -> None:
    full = Path("/dev/full")
    for form in (AudioForm.FLAC, AudioForm.MP3, AudioForm.WAV):
        with pytest.raises(EncodeError, match="no room"):
            write(full, form, np.tile(original, 20))
        assert not encoding()


@pytest.mark.parametrize("form", AudioForm)
def test_given_up_in_the_middle(form: AudioForm, original: NDArray[np.int16], tmp_path: Path) -> None:
    source = write_wave(tmp_path / "sound.wav", np.tile(original, 5))
    told: list[float] = []

    def cancelled() -> bool:
        return bool(told)

    with pytest.raises(RecordingError) as caught:
        extract_audio(whole(source), tmp_path / f"sound.{form}", form, told.append, cancelled)
    assert caught.value.fault is RecordingFault.CANCELLED
    assert not encoding()


def test_what_goes_wrong_while_decoding_is_what_is_raised(
    original: NDArray[np.int16], tmp_path: Path
) -> None:
    def interrupted() -> None:
        with AudioFile(tmp_path / "sound.mp3", AudioForm.MP3, RATE_HZ) as file:
            file.write(original)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not encoding()


@pytest.mark.parametrize("form", AudioForm)
def test_a_file_that_cannot_be_opened(form: AudioForm, original: NDArray[np.int16], tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match="No such file"):
        write(tmp_path / "absent" / f"sound.{form}", form, original)
    assert not encoding()


def test_what_cannot_be_completed_is_no_file(tmp_path: Path) -> None:
    # LAME has no end where it was given nothing.
    target = tmp_path / "sound.mp3"
    with pytest.raises(EncodeError), AudioFile(target, AudioForm.MP3, RATE_HZ):
        assert target.exists()
    assert not target.exists()
