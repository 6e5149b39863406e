"""How far apart two transcripts are, in words."""

from __future__ import annotations

from collections.abc import Sequence

from daemon.evaluation.words import edits, words


def divergence(references: Sequence[str], others: Sequence[str]) -> float:
    """Return per cent of the references' words by which the others differ; above 100 with many insertions."""
    pairs = [(words(first), words(second)) for first, second in zip(references, others, strict=True)]
    total = sum(len(first) for first, _ in pairs)
    return 100.0 * sum(edits(first, second) for first, second in pairs) / max(1, total)
