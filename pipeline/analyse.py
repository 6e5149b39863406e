"""Analyses one window with the detectors that its stream asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from config.taxonomy import BUSINESS_TYPES, TEXT_RISKS, RiskType, Taxonomy
from models.errors import OverloadedError
from models.interfaces import SAMPLE_RATE_HZ, Samples, Utterance
from models.results import EMPTY_TRANSCRIPT, ListMatch, SoundFinding, Transcript
from pipeline.audio import Pcm, Window, to_samples
from pipeline.language import spoken_language
from pipeline.listen import Listener
from pipeline.report import Finding, RiskLevel, StreamSpec
from pipeline.screen import Route, Screen
from pipeline.speech import Activity, SpeechGate, by_opinion, is_plain_speech
from pipeline.tongue import UNKNOWN, Tongue
from pipeline.transcriber import Transcriber
from pipeline.verdict import judge
from pipeline.words import WordSearch

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Previous:
    """What is kept of the window before: its place, its words, its sound where songs are looked for, and the
    language that the stream speaks.
    """

    place: int
    transcript: Transcript
    pcm: Pcm | None = None
    tongue: Tongue = UNKNOWN


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found in one window; spans refer to `text`."""

    transcript: Transcript
    text: str
    level: RiskLevel
    findings: tuple[Finding, ...]
    list_matches: tuple[ListMatch, ...]
    attributes: tuple[SoundFinding, ...]
    """What was heard of the business types; see WindowReport."""
    silent: bool
    recognised: bool
    """Whether recognition was spent on it."""
    route: Route | None = None
    """Whose words they are where two recognisers share the work; None: there is one, or it was not asked."""
    tongue: Tongue = UNKNOWN
    """The language that the stream speaks, as far as it is known now."""


