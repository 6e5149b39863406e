"""Loads the recogniser, or a small and a large one that share the processor, and tells what windows cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from config.settings import RecogniserSettings
from models.errors import WeightsError
from models.interfaces import SpeechRecogniser, Utterance
from models.recognition.batcher import Batcher
from models.recognition.hush import babble
from models.recognition.seats import Seats
from models.recognition.whisper import WhisperRecogniser
from models.text.chinese import to_simplified
from models.weights import WeightsCache, cache_folder
from pipeline.audio import WINDOW_S
from pipeline.screen import Screen

DECODING = 1.6
"""Speech takes as much longer than sounds without words: the decoder writes some thirty tokens for it."""


@dataclass(frozen=True, slots=True)
class Batchers:
    """The recogniser behind its batcher, and the small one that screens for it if there is one."""

    large: Batcher
    small: Batcher | None = None
    small_languages: frozenset[str] = frozenset()
    """ISO 639-1 codes that the small one knows."""


class Recognition:
    """All that recognises, as admission and metrics see it."""

    def __init__(self, batchers: Batchers, screen: Screen | None) -> None:
        """`screen` is None where there is no small recogniser."""
        self._large = batchers.large
        self._small = batchers.small
        self._screen = screen

    @property
    def workers(self) -> int:
        """How many threads read at once; two recognisers share them."""
        return self._large.workers

    @property
    def waiting(self) -> int:
        """Windows that wait for a reading, of either recogniser."""
        return self._large.waiting + (self._small.waiting if self._small is not None else 0)

    @property
    def cost_s(self) -> float | None:
        """Seconds of one worker's time that a window takes, of both recognisers; None until known.

        Each counts by the share of windows that it reads.
        """
        large_s = self._large.cost_s
        if self._small is None or self._screen is None:
            return large_s
        small_s = self._small.cost_s
        if small_s is None or large_s is None:
            return None
        return small_s * self._screen.small_share + large_s * self._screen.large_share


@asynccontextmanager
async def loaded_batchers(settings: RecogniserSettings) -> AsyncIterator[Batchers]:
    """Load what recognises, yield it, and free it in the end. Raises WeightsError."""
    large = await asyncio.to_thread(load_recogniser, settings, settings.model)
    seats = Seats(large.workers)
    async with _batching(large, seats, second_tries=True) as batcher:
        if not settings.screen_model:
            yield Batchers(batcher)
            return
        small = await asyncio.to_thread(_load_screen, settings)
        # What the small one doubts is the large one's: a second try would come too late and be no better.
        async with _batching(small, seats, second_tries=False) as screening:
            yield Batchers(batcher, screening, small.languages)


@asynccontextmanager
async def _batching(
    recogniser: SpeechRecogniser, seats: Seats, *, second_tries: bool
) -> AsyncIterator[Batcher]:
    """Put a batcher in front of a recogniser; both are closed in the end."""
    try:
        cost_s = await asyncio.to_thread(expected_cost_s, recogniser)
        batcher = Batcher(recogniser, cost_s=cost_s, seats=seats, second_tries=second_tries)
    except BaseException:
        await asyncio.to_thread(recogniser.close)
        raise
    try:
        yield batcher
    finally:
        if await batcher.close():
            await asyncio.to_thread(recogniser.close)


def load_recogniser(settings: RecogniserSettings, model: str) -> WhisperRecogniser:
    """Find (or fetch) a model's weights and load them; blocking, seconds. Raises WeightsError."""
    return WhisperRecogniser(
        WeightsCache(cache_folder(settings.cache_dir)).ensure(model),
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


def _load_screen(settings: RecogniserSettings) -> WhisperRecogniser:
    """Raises WeightsError that names the setting."""
    try:
        return load_recogniser(settings, settings.screen_model)
    except WeightsError as error:
        raise WeightsError(f"recogniser.screen_model {settings.screen_model!r}: {error}") from None
