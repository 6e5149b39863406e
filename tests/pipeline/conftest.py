"""Media and servers that the tests of the pipeline share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.audio import Pcm
from pipeline.pull import abandoned_threads
from tests.support.listening import pulling
from tests.support.media_server import HttpServer, flv, wait_until
from tests.support.speech import fit, join, noise, speech_pcm, tone, write_wav


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `server` serves."""
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="session")
def server(folder: Path) -> Iterator[HttpServer]:
    with HttpServer(folder) as running:
        yield running


@pytest.fixture(scope="session")
def original() -> Pcm:
    """Eighteen seconds: noise, a tone of 440 Hz, another noise."""
    return join(noise(6, seed=3), tone(6), noise(6, seed=4))


@pytest.fixture(scope="session")
def wav(folder: Path, original: Pcm) -> Path:
    return write_wav(folder / "original.wav", original)


@pytest.fixture(scope="session")
def flv_bytes(wav: Path) -> bytes:
    return flv(wav)


@pytest.fixture(scope="session")
def spoken() -> Pcm:
    """Twenty-five seconds: a window with speech, one with soft noise, half of another."""
    sentence = "Good evening everybody, and welcome to my stream. Tonight we play a new game together."
    return join(fit(speech_pcm(sentence), 10), noise(15, 0.02, seed=5))


@pytest.fixture(scope="session")
def spoken_wav(folder: Path, spoken: Pcm) -> Path:
    return write_wav(folder / "spoken.wav", spoken)


@pytest.fixture(scope="session")
def spoken_flv(spoken_wav: Path) -> bytes:
    return flv(spoken_wav)


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    """Fail a test whose sources do not end."""
    yield
    wait_until(lambda: not pulling(), "the sources' threads to end")
    assert abandoned_threads() == 0
