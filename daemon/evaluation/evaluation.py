"""The whole of an evaluation: one sum for each thing that a manifest may know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.taxonomy import RiskType
from daemon.evaluation.manifest import EVENT_TYPES, Entry
from daemon.evaluation.measure import Failed, Observation, Outcome
from daemon.evaluation.scores import (
    Confusion,
    EventTally,
    VoiceTally,
    WordTally,
    confusion,
    event_tallies,
    voice_tally,
    word_tally,
)
from daemon.evaluation.words import words
from models.text.chinese import to_simplified

UNKNOWN = "unknown"
HAN_LANGUAGES = frozenset({"zh", "yue"})


@dataclass(frozen=True, slots=True)
class Invented:
    """A recording in which nobody speaks: the words that were heard all the same."""

    seconds: float
    words: int
    text: str
    dropped: int
    """Windows whose text was dropped as invented."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of all recordings; by file, by language, by event, in the manifest's order."""

    recordings: Mapping[str, Observation]
    failed: Mapping[str, str]
    """Recordings that could not be measured, and why."""
    words: Mapping[str, WordTally]
    languages: Confusion
    genders: Confusion
    voices: VoiceTally | None
    """None: no two speakers with two recordings each."""
    events: Mapping[str, EventTally]
    unlistened: tuple[RiskType, ...]
    """Types that the manifest may tell and that nothing listens for."""
    invented: Mapping[str, Invented]


def sum_up(entries: Sequence[Entry], outcomes: Sequence[Outcome], risks: frozenset[RiskType]) -> Evaluation:
    """Put outcomes beside what the manifest knows. `risks` is all that the analyser can find."""
    seen = [
        (entry, outcome)
        for entry, outcome in zip(entries, outcomes, strict=True)
        if isinstance(outcome, Observation)
    ]
    return Evaluation(
        recordings={entry.file: outcome for entry, outcome in seen},
        failed={
            entry.file: outcome.reason
            for entry, outcome in zip(entries, outcomes, strict=True)
            if isinstance(outcome, Failed)
        },
        words=_words(seen),
        languages=confusion((entry.language, outcome.language) for entry, outcome in seen if _speaks(entry)),
        genders=confusion(
            (entry.gender, outcome.gender)
            for entry, outcome in seen
            if entry.gender and RiskType.GENDER in risks
        ),
        voices=voice_tally(
            [
                (entry.speaker, outcome.voiceprint)
                for entry, outcome in seen
                if entry.speaker and outcome.voiceprint is not None
            ]
        ),
        events=event_tallies(
            [(entry.events, outcome.found) for entry, outcome in seen if entry.events is not None],
            EVENT_TYPES & risks,
        ),
        unlistened=tuple(sorted((EVENT_TYPES | {RiskType.GENDER}) - risks)),
        invented={
            entry.file: Invented(outcome.seconds, len(words(outcome.text)), outcome.text, outcome.dropped)
            for entry, outcome in seen
            if entry.text == ""
        },
    )


def _speaks(entry: Entry) -> bool:
    return bool(entry.language) and entry.text != ""


def _words(seen: Sequence[tuple[Entry, Observation]]) -> dict[str, WordTally]:
    pairs: dict[str, list[tuple[str, str]]] = {}
    for entry, outcome in seen:
        if entry.text:
            said, heard = entry.text, outcome.text
            if entry.language in HAN_LANGUAGES:
                said, heard = to_simplified(said), to_simplified(heard)
            pairs.setdefault(entry.language or UNKNOWN, []).append((said, heard))
    return {language: word_tally(pairs[language]) for language in sorted(pairs)}
