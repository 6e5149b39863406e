"""The audio event detector on speech, music-like tones and silence, from many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from models.interfaces import Samples
from models.sound.spans import OmniSpanDetector
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
