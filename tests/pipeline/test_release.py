"""What a reading had open is let go of when it fails, not when the collector of garbage comes by."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from pipeline.decode import InputContainer
from pipeline.pull import PulledSource
from pipeline.source import SourceError, SourceFault
from tests.pipeline.test_other_codec import CODECS, PART_S
from tests.support.listening import source, url_reader
from tests.support.media_server import HttpServer, encode
from tests.support.pulled_room import until
from tests.support.speech import tone, write_wav


@pytest.fixture(name="address")
def _address(server: HttpServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A recording that fails once audio was heard: FFmpeg finds a stream of which PyAV knows nothing."""
    part = write_wav(tmp_path_factory.mktemp("failing") / "part.wav", tone(PART_S))
    first = encode(part, part.parent / "first.ts", *CODECS["aac"]).read_bytes()
    elsewhere = ("-mpegts_start_pid", "0x300", "-mpegts_pmt_start_pid", "0x1100")
    then = encode(part, part.parent / "then.ts", *CODECS["mp3"], *elsewhere).read_bytes()
    return server.content("failing.ts", first + then, "video/mp2t")


def containers() -> int:
    return sum(isinstance(each, InputContainer) for each in gc.get_objects())


def fault_of(address: str) -> SourceFault | None:
    try:
        for _ in url_reader(address).blocks():
            pass
    except SourceError as error:
        return error.fault
    return None


async def fault_told(pulled: PulledSource) -> SourceFault | None:
    try:
        async for _ in pulled.windows():
            pass
    except SourceError as error:
        return error.fault
    return None


@pytest.fixture(name="before")
def _before() -> Iterator[int]:
    """How many containers others have open; from now on nothing is collected."""
    gc.collect()
    gc.disable()
    yield containers()
    gc.enable()


async def test_a_reading_that_failed_keeps_nothing_open(address: str, before: int) -> None:
    assert fault_of(address) is SourceFault.INVALID_DATA
    assert containers() <= before


async def test_nor_does_a_source(address: str, before: int) -> None:
    assert await fault_told(source(address)) is SourceFault.INVALID_DATA
    await until(lambda: containers() <= before)
