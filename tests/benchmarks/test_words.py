"""How far apart transcripts are."""

from __future__ import annotations

import pytest

from benchmarks.words import divergence


def test_divergence_is_per_cent_of_the_references_words() -> None:
    assert divergence(["a b c d", "e f"], ["a b c", "e f"]) == pytest.approx(100 / 6)
    assert divergence([""], [""]) == 0.0
