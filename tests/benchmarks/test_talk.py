"""Talk with pauses for the load."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.talk import LENGTH_S, ROOM_LEVEL, stretches, talk, talk_file
from pipeline.audio import SAMPLE_RATE_HZ
from tests.support.speech import read_wav, tone, write_wav


@pytest.mark.parametrize("silence", [0.1, 0.6, 0.9])
def test_pauses_are_as_long_as_asked_and_as_real_ones_are(silence: float) -> None:
    pairs = list(stretches(silence, 600.0))
    pauses = [pause_s for _, pause_s in pairs]
    assert sum(pauses) == pytest.approx(600.0 * silence)
    assert sum(talk_s for talk_s, _ in pairs) == pytest.approx(600.0 * (1 - silence))
    assert all(5.0 <= pause_s <= 35.0 for pause_s in pauses)
    assert len(set(pauses)) == len(pauses)


@pytest.mark.parametrize(("silence", "expected"), [(0.0, (60.0, 0.0)), (1.0, (0.0, 60.0))])
def test_without_a_mixture_it_is_one_stretch(silence: float, expected: tuple[float, float]) -> None:
    assert list(stretches(silence, 60.0)) == [expected]


def test_the_samples_follow() -> None:
    pcm = talk(tone(3.0), 0.6, 120.0)
    assert len(pcm) == pytest.approx(120 * SAMPLE_RATE_HZ, abs=16)
    frames = pcm[: len(pcm) // 1600 * 1600].reshape(-1, 1600).astype(np.float64).std(axis=1)
    quiet = frames < 10 * ROOM_LEVEL * 32767
    assert quiet.mean() == pytest.approx(0.6, abs=0.02)


def test_the_operators_recordings_are_what_is_said(tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    write_wav(recordings / "a.wav", tone(2.0, 300.0))
    write_wav(recordings / "b.wav", tone(1.0, 900.0))
    (recordings / "notes.txt").write_text("no audio")
    said = read_wav(talk_file(tmp_path, recordings, 0.0))
    assert len(said) == LENGTH_S * SAMPLE_RATE_HZ
    assert np.abs(said[: 2 * SAMPLE_RATE_HZ] - tone(2.0, 300.0)).max() <= 2
    assert np.abs(said[2 * SAMPLE_RATE_HZ : 3 * SAMPLE_RATE_HZ] - tone(1.0, 900.0)).max() <= 2


def test_a_folder_without_recordings_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no recordings"):
        talk_file(tmp_path, tmp_path, 0.0)
