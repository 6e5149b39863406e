"""The lent silence: a voice made of sines, and encodings that are halved."""

from __future__ import annotations

import numpy as np

from models.interfaces import SAMPLE_RATE_HZ
from models.recognition.hush import babble, halve


def test_babble_is_the_same_each_time_and_as_long_as_asked() -> None:
    first = babble(10.0)
    assert first.shape == (10 * SAMPLE_RATE_HZ,)
    assert first.dtype == np.float32
    assert np.array_equal(first, babble(10.0))
    assert 0.1 < np.abs(first).max() <= 0.5


def test_babble_fills_its_time() -> None:
    """The silence behind a window is only like that behind speech when the sound goes on to its end."""
    tenths = babble(10.0).reshape(100, -1)
    loud = np.abs(tenths).max(axis=1) > 0.02
    assert loud.mean() > 0.8
    assert loud[-3:].any()


def test_halving_averages_neighbours_and_drops_an_odd_last_one() -> None:
    encoded = np.arange(10, dtype=np.float32).reshape(1, 5, 2)
    halved = halve(encoded)
    assert halved.dtype == np.float32
    assert halved.tolist() == [[[1.0, 2.0], [5.0, 6.0]]]
