"""How far apart two transcripts are, in words."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")


def words(text: str) -> list[str]:
    """Return the words, lower case; each Han or kana sign is one."""
    return _WORD.findall(text.lower())


def distance(reference: Sequence[str], other: Sequence[str]) -> int:
    """Return how many insertions, deletions and substitutions part two lists (Levenshtein)."""
    row = list(range(len(other) + 1))
    for number, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], number
        for place, each in enumerate(other, 1):
            diagonal, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, diagonal + (word != each)),
            )
    return row[-1]


def divergence(references: Sequence[str], others: Sequence[str]) -> float:
    """Return per cent of the references' words by which the others differ; above 100 with many insertions."""
    pairs = [(words(first), words(second)) for first, second in zip(references, others, strict=True)]
    total = sum(len(first) for first, _ in pairs)
    return 100.0 * sum(distance(first, second) for first, second in pairs) / max(1, total)
