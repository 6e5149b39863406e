"""Pitch and formants of vowels whose height and resonances are known."""

from __future__ import annotations

import numpy as np
import pytest

from models.voice.formants import measure_formants
from models.voice.pitch import track_pitch
from pipeline.audio import to_samples
from tests.models.voice.voices import man, played, vowel
from tests.support.speech import noise, silence

AH = (768.0, 1333.0, 2522.0, 3500.0)


@pytest.mark.parametrize("pitch_hz", [85.0, 131.0, 220.0, 300.0, 420.0])
def test_a_vowel_is_as_high_as_it_was_made(pitch_hz: float) -> None:
    pitch = track_pitch(vowel(pitch_hz, AH))
    assert pitch.median_hz == pytest.approx(pitch_hz, rel=0.02)
    assert pitch.voiced_share > 0.9
    assert pitch.clear


def test_a_lively_voice_spreads_wider_than_a_steady_one() -> None:
    lively = np.concatenate([vowel(hz, AH, 0.5) for hz in (110.0, 150.0, 200.0)])
    assert track_pitch(lively).spread_semitones > 3
    assert track_pitch(vowel(150.0, AH)).spread_semitones < 1.5


def test_what_has_no_pitch_has_none() -> None:
    assert not track_pitch(to_samples(silence(2.0))).clear
    assert not track_pitch(to_samples(noise(2.0))).clear
    assert not track_pitch(np.zeros(10, np.float32)).clear


@pytest.mark.parametrize(
    "formants_hz", [AH, (342.0, 2322.0, 3000.0, 3657.0), (936.0, 1551.0, 2815.0, 4299.0)]
)
def test_formants_are_found_where_they_were_put(formants_hz: tuple[float, ...]) -> None:
    sound = vowel(120.0, formants_hz)
    found = measure_formants(sound, track_pitch(sound))
    assert found is not None
    assert found.f1_hz == pytest.approx(formants_hz[0], rel=0.08)
    assert found.f2_hz == pytest.approx(formants_hz[1], rel=0.06)
    assert found.f3_hz == pytest.approx(formants_hz[2], rel=0.06)


def test_a_faster_voice_is_higher_in_every_measure() -> None:
    low, high = man(), played(man(), 1.35)
    pitch, raised = track_pitch(low), track_pitch(high)
    assert raised.median_hz == pytest.approx(1.35 * pitch.median_hz, rel=0.04)
    one, other = measure_formants(low, pitch), measure_formants(high, raised)
    assert one is not None
    assert other is not None
    assert other.f3_hz > 1.1 * one.f3_hz


def test_nothing_voiced_has_no_formants() -> None:
    hiss = to_samples(noise(2.0))
    assert measure_formants(hiss, track_pitch(hiss)) is None
