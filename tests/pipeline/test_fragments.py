"""Live streams of fragmented MP4, whose every sample FFmpeg keeps in mind: opened again, they go on."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator

import pytest

from pipeline.network.claims import MAX_SAMPLES
from pipeline.reading import STEADY_S
from pipeline.source import SourceFault
from tests.support.listening import Heard, listen, source, take
from tests.support.media_server import HttpServer, encode, paced
from tests.support.speech import noise, write_wav

PART_S = 25.0
TRUN = struct.pack(">I", 16) + b"trun" + struct.pack(">II", 0, MAX_SAMPLES)
FULL = struct.pack(">I", 8 + len(TRUN)) + b"free" + TRUN
"""As many samples as may be: to FFmpeg an empty place, for which hours of a stream need not be sent."""


@pytest.fixture(name="fragments", scope="module")
def _fragments(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("fragments")
    options = ("-movflags", "frag_keyframe+empty_moov+default_base_moof", "-frag_duration", "500000")
    wav = write_wav(folder / "noise.wav", noise(PART_S, seed=1))
    return encode(wav, folder / "live.mp4", "-c:a", "aac", "-b:a", "128k", *options).read_bytes()


def until(content: bytes, share: float) -> int:
    """Return where the fragment begins that comes after so much of a stream."""
    return content.index(b"moof", round(len(content) * share)) - 4


async def test_a_live_stream_is_opened_again_and_goes_on(server: HttpServer, fragments: bytes) -> None:
    connections: list[int] = []
    place = until(fragments, 0.9)
    filled = fragments[:place] + FULL + fragments[place:]

    async def body() -> AsyncIterator[bytes]:
        connections.append(1)
        async for piece in paced(filled if len(connections) == 1 else fragments, 0)():
            yield piece

    windows, error = await take(source(server.stream("long.mp4", body, "video/mp4")))
    assert error is None
    assert len(connections) == 2
    # What was read together with the place that is too much is lost: 32 KiB at most, two seconds here.
    assert 1.7 * PART_S < sum(window.heard_s for window in windows) < 2 * PART_S
    assert len({window.origin for window in windows[1:]}) == 1


def refused(heard: Heard) -> bool:
    return (
        heard.error is not None
        and heard.fault is SourceFault.INVALID_DATA
        and str(heard.error) == f"the file claims more than {MAX_SAMPLES} samples"
        and not heard.error.retryable
    )


async def test_what_has_hardly_begun_is_refused(server: HttpServer, fragments: bytes) -> None:
    place = until(fragments, 0.5 * STEADY_S / PART_S)
    content = fragments[:place] + FULL + fragments[place:]
    assert refused(listen(server.stream("short.mp4", paced(content, 0), "video/mp4")))


async def test_a_recording_of_so_many_is_refused(server: HttpServer, fragments: bytes) -> None:
    place = until(fragments, 0.9)
    assert refused(listen(server.content("recorded.mp4", fragments[:place] + FULL + fragments[place:])))
