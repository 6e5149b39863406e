"""All the audio of a recording, as a file of its own."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.audio_forms import AudioForm
from pipeline.encode import NoRoomError
from pipeline.offline.audio import extract_audio
from pipeline.recording.recording import Container, RecordingError, RecordingFault, Stretch
from tests.daemon.full_disk import no_room
from tests.support.recorded import (
    RATE_HZ,
    Forward,
    chirps,
    film,
    forward,
    lag,
    run_ffmpeg,
    samples,
    whole,
    write_wave,
)

SECONDS = 10


@pytest.fixture(scope="module")
def original() -> NDArray[np.int16]:
    return chirps(SECONDS)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, original: NDArray[np.int16]) -> Path:
    return write_wave(tmp_path_factory.mktemp("sound") / "sound.wav", original)


@pytest.mark.parametrize("suffix", [".ts", ".mp4", ".flv"])
@pytest.mark.parametrize("form", AudioForm)
def test_all_of_it(
    suffix: str, form: AudioForm, sound: Path, original: NDArray[np.int16], tmp_path: Path
) -> None:
    source = film(tmp_path / f"film{suffix}", sound, SECONDS)
    target = tmp_path / f"audio.{form}"
    told: list[float] = []
    facts = extract_audio(whole(source), target, form, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert facts.duration_s == pytest.approx(SECONDS, abs=0.05)
    assert (facts.rate_hz, facts.channels) == (RATE_HZ, 1)
    assert facts.size == target.stat().st_size
    assert facts.bit_rate == pytest.approx(facts.size * 8 / SECONDS, rel=0.01)
    heard = samples(target, RATE_HZ)
    assert len(heard) / RATE_HZ == pytest.approx(facts.duration_s, abs=0.06)
    late, likeness = lag(heard, original)
    assert late in (0, 1024), "the AAC encoder's priming samples at most"
    assert likeness > 0.98


@pytest.mark.parametrize("form", [AudioForm.FLAC, AudioForm.M4A, AudioForm.WAV])
def test_a_disk_that_is_full_may_have_room_later(form: AudioForm, sound: Path, tmp_path: Path) -> None:
    source = film(tmp_path / "film.ts", sound, SECONDS)
    with pytest.raises(NoRoomError, match=r"^there is no room for the result on the disk") as full:
        extract_audio(whole(source), no_room(tmp_path), form)
    assert full.value.retryable


@pytest.mark.parametrize("suffix", [".ts", ".mp4", ".flv"])
def test_aac_is_not_encoded_again(suffix: str, sound: Path, tmp_path: Path) -> None:
    source = film(tmp_path / f"film{suffix}", sound, SECONDS)
    facts = extract_audio(whole(source), tmp_path / "audio.m4a", AudioForm.M4A)
    assert facts.codec == "aac"

    def packets(path: Path) -> bytes:
        return run_ffmpeg("-i", path, "-vn", "-c:a", "copy", "-f", "adts", "-")

    assert packets(tmp_path / "audio.m4a") == packets(source)
    copied, original = samples(tmp_path / "audio.m4a", RATE_HZ), samples(source, RATE_HZ)
    assert abs(len(copied) - len(original)) <= RATE_HZ / 1000, "FLV knows its last packet's length to a ms"
    assert np.array_equal(copied[: len(original)], original[: len(copied)])
    assert (tmp_path / "audio.m4a").read_bytes().find(b"moov") < 100, "a player need not have all of it"


def test_other_codecs_become_aac_and_channels_stay(sound: Path, tmp_path: Path) -> None:
    run_ffmpeg("-i", sound, "-af", "pan=stereo|c0=c0|c1=0*c0", "-ar", "44100", tmp_path / "stereo.mp3")
    facts = extract_audio(whole(tmp_path / "stereo.mp3"), tmp_path / "audio.m4a", AudioForm.M4A)
    assert (facts.codec, facts.rate_hz, facts.channels) == ("aac", 44_100, 2)
    halves = run_ffmpeg("-i", tmp_path / "audio.m4a", "-f", "s16le", "-")
    left, right = np.frombuffer(halves, np.int16).reshape(-1, 2).T.astype(float)
    assert np.std(left) > 20 * np.std(right)


def test_rates_that_mp3_has_not(sound: Path, original: NDArray[np.int16], tmp_path: Path) -> None:
    run_ffmpeg("-i", sound, "-ar", "96000", "-ac", "6", tmp_path / "high.flac")
    facts = extract_audio(whole(tmp_path / "high.flac"), tmp_path / "audio.mp3", AudioForm.MP3)
    assert (facts.codec, facts.rate_hz, facts.channels) == ("mp3", 48_000, 2)
    late, likeness = lag(samples(tmp_path / "audio.mp3", RATE_HZ), original)
    assert abs(late) <= 1
    assert likeness > 0.98


def test_a_rate_that_changes(sound: Path, original: NDArray[np.int16], tmp_path: Path) -> None:
    both = b""
    for rate_hz, channels in (("44100", "2"), ("22050", "1")):
        path = tmp_path / f"{rate_hz}.mp3"
        run_ffmpeg("-i", sound, "-ar", rate_hz, "-ac", channels, path)
        both += path.read_bytes()
    stretch = Stretch(io.BytesIO(both), Container.ANY, True, 0.0, 2.0 * SECONDS)
    facts = extract_audio(stretch, tmp_path / "audio.mp3", AudioForm.MP3)
    assert facts.duration_s == pytest.approx(2 * SECONDS, abs=0.2)
    second = samples(tmp_path / "audio.mp3", RATE_HZ)[-SECONDS * RATE_HZ :]
    assert lag(second, original)[1] > 0.95


def fault_of(stretch: Stretch, folder: Path, form: AudioForm) -> RecordingFault:
    with pytest.raises(RecordingError) as caught:
        extract_audio(stretch, folder / f"audio.{form}", form)
    return caught.value.fault


@pytest.mark.parametrize("form", [AudioForm.MP3, AudioForm.M4A])
def test_what_cannot_be_extracted(form: AudioForm, sound: Path, tmp_path: Path) -> None:
    silent = film(tmp_path / "silent.mp4", None, 2)
    assert fault_of(whole(silent), tmp_path, form) is RecordingFault.INVALID
    garbage = np.random.default_rng(5).bytes(100_000)
    assert fault_of(forward(garbage, Container.MPEGTS, 0.0), tmp_path, form) is RecordingFault.INVALID
    cut = film(tmp_path / "film.mp4", sound, 2).read_bytes()[:20_000]
    assert fault_of(forward(cut, Container.MP4, 0.0), tmp_path, form) is RecordingFault.INVALID


@pytest.mark.parametrize("form", [AudioForm.MP3, AudioForm.M4A])
@pytest.mark.parametrize("size", [30_000, 60_000, 100_000])
def test_broken_files_end_well_or_with_a_fault(
    form: AudioForm, size: int, sound: Path, tmp_path: Path
) -> None:
    data = bytearray(film(tmp_path / "film.ts", sound, 2).read_bytes()[:size])
    rng = np.random.default_rng(size)
    for place in rng.integers(2_000, len(data), 100):
        data[place] ^= 0xFF
    fault: RecordingFault | None = None
    try:
        extract_audio(forward(bytes(data), Container.MPEGTS, 0.0), tmp_path / "audio", form)
    except RecordingError as error:
        fault = error.fault
    assert fault in (None, RecordingFault.INVALID)


@pytest.mark.parametrize("form", [AudioForm.MP3, AudioForm.M4A])
def test_what_reading_raises_is_raised(form: AudioForm, sound: Path, tmp_path: Path) -> None:
    class Failing(Forward):
        def read(self, size: int, /) -> bytes:
            if self._file.tell() > 300_000:
                raise RecordingError(RecordingFault.CANCELLED, "nobody waits for it")
            return super().read(size)

    source = Failing(film(tmp_path / "film.ts", sound, SECONDS).read_bytes())
    stretch = Stretch(source, Container.MPEGTS, False, 0.0, SECONDS)
    assert fault_of(stretch, tmp_path, form) is RecordingFault.CANCELLED
    assert source.closed
