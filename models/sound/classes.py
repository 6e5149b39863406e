"""AudioSet's classes by name, and how strong a group of them is in each patch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.interfaces import Scores

Indices = NDArray[np.intp]
PerPatch = NDArray[np.float32]
"""Shape (patches,), 0..1."""

PATCH_S = 0.96


class SoundClasses:
    """Finds classes in the order in which a tagger scores them."""

    def __init__(self, names: Sequence[str]) -> None:
        """`names` are AudioSet's display names by index."""
        self._index = {name: number for number, name in enumerate(names)}

    def named(self, *names: str) -> Indices:
        """Return the indices of `names`; `"A..B"` are all from A to B, which AudioSet puts beside each other.

        Raises KeyError for a name that AudioSet does not have.
        """
        found: list[int] = []
        for name in names:
            first, _, last = name.partition("..")
            found += range(self._index[first], self._index[last or first] + 1)
        return np.array(found, np.intp)


def strongest(scores: Scores, classes: Indices) -> PerPatch:
    """Return the highest score among `classes` in each patch: a class and its parents say the same thing."""
    highest: PerPatch = scores[:, classes].max(axis=1)
    return highest


def any_of(scores: Scores, classes: Indices) -> PerPatch:
    """Return how probable at least one of `classes` is in each patch, were they independent."""
    none: PerPatch = np.prod(1.0 - scores[:, classes], axis=1)
    return 1.0 - none


def mean_of_best(values: PerPatch, count: int) -> float:
    """Return the mean of the `count` highest values; those that a short window lacks count as 0."""
    return float(np.sort(values)[::-1][:count].sum() / count)
