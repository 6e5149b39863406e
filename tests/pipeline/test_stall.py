"""Streams that are open and say nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from config.settings import NetworkSettings
from pipeline.source import SourceFault
from tests.support.flv_tags import AUDIO, VIDEO, Tag, join_tags, tags
from tests.support.listening import source, take
from tests.support.media_server import HttpServer, RtmpServer, SilentServer, flv, paced

SENTENCE = "Good evening everybody, and welcome to my stream. Tonight we play a new game together."


pytestmark = pytest.mark.usefixtures("no_thread_is_left")


async def test_a_stalled_server_is_a_failure(spoken_wav: Path) -> None:
    with RtmpServer(spoken_wav, realtime=True) as rtmp:
        asyncio.get_running_loop().call_later(1.5, rtmp.pause)
        network = NetworkSettings(connect_timeout_s=5, read_timeout_s=1.5)
        windows, error = await take(source(rtmp.url, network))
    assert len(windows) == 1, "what was heard before comes before the failure"
    assert error is not None
    assert (error.fault, error.retryable) == (SourceFault.CANNOT_OPEN, True)


async def test_a_server_that_never_begins_is_a_failure() -> None:
    with SilentServer() as silent:
        network = NetworkSettings(connect_timeout_s=0.2, read_timeout_s=30)
        windows, error = await take(source(f"rtmp://127.0.0.1:{silent.port}/live/x", network))
    assert windows == []
    assert error is not None
    assert error.fault is SourceFault.CANNOT_OPEN


def film(spoken_flv: bytes, parts: list[Tag]) -> bytes:
    """FLV that announces sound and picture."""
    content = join_tags(spoken_flv, sorted(parts, key=lambda tag: tag.time_ms))
    return content[:4] + b"\x05" + content[5:]


async def test_pictures_without_sound_are_no_audio(server: HttpServer, spoken_flv: bytes) -> None:
    sound = [tag for tag in tags(spoken_flv) if tag.time_ms < 1500]
    # Screen video needs no set-up; what it shows does not matter.
    picture = [Tag(VIDEO, time_ms, b"\x13" + bytes(20)) for time_ms in range(0, 10_000, 100)]
    url = server.stream("film.flv", paced(film(spoken_flv, sound + picture), 10))
    network = NetworkSettings(connect_timeout_s=5, read_timeout_s=1.5)
    windows, error = await take(source(url, network))
    assert len(windows) == 1
    assert error is not None
    assert error.fault is SourceFault.NO_AUDIO


async def test_drops_of_data_keep_no_stream_alive(server: HttpServer, spoken_flv: bytes) -> None:
    # A byte a tenth of a second is enough for every time-out of a socket.
    async def dribble() -> AsyncIterator[bytes]:
        yield spoken_flv[:40_000]
        for place in range(40_000, 40_400):
            yield spoken_flv[place : place + 1]
            await asyncio.sleep(0.1)

    network = NetworkSettings(connect_timeout_s=5, read_timeout_s=1.5)
    began_at = time.monotonic()
    windows, error = await take(source(server.stream("drops.flv", dribble), network))
    assert len(windows) == 1
    assert error is not None
    assert error.fault is SourceFault.CANNOT_OPEN
    assert time.monotonic() - began_at < 15


async def test_another_codec_in_mid_stream_is_a_failure(
    server: HttpServer, spoken_wav: Path, spoken_flv: bytes
) -> None:
    # FFmpeg makes it a stream of its own, which nobody reads: the audio just stops.
    mp3 = [tag for tag in tags(flv(spoken_wav, "-c:a", "mp3", "-ar", "44100")) if tag.kind == AUDIO]
    later = [replace(tag, time_ms=tag.time_ms + 25_030) for tag in mp3]
    content = join_tags(spoken_flv, [*tags(spoken_flv), *later])
    network = NetworkSettings(connect_timeout_s=5, read_timeout_s=1.5)
    windows, error = await take(
        source(server.stream("codecs.flv", paced(content, 0, then_hang=True)), network)
    )
    assert [window.index for window in windows] == [0, 1, 2]
    assert error is not None
    assert error.retryable
