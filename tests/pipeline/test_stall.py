"""Streams that are open and say nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from config.settings import NetworkSettings
from pipeline.pull import PulledSource
from pipeline.reading import SILENT_S
from pipeline.source import Position, SourceFault
from tests.support.flv_tags import AUDIO, HEADER_BYTES, VIDEO, Tag, join_tags, tags
from tests.support.listening import POLICY, QUICK, source, take, until_heard, url_reader
from tests.support.media_server import HttpServer, RtmpServer, SilentServer, flv

SOON = NetworkSettings(connect_timeout_s=5, read_timeout_s=2.5)
"""Gives a silent stream up soon, but not one whose process or server was kept waiting for the processor."""

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


async def test_a_stalled_server_is_a_failure(spoken_wav: Path) -> None:
    with RtmpServer(spoken_wav, realtime=True) as rtmp:
        run = source(rtmp.url, SOON)
        taking = asyncio.create_task(take(run), name="take")
        await until_heard(run)
        rtmp.pause()
        windows, error = await taking
    assert windows, "what was heard before comes before the failure"
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
    pictures = [Tag(VIDEO, time_ms, b"\x13" + bytes(20)) for time_ms in range(0, 100_000, 20)]

    async def body() -> AsyncIterator[bytes]:
        yield film(spoken_flv, sound + pictures[:75])
        for picture in pictures[75:]:
            await asyncio.sleep(0.02)
            yield join_tags(spoken_flv, [picture])[HEADER_BYTES + 4 :]

    windows, error = await take(source(server.stream("film.flv", body), SOON))
    assert len(windows) == 1
    assert error is not None
    assert error.fault is SourceFault.NO_AUDIO


async def test_drops_of_data_keep_no_stream_alive(server: HttpServer, spoken_flv: bytes) -> None:
    # A byte a tenth of a second is enough for every time-out of a socket.
    async def dribble() -> AsyncIterator[bytes]:
        yield spoken_flv[:35_000]
        for place in range(35_000, 40_400):
            yield spoken_flv[place : place + 1]
            await asyncio.sleep(0.1)

    # It goes on so for nine minutes.
    async with asyncio.timeout(60):
        windows, error = await take(source(server.stream("drops.flv", dribble), SOON))
    assert len(windows) == 1
    assert error is not None
    assert error.fault is SourceFault.CANNOT_OPEN


def changing(server: HttpServer, path: str, aac: bytes, mp3: bytes, connections: list[int]) -> str:
    """A live stream that goes on as MP3 where its AAC ends, after 25 s; later joiners get it from 35 s on."""
    sound = [tag for tag in tags(mp3) if tag.kind == AUDIO]

    def part(from_ms: int) -> list[Tag]:
        return [replace(tag, time_ms=tag.time_ms + from_ms) for tag in sound]

    async def body() -> AsyncIterator[bytes]:
        connections.append(1)
        if len(connections) > 1:
            yield join_tags(mp3, part(35_000))
            return
        yield join_tags(aac, [*tags(aac), *part(25_030)])
        for _ in range(1000):
            await asyncio.sleep(0.02)
            yield join_tags(mp3, part(35_000)[:4])[HEADER_BYTES + 4 :]

    return server.stream(path, body)


@pytest.mark.parametrize("codec", [("libmp3lame", "44100"), ("pcm_s16le", "22050")])
async def test_another_codec_in_mid_stream_is_read_at_once(
    codec: tuple[str, str], server: HttpServer, spoken_wav: Path, spoken_flv: bytes
) -> None:
    # FFmpeg makes it a stream of its own, which only opening again shows.
    other = flv(spoken_wav, "-t", "10", "-c:a", codec[0], "-ar", codec[1])
    connections: list[int] = []
    run = source(changing(server, f"{codec[0]}.flv", spoken_flv, other, connections))
    windows, error = await take(run)
    assert error is None
    assert len(connections) == 2
    assert [(window.index, round(window.heard_s)) for window in windows] == [
        (0, 10),
        (1, 10),
        (2, 5),
        (3, 5),
        (4, 5),
    ]
    assert len({window.origin for window in windows[1:]}) == 1


async def test_a_codec_that_changes_all_the_time_is_a_failure(
    server: HttpServer, spoken_wav: Path, spoken_flv: bytes
) -> None:
    mp3 = flv(spoken_wav, "-t", "2", "-c:a", "libmp3lame", "-ar", "44100")
    aac = flv(spoken_wav, "-t", "2", "-c:a", "aac", "-ar", "44100")
    connections: list[int] = []
    windows, error = await take(source(changing(server, "often.flv", aac, mp3, connections)))
    assert error is not None
    assert (error.fault, error.retryable) == (SourceFault.INVALID_DATA, True)
    assert len(connections) == 1
    assert [window.index for window in windows] == [0]


async def test_of_two_sounds_the_one_that_comes_is_read(
    server: HttpServer, spoken_wav: Path, spoken_flv: bytes
) -> None:
    # As from a server that remembers how a stream began before its codec changed.
    mp3 = [tag for tag in tags(flv(spoken_wav, "-c:a", "libmp3lame", "-ar", "44100")) if tag.kind == AUDIO]
    first = [tag for tag in tags(spoken_flv) if tag.time_ms < 2000]

    def silent() -> bool:
        heard_at = reader.progress.heard_at
        return heard_at is not None and time.monotonic() - heard_at > 1.5 * SILENT_S

    async def body() -> AsyncIterator[bytes]:
        yield join_tags(spoken_flv, [*first[:8], mp3[0], *first[8:]])
        while not silent():  # noqa: ASYNC110 - a thread that decodes has no event
            await asyncio.sleep(0.02)
        yield join_tags(spoken_flv, [tag for tag in mp3 if tag.time_ms >= 5000])[HEADER_BYTES + 4 :]

    reader = url_reader(server.stream("two.flv", body))
    run = PulledSource("", Position(), POLICY, QUICK, name="test", reader=reader)
    windows, error = await take(run)
    assert error is None
    heard = [(window.index, round(window.heard_s)) for window in windows]
    assert heard == [(0, 7), (1, 10), (2, 5)]


async def test_silence_is_no_other_codec(server: HttpServer, spoken_flv: bytes) -> None:
    parts = list(tags(spoken_flv))
    pictures = [Tag(VIDEO, 25_000 + 40 * n, b"\x13" + bytes(20)) for n in range(200)]
    connections: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        connections.append(1)
        yield join_tags(spoken_flv, parts)
        for picture in pictures:
            await asyncio.sleep(0.02)
            yield join_tags(spoken_flv, [picture])[HEADER_BYTES + 4 :]

    await take(source(server.stream("mute.flv", body)))
    assert len(connections) == 1
