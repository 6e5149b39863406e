"""Loads every model once and puts the analyser together, for the daemon and for `audiowarden moderate`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from config.lexicons import load_lexicons
from config.settings import RecogniserSettings, Settings
from config.taxonomy import Taxonomy, Thresholds, load_taxonomy
from daemon.listening import Listening, load_listener
from models.interfaces import SpeechRecogniser, Utterance
from models.recognition.batcher import Batcher
from models.recognition.hush import babble
from models.recognition.whisper import WhisperRecogniser
from models.sound.spans import OmniSpanDetector
from models.text.chinese import to_simplified
from models.text.contacts import ContactClassifier
from models.text.insults import InsultClassifier
from models.text.lexicon import LexiconClassifier
from models.weights import WeightsCache, cache_folder
from pipeline.analyse import Analyser
from pipeline.audio import WINDOW_S
from pipeline.speech import SpeechGate
from pipeline.words import WordLists, WordSearch

log = structlog.get_logger()

SMALL_WORK_THREADS = 2
"""For work of milliseconds beside recognition: gates, word lists, clips."""

DECODING = 1.6
"""Speech takes as much longer than sounds without words: the decoder writes some thirty tokens for it."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """The loaded models and what runs on them."""

    taxonomy: Taxonomy
    batcher: Batcher
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


def load_recogniser(settings: RecogniserSettings) -> WhisperRecogniser:
    """Find (or fetch) the weights and load them; blocking, seconds. Raises WeightsError."""
    folder = WeightsCache(cache_folder(settings.cache_dir)).ensure(settings.model)
    return WhisperRecogniser(
        folder,
        simplify=to_simplified,
        device=settings.device,
        compute_type=settings.compute_type,
        threads=settings.threads,
        batch_size=settings.batch_size,
    )


def expected_cost_s(recogniser: SpeechRecogniser) -> float:
    """Return about how many seconds of a worker a window takes on this host; blocking, a second or so."""
    batch = [Utterance(babble(WINDOW_S), "en")] * recogniser.batch_size
    began = time.perf_counter()
    recogniser.read(batch)
    return DECODING * (time.perf_counter() - began) / len(batch)


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
        recogniser = await asyncio.to_thread(load_recogniser, settings.recogniser)
        batcher = Batcher(recogniser, cost_s=await asyncio.to_thread(expected_cost_s, recogniser))
        try:
            lexicon, insults, detector = await asyncio.gather(
                asyncio.to_thread(lambda: LexiconClassifier(load_lexicons())),
                asyncio.to_thread(InsultClassifier),
                asyncio.to_thread(OmniSpanDetector),
            )
            gate = SpeechGate(settings.speech, detector if settings.speech.second_opinion else None)
            words = WordSearch([lexicon, ContactClassifier()], [insults], lists_of)
            listening = await asyncio.to_thread(load_listener, settings, detector)
            analyser = Analyser(batcher, gate, words, listening.listener, taxonomy, executor)
            log.info(
                "models_loaded", model=_model_name(settings.recogniser.model), workers=recogniser.workers
            )
            yield Analysis(taxonomy, batcher, analyser, listening, executor)
        finally:
            if await batcher.close():
                await asyncio.to_thread(recogniser.close)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _model_name(model: str) -> str:
    return Path(model).name
