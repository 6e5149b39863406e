"""What was heard besides words, in the contract's businessLabels and audioTags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from config.taxonomy import Label, RiskType, Taxonomy
from models.results import SoundFinding

MIN_PROBABILITY = 0.5
"""From which an attribute stands in businessLabels; of a type that has several only the first does."""
SURE, LIKELY = 0.9, 0.7
"""Probabilities from which confidenceLevel is 2 and 1; the documents name the levels, not the bounds."""
ONE_OF_SEVERAL = frozenset({RiskType.GENDER, RiskType.AGE, RiskType.TIMBRE, RiskType.LANGUAGE})
"""Types of which a window has one value: the probable one hides the others."""
LANGUAGE_CODES = {
    "mandarin": 0, "english": 1, "cantonese": 2, "tibetan": 3, "uyghur": 4, "mongolian": 5, "korean": 6,
    "other": -1,
}  # fmt: skip
"""The contract's numbers for spoken languages."""


def describe(label: Label, taxonomy: Taxonomy, language: str) -> str:
    """Return the names of a label's three levels, joined as the contract joins them."""
    return "：".join(taxonomy.describe(label, language))


def business_labels(
    attributes: Sequence[SoundFinding], taxonomy: Taxonomy, language: str
) -> list[dict[str, Any]]:
    """Write businessLabels; `attributes` come with the more probable of a type first."""
    labels = []
    told: set[RiskType] = set()
    for each in attributes:
        risk = each.label.risk
        if each.probability < MIN_PROBABILITY or (risk in ONE_OF_SEVERAL and risk in told):
            continue
        told.add(risk)
        labels.append(
            {
                "businessLabel1": risk.value.lower(),
                "businessLabel2": each.label.label2,
                "businessLabel3": each.label.label3,
                "businessDescription": describe(each.label, taxonomy, language),
                "probability": percent(each.probability),
                "confidenceLevel": 2 if each.probability >= SURE else int(each.probability >= LIKELY),
            }
        )
    return labels


def audio_tags(
    attributes: Iterable[SoundFinding], asked: frozenset[RiskType], taxonomy: Taxonomy
) -> dict[str, Any]:
    """Write audioTags: what was asked for and could be told. `song` is always told when it was asked for."""
    by_risk: dict[RiskType, list[SoundFinding]] = {}
    for each in attributes:
        by_risk.setdefault(each.label.risk, []).append(each)
    tags: dict[str, Any] = {}
    if genders := by_risk.get(RiskType.GENDER):
        tags["gender"] = _tag(genders[0], taxonomy)
    if timbres := by_risk.get(RiskType.TIMBRE):
        tags["timbre"] = [_tag(each, taxonomy) for each in timbres]
    if RiskType.SING in asked:
        sung = by_risk.get(RiskType.SING, [])
        tags["song"] = int(any(each.probability >= MIN_PROBABILITY for each in sung))
    if languages := by_risk.get(RiskType.LANGUAGE):
        tags["language"] = [
            {"label": LANGUAGE_CODES[each.label.label3], "probability": percent(each.probability)}
            for each in languages
        ]
    return tags


def percent(probability: float) -> int:
    """Return a probability as the contract writes it in these places, 0..100."""
    return round(100 * probability)


def _tag(finding: SoundFinding, taxonomy: Taxonomy) -> dict[str, Any]:
    """Name a value; the contract's names are Chinese whatever `acceptLang` says."""
    return {"label": taxonomy.describe(finding.label, "zh")[2], "probability": percent(finding.probability)}
