"""Runs the analyser over recordings, as a stream would, and keeps what it told of each."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np

from config.errors import AudiowardenError
from config.settings import NetworkSettings
from config.taxonomy import Label, RiskType
from daemon.evaluation.manifest import EVENT_TYPES, Entry
from models.hearing import Hearing, Senses
from models.interfaces import Samples, Voiceprint
from pipeline.analyse import Analyser, Analysis
from pipeline.audio import SAMPLE_RATE_HZ, LostWindow, to_samples
from pipeline.playback import play
from pipeline.pull import PulledSource
from pipeline.report import RiskLevel, StreamSpec
from pipeline.source import SourceError, SourceFault

FOUND = 0.5
"""From this probability on an attribute counts as found, as in callbacks; a risk does from REVIEW on."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was told of one recording."""

    seconds: float
    text: str
    dropped: int
    """Windows whose text was dropped as invented."""
    language: str
    """The most probable one over all windows, ISO 639 code; empty: none was named."""
    gender: str
    found: frozenset[Label]
    voiceprint: Voiceprint | None
    """None: too little is spoken, or no speaker is known."""
    took_s: float


@dataclass(frozen=True, slots=True)
class Failed:
    """A recording that could not be measured, and why."""

    reason: str


Outcome = Observation | Failed


class Measurer:
    """Measures recordings with the loaded models, several at a time."""

    def __init__(
        self, analyser: Analyser, senses: Senses, network: NetworkSettings, *, policy: str, detect: bool
    ) -> None:
        """`detect`: recordings are read in the language that is heard, not in the manifest's."""
        self._analyser = analyser
        self._senses = senses
        self._network = network
        self._policy = policy
        self._detect = detect

    async def measure(
        self, entries: Sequence[Entry], at_once: int, tell: Callable[[Entry], None]
    ) -> list[Outcome]:
        """Measure every recording and return the outcomes in order; `tell` is called after each."""
        outcomes: dict[int, Outcome] = {}

        async def work(left: Iterator[tuple[int, Entry]]) -> None:
            for number, entry in left:
                outcomes[number] = await self._outcome(entry)
                tell(entry)

        left = iter(enumerate(entries))
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work(left))
        return [outcomes[number] for number in range(len(entries))]

    async def _outcome(self, entry: Entry) -> Outcome:
        try:
            return await self._observe(entry)
        except AudiowardenError as error:
            return Failed(str(error))

    async def _observe(self, entry: Entry) -> Observation:
        spec = StreamSpec(
            stream_id=entry.file,
            account="",
            url=entry.file,
            risks=frozenset(RiskType),
            language=None if self._detect else entry.language or None,
            policy=self._policy,
        )
        analyses: list[Analysis] = []
        voices: list[Voiceprint] = []
        seconds = took_s = 0.0
        source = PulledSource.of_file(entry.path, self._network, name=entry.file)
        async with aclosing(play(source, spec, self._analyser)) as played:
            async for each in played:
                if isinstance(each, LostWindow):
                    # A recording waits for whoever reads it.
                    raise SourceError(SourceFault.CANNOT_OPEN, "a window of the recording was lost")
                analyses.append(each.analysis)
                took_s += each.took_s
                seconds += len(each.window.pcm) / SAMPLE_RATE_HZ
                if entry.speaker:
                    voice = await asyncio.to_thread(self._voice, to_samples(each.window.pcm))
                    voices += [voice] if voice is not None else []
        return Observation(
            seconds=seconds,
            text=" ".join(each.transcript.text for each in analyses if each.transcript.text),
            dropped=sum(each.transcript.invention is not None for each in analyses),
            language=_language(analyses),
            gender=_gender(analyses),
            found=frozenset(label for each in analyses for label in _found(each)),
            voiceprint=_mean(voices),
            took_s=took_s,
        )

    def _voice(self, samples: Samples) -> Voiceprint | None:
        return Hearing(samples, self._senses).voiceprint


def _language(analyses: Sequence[Analysis]) -> str:
    """Of windows whose language was named."""
    weights: dict[str, float] = defaultdict(float)
    for each in analyses:
        if any(attribute.label.risk is RiskType.LANGUAGE for attribute in each.attributes):
            weights[each.transcript.spoken] += each.transcript.spoken_probability
    return max(weights, key=weights.__getitem__, default="")


def _gender(analyses: Sequence[Analysis]) -> str:
    """The one that has the greater sum of probabilities over all windows."""
    weights: dict[str, float] = defaultdict(float)
    for each in analyses:
        for attribute in each.attributes:
            if attribute.label.risk is RiskType.GENDER:
                weights[attribute.label.label3] += attribute.probability
    return max(weights, key=weights.__getitem__, default="")


def _found(analysis: Analysis) -> Iterator[Label]:
    yield from (each.label for each in analysis.findings if each.level is not RiskLevel.PASS)
    yield from (
        each.label
        for each in analysis.attributes
        if each.label.risk in EVENT_TYPES and each.probability >= FOUND
    )


def _mean(voices: Sequence[Voiceprint]) -> Voiceprint | None:
    if not voices:
        return None
    mean: Voiceprint = np.mean(voices, axis=0)
    return mean / np.float32(max(float(np.linalg.norm(mean)), 1e-12))
