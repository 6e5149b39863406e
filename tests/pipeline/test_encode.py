from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.audio import SAMPLE_RATE_HZ, Pcm
from pipeline.mp3 import Mp3Error, encode_mp3
from tests.support.listening import likeness, listen
from tests.support.speech import fit, silence, speech_pcm, tone


def decoded(clip: bytes, folder: Path) -> Pcm:
    path = folder / "clip.mp3"
    path.write_bytes(clip)
    return listen(path).pcm


@pytest.mark.parametrize("bit_rate_kbps", [16, 32, 160])
def test_a_clip_sounds_like_its_window(bit_rate_kbps: int, tmp_path: Path) -> None:
    window = fit(speech_pcm("This is what the moderators will listen to."), 10)
    clip = encode_mp3(window, bit_rate_kbps)
    assert len(clip) == pytest.approx(bit_rate_kbps * 1000 / 8 * 10, rel=0.05)
    heard = decoded(clip, tmp_path)
    assert len(heard) / SAMPLE_RATE_HZ == pytest.approx(10, abs=0.15)
    assert likeness(heard, window) > 0.95


def test_twenty_seconds_and_a_moment(tmp_path: Path) -> None:
    assert len(decoded(encode_mp3(tone(20), 32), tmp_path)) / SAMPLE_RATE_HZ == pytest.approx(20, abs=0.15)
    assert len(decoded(encode_mp3(tone(0.01), 32), tmp_path)) > 0


def test_no_audio_makes_no_clip() -> None:
    with pytest.raises(Mp3Error, match="no audio"):
        encode_mp3(silence(0), 32)


def test_what_the_encoder_refuses_costs_the_clip_and_no_more() -> None:
    with pytest.raises(Mp3Error, match="no bit rate"):
        encode_mp3(silence(1), -5)
