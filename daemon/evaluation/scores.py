"""The sums of an evaluation: pure functions from what was known and what was found to counts and rates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from config.taxonomy import Label, RiskType
from daemon.evaluation.manifest import Event
from daemon.evaluation.words import edits, words
from models.interfaces import Voiceprint

NONE = "none"
"""What a confusion calls a recording of which nothing was told."""
UNPROMISED = frozenset({RiskType.AUDIOSCENE})
"""Every recording has a scene; a manifest that names none does not say that there is none."""


@dataclass(frozen=True, slots=True)
class WordTally:
    """Recordings of known text: how many words they have, and by how many edits other ones were heard."""

    recordings: int
    words: int
    edits: int

    @property
    def rate(self) -> float | None:
        """Word error rate, above 1 with many insertions; None without words."""
        return self.edits / self.words if self.words else None


def word_tally(pairs: Iterable[tuple[str, str]]) -> WordTally:
    """Count over pairs of what was said and what was heard; of Chinese and Japanese every sign is a word."""
    split = [(words(said), words(heard)) for said, heard in pairs]
    return WordTally(
        len(split), sum(len(said) for said, _ in split), sum(edits(said, heard) for said, heard in split)
    )


@dataclass(frozen=True, slots=True)
class EventTally:
    """How often an event was there, how often it was found then, and found where it was not."""

    present: int
    hits: int
    absent: int
    false_alarms: int

    @property
    def misses(self) -> int:
        """Where it was there and was not found."""
        return self.present - self.hits

    @property
    def miss_rate(self) -> float | None:
        """None where it never was there."""
        return self.misses / self.present if self.present else None

    @property
    def false_alarm_rate(self) -> float | None:
        """None where it always was there, or nobody knows."""
        return self.false_alarms / self.absent if self.absent else None


def event_tallies(
    recordings: Sequence[tuple[Sequence[Event], frozenset[Label]]], risks: Iterable[RiskType]
) -> dict[str, EventTally]:
    """Count by event's name, over recordings of which all events are known, and what was found in them.

    Every type of `risks` has a tally, and every third-level label that the manifest names: that one is judged
    only where the manifest does not merely name its type.
    """
    if not recordings:
        return {}
    named = {event for known, _ in recordings for event in known if event.label3}
    tallies = {}
    for event in (*map(Event, sorted(risks)), *sorted(named, key=lambda each: each.name)):
        cases = [
            (_holds(event, known), _found(event, found))
            for known, found in recordings
            if not event.label3 or Event(event.risk) not in known
        ]
        absent = 0 if event.risk in UNPROMISED else sum(not there for there, _ in cases)
        tallies[event.name] = EventTally(
            present=sum(there for there, _ in cases),
            hits=sum(there and found for there, found in cases),
            absent=absent,
            false_alarms=sum(found and not there for there, found in cases) if absent else 0,
        )
    return tallies


def _holds(event: Event, known: Sequence[Event]) -> bool:
    return any(each.risk is event.risk and event.label3 in ("", each.label3) for each in known)


def _found(event: Event, found: frozenset[Label]) -> bool:
    return any(each.risk is event.risk and event.label3 in ("", each.label3) for each in found)


Confusion = dict[tuple[str, str], int]
"""How many recordings of a known value were taken for which: `(known, told)` to their number."""


def confusion(pairs: Iterable[tuple[str, str]]) -> Confusion:
    """Count pairs of a known value and a told one; where nothing was told it is empty."""
    return dict(Counter((known, told or NONE) for known, told in pairs))


def right_share(counts: Confusion) -> float | None:
    """Return the share of recordings that were taken for what they are; None without any."""
    total = sum(counts.values())
    return sum(count for (known, told), count in counts.items() if known == told) / total if total else None


@dataclass(frozen=True, slots=True)
class VoiceTally:
    """Pairs of recordings by one speaker and by two, and how well a cosine tells them apart."""

    speakers: int
    recordings: int
    same_pairs: int
    different_pairs: int
    equal_error_rate: float
    threshold: float
    """The cosine at which the equal error rate is met."""


def voice_tally(voices: Sequence[tuple[str, Voiceprint]]) -> VoiceTally | None:
    """Compare all pairs of recordings of speakers who have two or more; None with fewer than two speakers."""
    counts = Counter(speaker for speaker, _ in voices)
    kept = [(speaker, voice) for speaker, voice in voices if counts[speaker] > 1]
    speakers = {speaker for speaker, _ in kept}
    if len(speakers) < 2:
        return None
    same: list[float] = []
    different: list[float] = []
    for (speaker, voice), (other, second) in combinations(kept, 2):
        (same if speaker == other else different).append(float(voice @ second))
    rate, threshold = equal_error_rate(same, different)
    return VoiceTally(len(speakers), len(kept), len(same), len(different), rate, threshold)


def equal_error_rate(same: Sequence[float], different: Sequence[float]) -> tuple[float, float]:
    """Return the rate at which as many pairs of one speaker lie below a threshold as of two lie on or above
    it, and that threshold; where they never are equal, the mean of both where they are closest.
    """
    own, strange = np.sort(np.asarray(same)), np.sort(np.asarray(different))
    thresholds = np.concatenate([own, strange])
    rejected = np.searchsorted(own, thresholds) / len(own)
    accepted = 1.0 - np.searchsorted(strange, thresholds) / len(strange)
    best = int(np.argmin(np.abs(rejected - accepted)))
    return float(rejected[best] + accepted[best]) / 2.0, float(thresholds[best])
