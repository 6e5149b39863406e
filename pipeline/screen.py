"""A small recogniser reads windows first: a large one need not read what is surely harmless."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from models.interfaces import Utterance
from models.results import Transcript
from pipeline.report import StreamSpec
from pipeline.transcriber import Transcriber
from pipeline.words import WordSearch

SURE_LOG_PROBABILITY = -0.5
"""Below this mean log-probability the small recogniser's words are not believed. Of 22 windows of LibriSpeech
test-other tiny.en reads three below; at -0.45 it would be five, and nothing more would be found in noise."""
SURE_NO_SPEECH = 0.6
"""From this no-speech probability on they are not either, nor is it believed that there are none."""
SURE_LANGUAGE = 0.8
"""Below this probability a language that it detected is not believed."""
SURE_RATE = 9.0
"""Fewer letters than this a second of speech: the small recogniser has stopped before the speaker did. The
slowest of the same windows has 9.3, fast ones 18; a fifth of what was missed in noise was such a text.
Counted in bytes of UTF-8, of which a Han sign has three: it takes about as long to say as three letters."""
SHARE_WEIGHT = 0.02
"""Weight of the newest window in the shares: about the last fifty count."""


class Route(StrEnum):
    """Whose words a window's are, and why."""

    CLEARED = "cleared"
    """The small recogniser's: nothing in them, and nothing unsure."""
    SUSPECTED = "suspected"
    """The large one's, because of what the small one heard."""
    UNSURE = "unsure"
    """The large one's, because the small one was not sure of what it heard."""
    STRAIGHT = "straight"
    """The large one's, because the small one does not know the language, or was not to be asked."""


@dataclass(frozen=True, slots=True)
class Screened:
    """What screening made of a window; `transcript` is None where the large recogniser is to read it."""

    route: Route
    transcript: Transcript | None = None


class Screen:
    """Reads windows of any stream with a small recogniser; holds no state of a stream."""

    def __init__(
        self, transcriber: Transcriber, languages: Iterable[str], words: WordSearch, executor: Executor
    ) -> None:
        """`languages` are the ISO 639-1 codes that the small recogniser knows. `words` finds what is
        suspicious; it may be wrong more often than the search that judges. It runs in `executor`.
        """
        self._transcriber = transcriber
        self._languages = frozenset(languages)
        self._words = words
        self._executor = executor
        self._small_share = 1.0
        self._large_share = 1.0

    @property
    def small_share(self) -> float:
        """The share (0..1) of windows that the small recogniser reads, a moving average; at first 1."""
        return self._small_share

    @property
    def large_share(self) -> float:
        """The share (0..1) of windows that the large one reads, a moving average; at first 1."""
        return self._large_share

    async def read(
        self,
        spec: StreamSpec,
        voice: str,
        utterance: Utterance,
        spoken_s: float,
        before: Transcript | None,
        *,
        deadline: float | None,
    ) -> Screened:
        """Return the small recogniser's words if they will do. `before` was said right before the window,
        in which somebody speaks for `spoken_s` seconds.

        Raises RecognitionError, and OverloadedError past the deadline.
        """
        screened = await self._read(spec, voice, utterance, spoken_s, before, deadline)
        self._small_share += SHARE_WEIGHT * ((screened.route is not Route.STRAIGHT) - self._small_share)
        self._large_share += SHARE_WEIGHT * ((screened.route is not Route.CLEARED) - self._large_share)
        return screened

    async def _read(
        self,
        spec: StreamSpec,
        voice: str,
        utterance: Utterance,
        spoken_s: float,
        before: Transcript | None,
        deadline: float | None,
    ) -> Screened:
        if not self._knows(utterance):
            return Screened(Route.STRAIGHT)
        transcript = await self._transcriber.transcribe(voice, utterance, deadline=deadline)
        if not is_sure(transcript, spoken_s, utterance.language):
            return Screened(Route.UNSURE)
        search = partial(self._words.search, spec.account, transcript, before, shown=None)
        said = await asyncio.get_running_loop().run_in_executor(self._executor, search)
        if said.list_matches or any(finding.label.risk in spec.risks for finding in said.findings):
            return Screened(Route.SUSPECTED)
        return Screened(Route.CLEARED, transcript)

    def _knows(self, utterance: Utterance) -> bool:
        """Say whether the small recogniser can read it; which language is spoken the large one says."""
        if utterance.identify:
            return False
        if utterance.language is None:
            return len(self._languages) > 1
        return utterance.language in self._languages


def is_sure(transcript: Transcript, spoken_s: float, language: str | None) -> bool:
    """Say whether a small recogniser's words can be believed, and are all of `spoken_s` seconds of speech.

    `language` is the one that it was told to read, None: it has detected one.
    """
    return (
        bool(transcript.text)
        and not transcript.doubtful
        and transcript.average_log_probability >= SURE_LOG_PROBABILITY
        and transcript.no_speech_probability < SURE_NO_SPEECH
        and (language is not None or transcript.language_probability >= SURE_LANGUAGE)
        and _weight(transcript.text) >= SURE_RATE * spoken_s
    )


def _weight(text: str) -> int:
    return len("".join(character for character in text if character.isalnum()).encode())
