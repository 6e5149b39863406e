"""The live streams that loads pull."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.play import PlayServer
from benchmarks.rtmp_server import Loop, Playing
from tests.support.media_server import flv
from tests.support.speech import tone, write_wav

LOOP_S = 2.0


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("play") / "tone.wav", tone(LOOP_S))


def test_a_round_follows_the_one_before_without_a_gap(wav: Path) -> None:
    loop = Loop(flv(wav))
    steps_ms = [later - earlier for earlier, later in itertools.pairwise(loop.times_ms)]
    assert min(steps_ms) > 0
    assert max(steps_ms) <= 1.2 * sum(steps_ms) / len(steps_ms)
    assert loop.length_ms == pytest.approx(LOOP_S * 1000, abs=150)


def test_packets_are_sent_when_they_have_sounded(wav: Path) -> None:
    loop = Loop(flv(wav))
    sent: list[int] = []
    playing = Playing(loop, 0.7, lambda data: sent.append(len(data)))
    playing.sound(0.0)
    assert not sent
    rounds = 5
    for number in range(1, 50 * rounds + 1):
        playing.sound(number * loop.length_ms / 50)
    once = len(loop.packets)
    assert rounds * once - once / 20 <= sum(sent) <= rounds * once + len(loop.head) + once / 20


def test_ffmpeg_hears_it_live(wav: Path) -> None:
    """What comes is the tone, round after round, with times that go on, no faster than it sounds."""
    with PlayServer(wav, sample_rate_hz=16_000, channels=1) as server:
        began = time.perf_counter()
        with av.open(server.url(3), timeout=10.0) as container:
            times_s: list[float] = []
            levels: list[float] = []
            for frame in container.decode(audio=0):
                times_s.append(float(frame.time or 0.0))
                levels.append(float(np.abs(frame.to_ndarray()).mean()))
                if times_s[-1] > 2 * LOOP_S:
                    break
        elapsed_s = time.perf_counter() - began
    steps_s = [later - earlier for earlier, later in itertools.pairwise(times_s)]
    assert min(steps_s) > 0
    assert max(steps_s) < 0.2
    assert np.median(levels) > 0.01
    assert elapsed_s >= times_s[-1] - 0.2
