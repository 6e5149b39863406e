"""From what was found in words and sound to PASS, REVIEW or REJECT under a policy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from config.taxonomy import RiskType, Taxonomy, Thresholds
from models.results import ListMatch, SoundFinding, TextFinding
from pipeline.report import Evidence, Finding, RiskLevel

ATTRIBUTES = frozenset(
    {RiskType.GENDER, RiskType.AGE, RiskType.TIMBRE, RiskType.LANGUAGE, RiskType.AUDIOSCENE}
)
"""What describes a window and is no risk under any policy."""

_STRENGTH = {RiskLevel.PASS: 0, RiskLevel.REVIEW: 1, RiskLevel.REJECT: 2}


def judge(
    findings: Iterable[TextFinding],
    sounds: Iterable[SoundFinding],
    list_matches: Sequence[ListMatch],
    taxonomy: Taxonomy,
    policy: str,
    role: str,
) -> tuple[RiskLevel, tuple[Finding, ...]]:
    """Give every finding its level and return the window's level and the findings, the strongest first.

    A hit of a customer's own list is REJECT: the customer has judged that word already. Findings below
    their REVIEW threshold are listed beside stronger ones, as PASS; alone they are dropped. Words and sound
    count alike: the strongest finding leads, and all are listed.
    """
    judged = [
        Finding(each.label, RiskLevel.PASS, each.probability, Evidence.TEXT, each.spans)
        for each in _merge(findings)
    ]
    judged += [
        Finding(each.label, RiskLevel.PASS, each.probability, Evidence.AUDIO, name=each.name)
        for each in sounds
        if each.label.risk not in ATTRIBUTES
    ]
    judged = [
        replace(each, level=_level(each, taxonomy.thresholds(policy, role, each.label.risk)))
        for each in judged
    ]
    judged.sort(key=lambda finding: (-_STRENGTH[finding.level], -finding.probability, finding.label.label2))
    level = judged[0].level if judged else RiskLevel.PASS
    if list_matches:
        level = RiskLevel.REJECT
    return level, tuple(judged) if level is not RiskLevel.PASS else ()


def _merge(findings: Iterable[TextFinding]) -> Iterable[TextFinding]:
    """Join what several classifiers found under the same label: the highest probability, every place."""
    by_label: dict[object, TextFinding] = {}
    for finding in findings:
        other = by_label.get(finding.label)
        if other is not None:
            stronger = max(finding, other, key=lambda each: each.probability)
            spans = sorted({*finding.spans, *other.spans}, key=lambda span: (span.start, span.end))
            finding = TextFinding(stronger.label, stronger.probability, tuple(spans), stronger.detector)  # noqa: PLW2901 - the joined one
        by_label[finding.label] = finding
    return by_label.values()


def _level(finding: Finding, thresholds: Thresholds) -> RiskLevel:
    if finding.probability >= thresholds.reject:
        return RiskLevel.REJECT
    return RiskLevel.REVIEW if finding.probability >= thresholds.review else RiskLevel.PASS
