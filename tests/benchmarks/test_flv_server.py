"""The live streams that loads pull."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import aiohttp
import pytest

from benchmarks.flv_server import Loop
from benchmarks.play import PlayServer
from tests.support.flv_tags import AUDIO, tags
from tests.support.media_server import flv
from tests.support.speech import tone, write_wav


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("play") / "tone.wav", tone(2.0))


def test_packets_follow_each_other_without_end_and_without_a_gap(wav: Path) -> None:
    packets = list(itertools.islice(Loop(flv(wav)).play(0.7), 500))
    times_ms = [time_ms for time_ms, _ in packets]
    assert times_ms[0] == 0
    steps_ms = [later - earlier for earlier, later in itertools.pairwise(times_ms)]
    assert min(steps_ms) > 0
    assert max(steps_ms) <= 1.2 * sum(steps_ms) / len(steps_ms)
    assert times_ms[-1] > 10_000


def test_the_tags_carry_the_times(wav: Path) -> None:
    loop = Loop(flv(wav))
    packets = list(itertools.islice(loop.play(0.0), 100))
    read = list(tags(loop.head + b"".join(packet for _, packet in packets)))
    assert [tag.kind for tag in read] == [AUDIO] * len(read)
    assert read[0].is_configuration
    assert [tag.time_ms for tag in read[1:]] == [time_ms for time_ms, _ in packets]


async def test_a_stream_is_live(wav: Path) -> None:
    """It sends what has sounded, not the file at once."""
    with PlayServer(wav, sample_rate_hz=16_000, channels=1) as server:
        began = time.perf_counter()
        async with aiohttp.ClientSession() as session, session.get(server.url(3)) as response:
            content = b""
            while len(list(tags(content))) < 10:
                content += await response.content.readany()
            elapsed_ms = (time.perf_counter() - began) * 1000
    assert list(tags(content))[-1].time_ms <= elapsed_ms
