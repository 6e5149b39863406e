"""Words, and how many edits part what was heard from what was said."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")


def words(text: str) -> list[str]:
    """Return the words, lower case; each Han or kana sign is one."""
    return _WORD.findall(text.lower())


def edits(reference: Sequence[str], other: Sequence[str]) -> int:
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
