"""Analyses one window with the detectors that its stream asks for."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from config.taxonomy import TEXT_RISKS, RiskType, Taxonomy
from models.interfaces import TextClassifier, Utterance
from models.results import EMPTY_TRANSCRIPT, ListMatch, Span, TextFinding, Transcript
from pipeline.audio import Window, to_samples
from pipeline.report import Finding, RiskLevel, StreamSpec
from pipeline.speech import SpeechGate, is_plain_speech
from pipeline.verdict import judge

TAIL_CHARACTERS = 80
"""How much of the previous window's text is searched again with this one's, so that a phrase spoken across
the border is found: longer than any term of the lexicons, and than a phone number read aloud with its cue."""


class Transcriber(Protocol):
    """Recognition as a stream sees it: shared by all, fair, with a deadline."""

    async def transcribe(self, stream: str, utterance: Utterance, *, deadline: float | None) -> Transcript:
        """Return the words of one window; `deadline` in seconds of the loop's clock, None: wait."""


class WordLists(Protocol):
    """A customer's own word lists."""

    def match(self, text: str) -> list[ListMatch]:
        """Return every word of the lists that stands in `text`; blocking, fast."""


@dataclass(frozen=True, slots=True)
class Previous:
    """What is kept of the window before: its index and its words."""

    index: int
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found in one window; spans refer to `text`."""

    transcript: Transcript
    text: str
    level: RiskLevel
    findings: tuple[Finding, ...]
    list_matches: tuple[ListMatch, ...]
    silent: bool
    recognised: bool = False
    """Whether recognition was spent on it."""


class Analyser:
    """Runs the requested detectors over windows of any stream; holds no state of a stream."""

    def __init__(
        self,
        transcriber: Transcriber,
        gate: SpeechGate,
        spanning: Sequence[TextClassifier],
        statistical: Sequence[TextClassifier],
        taxonomy: Taxonomy,
        lists_of: Callable[[str], WordLists | None],
        executor: Executor,
    ) -> None:
        """`spanning` classifiers look for phrases and see the end of the previous window's text too;
        `statistical` ones weigh a text as a whole and see only the window's own. `lists_of` gives the
        word lists of an account. Blocking work runs in `executor`.
        """
        self._transcriber = transcriber
        self._gate = gate
        self._spanning = spanning
        self._statistical = statistical
        self._taxonomy = taxonomy
        self._lists_of = lists_of
        self._executor = executor

    async def analyse(
        self, spec: StreamSpec, window: Window, previous: Previous | None, *, deadline: float | None
    ) -> Analysis:
        """Analyse one window. Raises OverloadedError and RecognitionError of the recogniser."""
        loop = asyncio.get_running_loop()
        samples = to_samples(window.pcm)
        before = previous.transcript if previous is not None and previous.index == window.index - 1 else None
        judge = partial(self._gate.judge, samples, window.speech_share)
        talking = before is not None and is_plain_speech(before)
        activity = await loop.run_in_executor(self._executor, partial(judge, talking=talking))
        transcript = EMPTY_TRANSCRIPT
        recognised = activity.worth and needs_words(spec.risks)
        if recognised:
            utterance = Utterance(samples, spec.language)
            transcript = await self._transcriber.transcribe(spec.stream_id, utterance, deadline=deadline)
        if activity.assumed and not is_plain_speech(transcript):
            activity = await loop.run_in_executor(self._executor, judge)
            transcript = transcript if activity.worth else EMPTY_TRANSCRIPT
        analysis = await loop.run_in_executor(
            self._executor, self._weigh, spec, transcript, before, activity.silent
        )
        return dataclasses.replace(analysis, recognised=recognised)

    def _weigh(
        self, spec: StreamSpec, transcript: Transcript, before: Transcript | None, silent: bool
    ) -> Analysis:
        shown = before.text if before is not None and spec.previous_text else ""
        text = _join(shown, transcript.text)
        offset = len(text) - len(transcript.text)
        findings: list[TextFinding] = []
        matches: list[ListMatch] = []
        if transcript.text:
            tail = before.text[-TAIL_CHARACTERS:] if before is not None else ""
            across = _join(tail, transcript.text)
            border = len(across) - len(transcript.text)
            for classifier in self._spanning:
                findings += _only_new(classifier.classify(across, transcript.language), border, offset)
            for classifier in self._statistical:
                findings += _only_new(classifier.classify(transcript.text, transcript.language), 0, offset)
            lists = self._lists_of(spec.account)
            if lists is not None:
                matches = _only_new_matches(lists.match(across), border, offset)
        asked = [finding for finding in findings if finding.label.risk in spec.risks]
        level, judged = judge(asked, matches, self._taxonomy, spec.policy, spec.role)
        return Analysis(transcript, text, level, judged, tuple(matches), silent)


def needs_words(risks: frozenset[RiskType]) -> bool:
    """Say whether any of the risks is found by what is said."""
    return bool(risks & TEXT_RISKS) or RiskType.LANGUAGE in risks


def _join(before: str, text: str) -> str:
    """Put two windows' texts side by side; the space parts Latin and Arabic words, Chinese ignores it."""
    return f"{before} {text}" if before and text else before or text


def _shift(spans: Iterable[Span], border: int, offset: int) -> tuple[Span, ...]:
    """Move spans found in `tail + text` onto the reported text; keep those that reach beyond the border.

    A part that lies in the previous window is kept when that window's text is reported, else cut off.
    """
    moved = (Span(max(0, span.start - border + offset), span.end - border + offset) for span in spans)
    return tuple(span for span in moved if span.end > offset)


def _only_new(findings: Iterable[TextFinding], border: int, offset: int) -> list[TextFinding]:
    kept = []
    for finding in findings:
        spans = _shift(finding.spans, border, offset)
        if spans:
            kept.append(dataclasses.replace(finding, spans=spans))
    return kept


def _only_new_matches(matches: Iterable[ListMatch], border: int, offset: int) -> list[ListMatch]:
    kept = []
    for match in matches:
        spans = _shift(match.spans, border, offset)
        if spans:
            kept.append(dataclasses.replace(match, spans=spans))
    return kept
