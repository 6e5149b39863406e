"""One daemon for the tests that do not restart it, and spoken streams for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.consumer import Consumer, Platform
from tests.support.daemon_process import ACCESS_KEY, DaemonProcess, configuration
from tests.support.media_server import HttpServer
from tests.support.speech import fit, join, speech_pcm, write_wav

HARMLESS = "Good evening everybody, and welcome back to the kitchen. Tonight we are cooking chicken breast."
ADVERTISEMENT = (
    "If you want to buy cheap followers, add me on WhatsApp. "
    "My number is five five five, one two three, four five six."
)
INSULT = "Oh shut up, you stupid idiot. You are a worthless piece of trash."

PROJECT = "0123456789abcdef0123456789abcdef"
TOKEN = "token-of-acme"
SESSION = "session-of-acme"
MORE_ACCOUNTS = f"""
buckets = []
[accounts.tvu]
session_ids = ["{SESSION}"]
[accounts.vod]
project_id = "{PROJECT}"
tokens = ["{TOKEN}"]

[[accounts]]
name = "small"
access_key = "key-of-small"
max_streams = 2

[[accounts]]
name = "slow"
access_key = "key-of-slow"
max_requests_per_s = 3
"""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A running daemon with three accounts; it must stop in order, and without an error of its own."""
    process = DaemonProcess(configuration(tmp_path_factory.mktemp("daemon"), extra=MORE_ACCOUNTS))
    process.start()
    try:
        yield process
        assert process.stop() == 0, process.log_path.read_text(encoding="utf-8")[-4000:]
    finally:
        process.kill()
    assert not process.events("stream_crashed")
    assert not process.events("request_failed")


@pytest_asyncio.fixture
async def consumer() -> AsyncIterator[Consumer]:
    """A consumer that takes everything."""
    async with Consumer() as consumer:
        yield consumer


@pytest_asyncio.fixture
async def platform(daemon: DaemonProcess, consumer: Consumer) -> AsyncIterator[Platform]:
    """A client of the running daemon whose callbacks go to `consumer`."""
    async with Platform(daemon.url, ACCESS_KEY, consumer.url) as platform:
        yield platform


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 s: harmless talk, an advertisement with a contact, an insult; one window each."""
    path = tmp_path_factory.mktemp("media") / "spoken.wav"
    parts = [fit(join(0.3, speech_pcm(text)), 10) for text in (HARMLESS, ADVERTISEMENT, INSULT)]
    return write_wav(path, join(*parts))


@pytest.fixture
def media(spoken: Path) -> Iterator[HttpServer]:
    """An HTTP server with the spoken recording."""
    with HttpServer(spoken.parent) as server:
        yield server
