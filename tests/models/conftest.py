"""The real models, loaded once a run; `make test` fetches their weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.recognition.whisper import WhisperRecogniser
from models.text.chinese import to_simplified
from models.weights import WeightsCache, cache_folder


def _weights(model: str) -> Path:
    folder = WeightsCache(cache_folder(None)).find(model)
    if folder is None:
        pytest.fail(f"the weights are missing: run `audiowarden models fetch {model}`")
    return folder


@pytest.fixture(scope="session")
def tiny_weights() -> Path:
    return _weights("tiny.en")


@pytest.fixture(scope="session")
def base_weights() -> Path:
    return _weights("base")


@pytest.fixture(scope="session")
def yamnet_weights() -> Path:
    return _weights("yamnet")


@pytest.fixture(scope="session")
def voiceprint_weights() -> Path:
    return _weights("voiceprint")


@pytest.fixture(scope="session")
def gender_weights() -> Path:
    return _weights("gender")


@pytest.fixture(scope="session")
def tiny(tiny_weights: Path) -> Iterator[WhisperRecogniser]:
    """English only, one worker."""
    recogniser = WhisperRecogniser(tiny_weights, simplify=to_simplified, device="cpu", threads=1)
    yield recogniser
    recogniser.close()


@pytest.fixture(scope="session")
def base(base_weights: Path) -> Iterator[WhisperRecogniser]:
    """Multilingual, two workers."""
    recogniser = WhisperRecogniser(base_weights, simplify=to_simplified, device="cpu", threads=2)
    yield recogniser
    recogniser.close()
