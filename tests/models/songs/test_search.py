"""The search among a hundred songs, and among hashes that say nothing; what peaks are worth."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.synthetic_songs import SOURCE_PER_CELL, synthetic_songs
from config.taxonomy import RiskType
from models.songs.detector import plays
from models.songs.enrolment import new_recording
from models.songs.fingerprint import Fingerprint, question
from models.songs.index import NewRecording, SongIndex
from models.songs.peaks import BIN_HZ, FIRST_BIN, FRAME_RATE_HZ, STEPS_PER_OCTAVE, find_peaks
from models.songs.search import MAX_MATCHES, search
from tests.support.music import mixed, music, played_at
from tests.support.speech import speech_pcm

WINDOW = 160_000
SPEECH = speech_pcm("The bakery on the corner opens at six, and the first bread is gone before seven.")


def test_a_song_is_found_among_a_hundred_and_no_other() -> None:
    sources = [find_peaks(music(seed), SOURCE_PER_CELL) for seed in range(20, 24)]
    wanted = [new_recording(f"wanted {seed}", RiskType.ANTHEN, music(seed)) for seed in (1, 2)]
    index = SongIndex().enrol([*wanted, *synthetic_songs(sources, range(100))])
    for seed, speed in ((1, 0.98), (2, 1.02)):
        heard = mixed(played_at(music(seed)[90_000:], speed)[:WINDOW], SPEECH)
        assert [each.recording.name for each in search(index, heard) if plays(each)] == [f"wanted {seed}"]
    assert not any(plays(each) for each in search(index, mixed(music(3)[:WINDOW], SPEECH)))


@pytest.mark.parametrize(("quiet_s", "start_s", "end_s"), [(7, 0, 5), (0, 35, 40)])
def test_a_song_that_begins_or_ends_in_the_window_bears_its_own_name(
    quiet_s: int, start_s: int, end_s: int
) -> None:
    index = SongIndex().enrol(
        [new_recording(f"song {seed}", RiskType.ANTHEN, music(seed)) for seed in (1, 2, 3)]
    )
    played = np.zeros(12 * 16_000, np.float32)
    part = music(2)[start_s * 16_000 : end_s * 16_000]
    played[quiet_s * 16_000 : quiet_s * 16_000 + len(part)] = part
    found = [each.recording.name for each in search(index, mixed(played, SPEECH)) if plays(each)]
    assert found == ["song 2"]


def test_hashes_that_are_everywhere_do_not_hide_the_others() -> None:
    song = new_recording("song", RiskType.ANTHEN, music(1))
    heard = mixed(music(1)[90_000 : 90_000 + WINDOW], SPEECH)
    said = np.setdiff1d(question(heard).hashes, song.fingerprint.hashes)[::500]
    common = np.repeat(said, 2 * MAX_MATCHES // len(said))
    places = np.sort(np.random.default_rng(1).integers(0, 10**6, len(common)))
    crowd = Fingerprint(common, places, np.zeros(0, np.int64), np.zeros(0, np.uint16))
    index = SongIndex().enrol([song, NewRecording("crowd", RiskType.ANTHEN, 10**6, crowd)])
    found = search(index, heard)
    assert [each.recording.name for each in found if plays(each)] == ["song"]


def test_a_beat_of_two_pitches_names_no_song_that_has_it() -> None:
    times_s = np.arange(20 * 16_000) / 16_000
    strokes = [
        np.exp(-12 * ((times_s + ahead_s) % 0.85)) * np.sin(2 * np.pi * hz * times_s)
        for hz, ahead_s in ((930.0, 0.0), (1480.0, 0.55))
    ]
    beat = np.asarray(0.25 * np.sum(strokes, axis=0), np.float32)
    song = new_recording("song", RiskType.ANTHEN, np.concatenate([beat, music(1)]))
    [match] = search(SongIndex().enrol([song]), beat[100_000 : 100_000 + WINDOW])
    assert match.alignment.surprise > 15
    assert match.alignment.pitches < 2.5
    assert not plays(match)


@pytest.mark.parametrize("hz", [311.0, 777.7, 1500.3, 3500.0])
def test_pitch_and_time_of_a_peak_are_told_between_the_points_of_the_grid(hz: float) -> None:
    times_s = np.arange(32_000) / 16_000
    bump = np.exp(-((times_s - 0.987) ** 2) / (2 * 0.05**2)) * np.sin(2 * np.pi * hz * times_s)
    peaks = find_peaks(bump.astype(np.float32), 1)
    place = int(np.argmax(peaks.prominences))
    steps = STEPS_PER_OCTAVE * np.log2(hz / (FIRST_BIN * BIN_HZ))
    # The middle of a frame is 64 ms after its beginning.
    assert peaks.times[place] / FRAME_RATE_HZ + 0.064 == pytest.approx(0.987, abs=0.004)
    assert peaks.steps[place] == pytest.approx(steps, abs=0.02)


@pytest.mark.parametrize("length", [0, 1, 2000, 2100, 3000, 20_001])
def test_a_sound_of_any_length_is_searched(length: int) -> None:
    index = SongIndex().enrol([new_recording("song", RiskType.ANTHEN, music(1))])
    assert not any(plays(each) for each in search(index, music(2)[:length]))
