"""From what classifiers found to PASS, REVIEW or REJECT under a policy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from config.taxonomy import Taxonomy
from models.results import ListMatch, TextFinding
from pipeline.report import Evidence, Finding, RiskLevel

_STRENGTH = {RiskLevel.PASS: 0, RiskLevel.REVIEW: 1, RiskLevel.REJECT: 2}


def judge(
    findings: Iterable[TextFinding],
    list_matches: Sequence[ListMatch],
    taxonomy: Taxonomy,
    policy: str,
    role: str,
) -> tuple[RiskLevel, tuple[Finding, ...]]:
    """Give every finding its level and return the window's level and the findings, the strongest first.

    A hit of a customer's own list is REJECT: the customer has judged that word already. Findings below
    their REVIEW threshold are listed beside stronger ones, as PASS; alone they are dropped.
    """
    judged = [_judge_text(finding, taxonomy, policy, role) for finding in _merge(findings)]
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


def _judge_text(finding: TextFinding, taxonomy: Taxonomy, policy: str, role: str) -> Finding:
    thresholds = taxonomy.thresholds(policy, role, finding.label.risk)
    level = RiskLevel.PASS
    if finding.probability >= thresholds.reject:
        level = RiskLevel.REJECT
    elif finding.probability >= thresholds.review:
        level = RiskLevel.REVIEW
    return Finding(finding.label, level, finding.probability, Evidence.TEXT, finding.spans)
