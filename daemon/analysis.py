"""Loads every model once and puts the analyser together, for the daemon and for `audiowarden moderate`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from config.lexicons import Lexicon, load_lexicons
from config.settings import Settings
from config.taxonomy import Taxonomy, Thresholds, load_taxonomy
from daemon.listening import Listening, load_listener
from daemon.recognition import Batchers, Recognition, loaded_batchers
from models.interfaces import TextClassifier
from models.sound.spans import OmniSpanDetector
from models.text.contact_cues import ContactCueClassifier
from models.text.contacts import ContactClassifier
from models.text.insults import InsultClassifier
from models.text.lexicon import LexiconClassifier
from models.text.sound_alike import SoundAlikeClassifier
from pipeline.analyse import Analyser
from pipeline.screen import Screen
from pipeline.speech import SpeechGate
from pipeline.words import WordLists, WordSearch

log = structlog.get_logger()

SMALL_WORK_THREADS = 2
"""For work of milliseconds beside recognition: gates, word lists, clips."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """The loaded models and what runs on them."""

    taxonomy: Taxonomy
    recognition: Recognition
    analyser: Analyser
    listening: Listening
    executor: ThreadPoolExecutor


def taxonomy_of(settings: Settings) -> Taxonomy:
    """Return the taxonomy with the operator's own thresholds."""
    policies = {
        name: {risk: Thresholds(each.review, each.reject) for risk, each in table.items()}
        for name, table in settings.policies.items()
    }
    return load_taxonomy().with_policies(policies)


@asynccontextmanager
async def loaded_analysis(
    settings: Settings, lists_of: Callable[[str], WordLists | None]
) -> AsyncIterator[Analysis]:
    """Load the models, yield the analyser, and free them in the end.

    Raises WeightsError, ConfigError and EnrolmentError.
    """
    taxonomy = taxonomy_of(settings)
    executor = ThreadPoolExecutor(SMALL_WORK_THREADS, thread_name_prefix="small-work")
    try:
        async with loaded_batchers(settings.recogniser) as batchers:
            lexicons = await asyncio.to_thread(load_lexicons)
            lexicon, insults, detector = await asyncio.gather(
                asyncio.to_thread(LexiconClassifier, lexicons),
                asyncio.to_thread(InsultClassifier),
                asyncio.to_thread(OmniSpanDetector),
            )
            gate = SpeechGate(settings.speech, detector if settings.speech.second_opinion else None)
            spanning: list[TextClassifier] = [lexicon, ContactClassifier()]
            words = WordSearch(spanning, [insults], lists_of)
            screen = await asyncio.to_thread(make_screen, batchers, spanning, lexicons, lists_of, executor)
            listening = await asyncio.to_thread(load_listener, settings, detector)
            analyser = Analyser(batchers.large, gate, words, listening.listener, taxonomy, executor, screen)
            recognition = Recognition(batchers, screen)
            log.info(
                "models_loaded",
                model=_model_name(settings.recogniser.model),
                screen_model=_model_name(settings.recogniser.screen_model) or None,
                workers=recognition.workers,
            )
            yield Analysis(taxonomy, recognition, analyser, listening, executor)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def make_screen(
    batchers: Batchers,
    spanning: Sequence[TextClassifier],
    lexicons: Sequence[Lexicon],
    lists_of: Callable[[str], WordLists | None],
    executor: Executor,
) -> Screen | None:
    """Return what screens windows with the small recogniser; None: there is none. Blocking, a second.

    `spanning` classifiers judge what was said; screening asks them too, and others that are less sure.
    """
    if batchers.small is None:
        return None
    wary = [*spanning, SoundAlikeClassifier(lexicons), ContactCueClassifier()]
    words = WordSearch(wary, [InsultClassifier(wary=True)], lists_of)
    return Screen(batchers.small, batchers.small_languages, words, executor)


def _model_name(model: str) -> str:
    return Path(model).name
