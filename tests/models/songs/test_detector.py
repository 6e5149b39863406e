"""Enrolled songs: found under speech, at other speeds and across windows, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from config.taxonomy import RiskType
from models.errors import EnrolmentError
from models.hearing import Hearing, Senses
from models.interfaces import Samples, Scores, Voiceprint
from models.results import AudioSpans, SoundFinding
from models.songs.detector import LABELS, EnrolledSongDetector
from models.songs.enrolment import known_as, new_recording
from models.songs.index import SongIndex
from pipeline.audio import to_samples
from tests.support.music import mixed, music, played_at, to_pcm
from tests.support.speech import join, noise, silence, tone

WINDOW = 160_000
SPEECH = join(
    "The bakery on the corner opens at six, and the first bread is gone before seven.",
    "In spring the river comes up to the garden fence, but the house has always stayed dry.",
)
SEEDS = (1, 2, 3, 4)
QUIET = np.zeros(WINDOW, np.float32)


class Deaf:
    """No other model is asked."""

    classes: tuple[str, ...] = ()

    def detect(self, samples: Samples) -> AudioSpans:
        raise AssertionError

    def tag(self, samples: Samples) -> Scores:
        raise AssertionError

    def embed(self, samples: Samples) -> Voiceprint | None:
        raise AssertionError

    def female_log_odds(self, samples: Samples) -> float | None:
        raise AssertionError


def detect(index: SongIndex, samples: Samples, before: Samples | None = None) -> list[SoundFinding]:
    deaf = Deaf()
    heard = to_samples(to_pcm(samples))
    return EnrolledSongDetector(lambda: index).detect(Hearing(heard, Senses(deaf, deaf, deaf, deaf), before))


@pytest.fixture(name="index", scope="module")
def _index() -> SongIndex:
    risks = (RiskType.ANTHEN, RiskType.BANEDAUDIO, RiskType.COPYRIGHTSONGS, RiskType.COPYRIGHTSONGS)
    return SongIndex().enrol(
        [new_recording(f"song {seed}", risk, music(seed)) for seed, risk in zip(SEEDS, risks, strict=True)]
    )


@pytest.mark.parametrize("speed", [0.98, 0.987, 1.0, 1.013, 1.02])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_fragment_under_speech_is_found_at_any_speed(index: SongIndex, seed: int, speed: float) -> None:
    start = 31_415 * seed
    played = played_at(music(seed)[start : start + WINDOW + 8000], speed)[:WINDOW]
    [finding] = detect(index, mixed(played, SPEECH))
    assert finding.name == f"song {seed}"
    assert finding.probability >= 0.85


def test_each_has_the_label_it_was_enrolled_with(index: SongIndex) -> None:
    starts = {seed: 31_415 * seed for seed in (1, 2, 3)}
    found = [detect(index, music(seed)[at : at + WINDOW])[0].label for seed, at in starts.items()]
    assert found == [LABELS[RiskType.ANTHEN], LABELS[RiskType.BANEDAUDIO], LABELS[RiskType.COPYRIGHTSONGS]]


@pytest.mark.parametrize("seed", [11, 12, 13, 14])
def test_other_music_is_not_taken_for_it(index: SongIndex, seed: int) -> None:
    assert detect(index, music(seed)[:WINDOW], music(seed)[WINDOW : 2 * WINDOW]) == []


@pytest.mark.parametrize("pcm", [SPEECH[:WINDOW], noise(10), tone(10), silence(10)])
def test_nothing_is_found_in_other_sound(
    index: SongIndex, pcm: np.ndarray[tuple[int], np.dtype[np.int16]]
) -> None:
    assert detect(index, to_samples(pcm)) == []


def test_a_fragment_across_two_windows_is_found_in_the_second(index: SongIndex) -> None:
    half = 4 * 16_000
    fragment = music(3)[50_000 : 50_000 + 2 * half]
    before, window = QUIET.copy(), QUIET.copy()
    before[-half:], window[:half] = fragment[:half], fragment[half:]
    before, window = mixed(before, SPEECH), mixed(window, SPEECH[::-1])
    [finding] = detect(index, window, before)
    assert finding.name == "song 3"


def test_a_song_that_ended_in_the_window_before_is_not_in_this_one(index: SongIndex) -> None:
    before = music(2)[:WINDOW]
    assert detect(index, before)
    assert detect(index, to_samples(SPEECH[:WINDOW]), before) == []


def test_a_narrow_band_is_enough(index: SongIndex) -> None:
    spectrum = np.fft.rfft(mixed(music(4)[WINDOW : 2 * WINDOW], SPEECH))
    hz = np.fft.rfftfreq(WINDOW, 1 / 16_000)
    spectrum[(hz < 300) | (hz > 3400)] = 0
    [finding] = detect(index, np.fft.irfft(spectrum).astype(np.float32))
    assert finding.name == "song 4"


def test_nothing_enrolled_nothing_found() -> None:
    assert detect(SongIndex(), music(1)[:WINDOW]) == []


@pytest.mark.parametrize("pcm", [noise(20), silence(20), tone(20)], ids=["noise", "silence", "tone"])
def test_what_could_not_be_recognised_again_is_refused(
    pcm: np.ndarray[tuple[int], np.dtype[np.int16]],
) -> None:
    with pytest.raises(EnrolmentError, match="nothing in it could be recognised again"):
        new_recording("song", RiskType.ANTHEN, to_samples(pcm))


def test_a_recording_is_known_under_another_name(index: SongIndex) -> None:
    assert known_as(index, music(2)) == "song 2"
    assert known_as(index, music(12)) is None