class Analyser:
    """Runs the requested detectors over windows of any stream; holds no state of a stream."""

    def __init__(
        self,
        transcriber: Transcriber,
        gate: SpeechGate,
        words: WordSearch,
        listener: Listener | None,
        taxonomy: Taxonomy,
        executor: Executor,
        screen: Screen | None = None,
    ) -> None:
        """`listener` None: only words are looked at. Blocking work runs in `executor`. With a `screen` the
        transcriber reads only what the screen does not clear.
        """
        self._transcriber = transcriber
        self._gate = gate
        self._words = words
        self._listener = listener
        self._taxonomy = taxonomy
        self._executor = executor
        self._screen = screen

    @property
    def risks(self) -> frozenset[RiskType]:
        """All that can be found: what words tell, the language, and what the detectors of sound look for."""
        heard = self._listener.risks if self._listener is not None else frozenset[RiskType]()
        return TEXT_RISKS | {RiskType.LANGUAGE} | heard

    async def analyse(
        self, spec: StreamSpec, window: Window, previous: Previous | None, *, deadline: float | None
    ) -> Analysis:
        """Analyse one window. Raises RecognitionError of the models; OverloadedError past the deadline."""
        try:
            async with asyncio.timeout_at(deadline):
                return await self._analyse(spec, window, previous, deadline)
        except TimeoutError:
            raise OverloadedError("the window has waited too long") from None

    async def _analyse(
        self, spec: StreamSpec, window: Window, previous: Previous | None, deadline: float | None
    ) -> Analysis:
        samples = to_samples(window.pcm)
        last = _last(spec, window, previous)
        shown = last.transcript if last is not None and spec.previous_text else None
        tongue = last.tongue if last is not None else UNKNOWN
        previous = previous if previous is not None and previous.place == window.place - 1 else None
        before = previous.transcript if previous is not None else None
        talking = before is not None and is_plain_speech(before)
        activity = await self._run(partial(self._gate.judge, samples, window.speech_share, talking=talking))
        recognised = activity.worth and needs_words(spec.risks)
        listening = asyncio.create_task(
            self._listen(spec, samples, previous, activity), name=f"listen {spec.stream_id}"
        )
        try:
            transcript, route = EMPTY_TRANSCRIPT, None
            if recognised:
                # Whoever speaks in a room has the turns of a stream of his own.
                voice = spec.stream_id if window.user is None else f"{spec.stream_id} {window.user}"
                utterance = _utterance(spec, samples, tongue)
                transcript, route = await self._transcribe(spec, voice, window, utterance, before, deadline)
                tongue = tongue.after(transcript, utterance.language)
            if activity.assumed and activity.opinion is not None and not is_plain_speech(transcript):
                activity = await self._run(partial(by_opinion, activity.opinion))
                transcript = transcript if activity.worth else EMPTY_TRANSCRIPT
            sounds = await listening
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        said = await self._run(partial(self._words.search, spec.account, transcript, before, shown=shown))
        if RiskType.LANGUAGE in spec.risks:
            sounds = [*sounds, *spoken_language(transcript, activity.spans)]
        asked = [finding for finding in said.findings if finding.label.risk in spec.risks]
        level, findings = judge(asked, sounds, said.list_matches, self._taxonomy, spec.policy, spec.role)
        return Analysis(
            transcript=transcript,
            text=said.text,
            level=level,
            findings=findings,
            list_matches=said.list_matches,
            attributes=tuple(each for each in sounds if each.label.risk in BUSINESS_TYPES),
            silent=activity.silent,
            recognised=recognised,
            route=route,
            tongue=tongue,
        )

    def previous(self, spec: StreamSpec, window: Window, analysis: Analysis | None) -> Previous | None:
        """Return what the next window of the stream is to know of this one; None: nothing was made of it."""
        if analysis is None:
            return None
        remembers = self._listener is not None and self._listener.remembers(spec.risks)
        pcm = window.pcm if remembers else None
        return Previous(window.place, analysis.transcript, pcm, analysis.tongue)

    async def _transcribe(
        self,
        spec: StreamSpec,
        voice: str,
        window: Window,
        utterance: Utterance,
        before: Transcript | None,
        deadline: float | None,
    ) -> tuple[Transcript, Route | None]:
        """Return the words of a window, and which recogniser's they are; `voice` is whose turn it is."""
        route = None
        if self._screen is not None:
            spoken_s = window.speech_share * len(utterance.samples) / SAMPLE_RATE_HZ
            screened = await self._screen.read(spec, voice, utterance, spoken_s, before, deadline=deadline)
            if screened.transcript is not None:
                return screened.transcript, screened.route
            route = screened.route
        return await self._transcriber.transcribe(voice, utterance, deadline=deadline), route

    async def _listen(
        self, spec: StreamSpec, samples: Samples, previous: Previous | None, activity: Activity
    ) -> list[SoundFinding]:
        if self._listener is None or not self._listener.listens(spec.risks):
            return []
        before = to_samples(previous.pcm) if previous is not None and previous.pcm is not None else None
        return await self._run(partial(self._listener.hear, spec.risks, samples, before, activity.opinion))

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def needs_words(risks: frozenset[RiskType]) -> bool:
    """Say whether any of the risks is found by what is said."""
    return bool(risks & TEXT_RISKS) or RiskType.LANGUAGE in risks


def _utterance(spec: StreamSpec, samples: Samples, tongue: Tongue) -> Utterance:
    """Return the window, to be read in the language that the stream named or is known to speak, or in any."""
    identify = RiskType.LANGUAGE in spec.risks
    language = spec.language
    if language is None and not identify:
        language = tongue.expected
    return Utterance(samples, language, identify)


def _last(spec: StreamSpec, window: Window, previous: Previous | None) -> Previous | None:
    """Return what is known of the window that was moderated last before this one.

    A window further back than that has no part in this one: there is a gap between them.
    """
    if previous is None or previous.place < window.place - spec.moderate_every:
        return None
    return previous
