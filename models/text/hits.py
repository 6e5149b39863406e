"""Single hits in a text, and how they become findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from config.taxonomy import Label
from models.results import Span, TextFinding


@dataclass(frozen=True, slots=True)
class Hit:
    """A label at one place of the original text, with how probable it is (0..1)."""

    label: Label
    probability: float
    span: Span


def to_findings(hits: Iterable[Hit], detector: str) -> list[TextFinding]:
    """Return one finding per label: the highest probability of its hits and every place, the surest first."""
    by_label: dict[Label, list[Hit]] = {}
    for hit in hits:
        by_label.setdefault(hit.label, []).append(hit)
    findings = [
        TextFinding(
            label,
            max(hit.probability for hit in found),
            merge_spans(hit.span for hit in found),
            detector,
        )
        for label, found in by_label.items()
    ]
    return sorted(findings, key=lambda finding: -finding.probability)


def merge_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the spans in order, those that overlap as one."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda each: (each.start, each.end)):
        if merged and span.start < merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)
