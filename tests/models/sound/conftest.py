"""The models of sound, loaded once a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from models.hearing import Hearing
from models.interfaces import Samples
from models.sound.spans import OmniSpanDetector
from models.sound.yamnet import YamnetTagger
from tests.support.hearing import heard


@pytest.fixture(scope="session")
def tagger(yamnet_weights: Path) -> YamnetTagger:
    return YamnetTagger(yamnet_weights)


@pytest.fixture(scope="session")
def classes(tagger: YamnetTagger) -> tuple[str, ...]:
    return tagger.classes


@pytest.fixture(scope="session")
def hear(tagger: YamnetTagger) -> Callable[[Samples], Hearing]:
    """Makes a window of samples, with the real models."""
    spans = OmniSpanDetector()
    return lambda samples: heard(samples, spans, tagger)
