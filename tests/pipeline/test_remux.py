"""Spans of recordings in other containers: which pictures and which sound are in them, and when."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.offline.audio import unwatched
from pipeline.offline.remux import EXACT, MediaForm, remux
from pipeline.recording.recording import Container, RecordingError, RecordingFault, Stretch
from tests.support.recorded import (
    FRAMES_PER_S,
    GOP_S,
    RATE_HZ,
    Forward,
    chirps,
    film,
    forward,
    lag,
    pictures,
    run_ffmpeg,
    samples,
    segments,
    whole,
    write_wave,
)

SECONDS = 40
SUFFIXES = (".ts", ".mp4", ".flv")


@pytest.fixture(scope="module")
def original() -> NDArray[np.int16]:
    return chirps(SECONDS)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, original: NDArray[np.int16]) -> Path:
    return write_wave(tmp_path_factory.mktemp("sound") / "sound.wav", original)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory, sound: Path) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    return {suffix: film(folder / f"film{suffix}", sound, SECONDS) for suffix in SUFFIXES}


@pytest.fixture(scope="module")
def parts(films: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The film in 4-second segments, as HLS has it."""
    return segments(films[".ts"], tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="module")
def shown(films: dict[str, Path]) -> list[str]:
    """What the film's pictures look like."""
    digests = [picture.digest for picture in pictures(films[".mp4"])]
    assert len(set(digests)) == SECONDS * FRAMES_PER_S
    return digests


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("form", EXACT)
@pytest.mark.parametrize("start_s", [0.0, 6.0, 7.2, 31.72])
def test_mp4_begins_and_ends_with_the_picture_asked_for(
    suffix: str,
    form: MediaForm,
    start_s: float,
    films: dict[str, Path],
    shown: list[str],
    original: NDArray[np.int16],
    tmp_path: Path,
) -> None:
    target = tmp_path / f"cut.{form}"
    done = remux([whole(films[suffix])], start_s, 5.0, target, form)
    # The video of TS and FLV begins behind the priming samples of their audio.
    assert done.start_s == pytest.approx(start_s, abs=0.03)
    assert done.duration_s == pytest.approx(5.0, abs=0.03)
    assert done.missing_s == 0.0
    cut = pictures(target)
    late_s = 0.0 if suffix == ".mp4" else 1024 / RATE_HZ
    # ffmpeg does not show a picture again whose time lies before the start.
    first = math.ceil((done.start_s - late_s) * FRAMES_PER_S - 0.1)
    last = math.ceil((start_s + 5.0 - late_s) * FRAMES_PER_S - 0.1)
    digests = [picture.digest for picture in cut]
    assert digests[: last - first] == shown[first:last]
    # A picture behind the end may be there because those before it are made of it.
    assert set(digests[last - first :]) <= set(shown[last : last + 2])
    begins = round((done.start_s + 0.5) * RATE_HZ)
    heard = samples(target, RATE_HZ)
    assert len(heard) / RATE_HZ == pytest.approx(5.0, abs=0.05)
    late, likeness = lag(heard[RATE_HZ // 2 : 4 * RATE_HZ], original[begins:][: round(3.5 * RATE_HZ)])
    assert abs(late - late_s * RATE_HZ) <= RATE_HZ / 1000, "sound and picture stay together"
    assert likeness > 0.98


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("start_s", [0.0, 7.2, 31.72])
def test_ts_begins_with_the_key_frame_before(
    suffix: str, start_s: float, films: dict[str, Path], shown: list[str], tmp_path: Path
) -> None:
    done = remux([whole(films[suffix])], start_s, 5.0, tmp_path / "cut.ts", MediaForm.TS)
    key = math.floor((start_s - 0.03) / GOP_S) * GOP_S if start_s else 0
    assert done.start_s == pytest.approx(key, abs=0.03)
    assert done.start_s + done.duration_s == pytest.approx(start_s + 5.0, abs=0.03)
    cut = [picture.digest for picture in pictures(tmp_path / "cut.ts")]
    assert cut[:-1] == shown[key * FRAMES_PER_S :][: len(cut) - 1]
    assert len(cut) == pytest.approx(done.duration_s * FRAMES_PER_S, abs=2)
    assert len(samples(tmp_path / "cut.ts", RATE_HZ)) / RATE_HZ == pytest.approx(done.duration_s, abs=0.05)


@pytest.mark.parametrize("form", MediaForm)
def test_segments_that_are_read_once(
    form: MediaForm, parts: list[bytes], shown: list[str], tmp_path: Path
) -> None:
    stretch = forward(b"".join(parts[2:5]), Container.MPEGTS, 8.0, 12.0)
    done = remux([stretch], 9.0, 9.0, tmp_path / f"cut.{form}", form)
    assert done.missing_s == 0.0
    cut = [picture.digest for picture in pictures(tmp_path / f"cut.{form}")]
    assert done.start_s == pytest.approx(9.0 if form in EXACT else 8.0, abs=0.1)
    first = shown.index(cut[0])
    assert first == pytest.approx(done.start_s * FRAMES_PER_S, abs=2)
    assert cut[:-1] == shown[first:][: len(cut) - 1]
    assert len(cut) == pytest.approx((18.0 - done.start_s) * FRAMES_PER_S, abs=2)


@pytest.mark.parametrize("form", MediaForm)
def test_time_goes_on_over_a_hole_and_behind_a_discontinuity(
    form: MediaForm, parts: list[bytes], sound: Path, shown: list[str], tmp_path: Path
) -> None:
    # An encoder that was started again, the same way but for the order of its streams.
    again = film(tmp_path / "again.ts", sound, 4, "-t", "4", "-map", "1:a", "-map", "0:v")
    stretches = [
        forward(b"".join(parts[0:2]), Container.MPEGTS, 0.0, 8.0),
        forward(parts[4], Container.MPEGTS, 16.0, 4.0),
        # It begins before the one before it has ended, as rounded playlists have it.
        forward(again.read_bytes(), Container.MPEGTS, 19.9, 4.0),
    ]
    target = tmp_path / f"cut.{form}"
    done = remux(stretches, 4.5, 18.0, target, form)
    assert done.missing_s == pytest.approx(8.0, abs=0.2)
    cut = pictures(target)
    times_s = np.array([picture.time_s for picture in cut])
    assert (np.diff(times_s) > 0).all()
    (hole,) = np.flatnonzero(np.diff(times_s) > 0.2)
    assert times_s[hole + 1] - times_s[hole] == pytest.approx(8.0, abs=0.2)
    digests = [picture.digest for picture in cut[hole + 1 :]]
    second, third = digests[: 4 * FRAMES_PER_S], digests[4 * FRAMES_PER_S : -1]
    assert second == shown[16 * FRAMES_PER_S : 20 * FRAMES_PER_S]
    assert third == shown[: len(third)]
    assert len(third) == pytest.approx(2.5 * FRAMES_PER_S, abs=4)
    steps_s = np.delete(np.diff(times_s), hole)
    assert steps_s.max() < 0.2


@pytest.mark.parametrize("form", MediaForm)
@pytest.mark.parametrize("packed", [".ts", ".mp4"])
def test_sound_from_files_of_its_own(
    form: MediaForm,
    packed: str,
    films: dict[str, Path],
    shown: list[str],
    original: NDArray[np.int16],
    tmp_path: Path,
) -> None:
    """DASH has it, with clocks that need not begin together."""
    pieces = ("-c", "copy", "-output_ts_offset")
    run_ffmpeg("-i", films[".mp4"], "-map", "0:v", *pieces, "100", tmp_path / f"pictures{packed}")
    run_ffmpeg("-i", films[".mp4"], "-map", "0:a", *pieces, "0", tmp_path / f"sound{packed}")
    target = tmp_path / f"cut.{form}"
    done = remux(
        [whole(tmp_path / f"pictures{packed}")],
        7.2,
        12.0,
        target,
        form,
        sound=[whole(tmp_path / f"sound{packed}")],
    )
    assert done.start_s == (7.2 if form in EXACT else 6.0)
    assert done.missing_s == 0.0
    first = round(done.start_s * FRAMES_PER_S)
    digests = [picture.digest for picture in pictures(target)]
    assert digests[: 11 * FRAMES_PER_S] == shown[first:][: 11 * FRAMES_PER_S]
    # To the picture the sound is as it was: ffmpeg fills what it begins later than that with silence.
    heard = np.frombuffer(
        run_ffmpeg("-i", target, "-af", "aresample=async=1:first_pts=0", "-ac", "1", "-f", "s16le", "-"),
        np.int16,
    )
    begins = round(done.start_s * RATE_HZ)
    late, likeness = lag(heard[RATE_HZ : 9 * RATE_HZ], original[begins + RATE_HZ : begins + 9 * RATE_HZ])
    # The priming samples of the AAC encoder, which only MP4 says are to be left out; and ffmpeg's filling.
    assert late == pytest.approx(1024 if packed == ".ts" else 0, abs=300)
    assert likeness > 0.98


def test_only_audio(sound: Path, original: NDArray[np.int16], tmp_path: Path) -> None:
    run_ffmpeg("-i", sound, "-c:a", "aac", tmp_path / "radio.ts")
    for form in MediaForm:
        target = tmp_path / f"cut.{form}"
        done = remux([whole(tmp_path / "radio.ts")], 10.005, 5.0, target, form)
        assert done.start_s == pytest.approx(10.005, abs=0.03)
        begins = round(done.start_s * RATE_HZ)
        late, likeness = lag(samples(target, RATE_HZ), original[begins : begins + 5 * RATE_HZ])
        assert abs(late - 1024) <= 50
        assert likeness > 0.97


def test_only_video(shown: list[str], tmp_path: Path) -> None:
    silent = film(tmp_path / "silent.mp4", None, 10)
    done = remux([whole(silent)], 3.0, 2.0, tmp_path / "cut.mp4", MediaForm.MP4)
    assert (done.start_s, done.missing_s) == (3.0, 0.0)
    assert [picture.digest for picture in pictures(tmp_path / "cut.mp4")] == shown[75:125]


def test_stamps_that_begin_anew_within_a_file(parts: list[bytes], tmp_path: Path) -> None:
    """A recorder that was started again wrote into the same file, and nothing tells where."""
    stretch = forward(b"".join(parts[5:7] + parts[0:2]), Container.MPEGTS, 0.0, 16.0)
    done = remux([stretch], 0.0, 15.0, tmp_path / "cut.mp4", MediaForm.MP4)
    assert done.duration_s == pytest.approx(15.0, abs=0.2)
    times_s = np.array([picture.time_s for picture in pictures(tmp_path / "cut.mp4")])
    assert np.diff(times_s).min() > 0
    assert np.diff(times_s).max() < 0.3
    assert times_s[-1] == pytest.approx(15.0, abs=0.3)


def test_a_span_that_leads_beyond_the_end(films: dict[str, Path], tmp_path: Path) -> None:
    done = remux([whole(films[".ts"])], SECONDS - 3, 60.0, tmp_path / "cut.mp4", MediaForm.MP4)
    assert done.duration_s == pytest.approx(3.0, abs=0.1)
    assert done.missing_s == pytest.approx(57.0, abs=0.1)


def test_progress_never_goes_back_and_ends_with_all(films: dict[str, Path], tmp_path: Path) -> None:
    told: list[float] = []
    remux([whole(films[".ts"])], 0.0, 30.0, tmp_path / "cut.mp4", MediaForm.MP4, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


# What cannot be done.


def fault_of(
    stretches: list[Stretch],
    folder: Path,
    start_s: float = 1.0,
    duration_s: float = 5.0,
    form: MediaForm = MediaForm.MP4,
) -> RecordingFault:
    with pytest.raises(RecordingError) as caught:
        remux(stretches, start_s, duration_s, folder / "cut", form)
    return caught.value.fault


@pytest.mark.parametrize("span", [(SECONDS + 50, 5.0), (1.0, 0.0), (-1.0, 2.0), (0.0, 1e12), (math.nan, 1.0)])
def test_spans_that_are_not_in_the_recording(
    span: tuple[float, float], films: dict[str, Path], tmp_path: Path
) -> None:
    with films[".ts"].open("rb") as source:
        stretch = Stretch(source, Container.MPEGTS, True, 0.0, math.inf)
        assert fault_of([stretch], tmp_path, *span) is RecordingFault.OUTSIDE


@pytest.mark.parametrize("container", Container)
def test_garbage_and_nothing(container: Container, tmp_path: Path) -> None:
    for data in (np.random.default_rng(5).bytes(300_000), b""):
        assert fault_of([forward(data, container, 0.0)], tmp_path) is RecordingFault.INVALID
    assert fault_of([], tmp_path) is RecordingFault.INVALID


def test_a_truncated_file(films: dict[str, Path], tmp_path: Path) -> None:
    half = io.BytesIO(films[".mp4"].read_bytes()[:200_000])
    assert fault_of([Stretch(half, Container.MP4, True, 0.0, math.inf)], tmp_path) is RecordingFault.INVALID


def test_a_truncated_ts_goes_as_far_as_it_goes(films: dict[str, Path], tmp_path: Path) -> None:
    data = films[".ts"].read_bytes()
    stretch = Stretch(io.BytesIO(data[: len(data) // 2]), Container.MPEGTS, True, 0.0, math.inf)
    done = remux([stretch], 5.0, 30.0, tmp_path / "cut.mp4", MediaForm.MP4)
    assert done.duration_s == pytest.approx(SECONDS / 2 - 5.0, abs=3.0)
    assert done.duration_s + done.missing_s == pytest.approx(30.0, abs=0.01)


@pytest.mark.parametrize("form", MediaForm)
def test_broken_packets_are_left_out(form: MediaForm, films: dict[str, Path], tmp_path: Path) -> None:
    data = bytearray(films[".ts"].read_bytes())
    rng = np.random.default_rng(3)
    for place in rng.integers(100_000, len(data), 300):
        data[place : place + 20] = rng.bytes(20)
    stretch = Stretch(io.BytesIO(data), Container.MPEGTS, True, 0.0, math.inf)
    done = remux([stretch], 5.0, 30.0, tmp_path / f"cut.{form}", form)
    assert done.duration_s == pytest.approx(30.0, abs=3.0)
    assert len(pictures(tmp_path / f"cut.{form}")) > 20 * FRAMES_PER_S


@pytest.mark.parametrize("form", MediaForm)
def test_codecs_that_a_container_cannot_hold(form: MediaForm, sound: Path, tmp_path: Path) -> None:
    run_ffmpeg("-i", sound, "-c:a", "libvorbis", "-t", "5", tmp_path / "sound.ogg")
    stretch = whole(tmp_path / "sound.ogg")
    if form is MediaForm.MP4:
        remux([stretch], 1.0, 2.0, tmp_path / "cut.mp4", form)
        return
    with pytest.raises(RecordingError, match="cannot hold vorbis") as caught:
        remux([stretch], 1.0, 2.0, tmp_path / "cut", form)
    assert caught.value.fault is RecordingFault.UNSUPPORTED


def test_pictures_of_another_size_fit_into_ts_only(parts: list[bytes], sound: Path, tmp_path: Path) -> None:
    larger = film(tmp_path / "larger.ts", sound, 4, "-t", "4", "-vf", "scale=320:180").read_bytes()

    def stretches() -> list[Stretch]:
        first = forward(parts[0], Container.MPEGTS, 0.0, 4.0)
        return [first, forward(larger, Container.MPEGTS, 4.0, 4.0)]

    assert fault_of(stretches(), tmp_path, 0.0, 8.0) is RecordingFault.UNSUPPORTED
    done = remux(stretches(), 0.0, 8.0, tmp_path / "cut.ts", MediaForm.TS)
    assert done.duration_s == pytest.approx(8.0, abs=0.2)


def test_what_reading_raises_is_raised(films: dict[str, Path], tmp_path: Path) -> None:
    class Failing(Forward):
        def read(self, size: int, /) -> bytes:
            if self._file.tell() > 500_000:
                raise RecordingError(RecordingFault.UNREACHABLE, "the store has gone")
            return super().read(size)

    source = Failing(films[".ts"].read_bytes())
    stretch = Stretch(source, Container.MPEGTS, False, 0.0, SECONDS)
    assert fault_of([stretch], tmp_path, 0.0, 30.0) is RecordingFault.UNREACHABLE
    assert source.closed


def test_cancelling_ends_it(films: dict[str, Path], tmp_path: Path) -> None:
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > 30

    stretch = forward(films[".ts"].read_bytes(), Container.MPEGTS, 0.0, SECONDS)
    with pytest.raises(RecordingError) as caught:
        remux([stretch], 0.0, 30.0, tmp_path / "cut.mp4", MediaForm.MP4, unwatched, cancelled)
    assert caught.value.fault is RecordingFault.CANCELLED
