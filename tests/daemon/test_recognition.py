"""A small and a large model on speech: which of them is asked, whose words are judged, and what it costs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import numpy as np
import pytest

from config.lexicons import load_lexicons
from config.settings import RecogniserSettings, SpeechSettings
from config.taxonomy import load_taxonomy
from daemon.analysis import make_screen
from daemon.metrics import Metrics
from daemon.recognition import Batchers, Recognition, loaded_batchers
from models.errors import WeightsError
from models.interfaces import TextClassifier, Utterance
from models.recognition.batcher import Batcher
from models.results import Transcript
from models.text.contacts import ContactClassifier
from models.text.insults import InsultClassifier
from models.text.lexicon import LexiconClassifier
from pipeline.analyse import Analyser, Analysis
from pipeline.audio import Pcm, Window
from pipeline.report import RiskLevel, StreamSpec
from pipeline.screen import Route, Screen
from pipeline.speech import SpeechGate, speech_share
from pipeline.transcriber import Transcriber
from pipeline.words import WordSearch
from tests.support.recogniser import NumberRecogniser
from tests.support.speech import fit, join, noise
from tests.support.streams import FakeTranscriber, spec

BOTH = RecogniserSettings(model="base", screen_model="tiny.en", device="cpu")
HARMLESS = "Good evening everybody, and welcome back to the kitchen. Tonight we are cooking with lemon."
INSULT = "Oh shut up, you stupid idiot. You are a worthless piece of trash, and nobody likes you."


class Counting:
    """The large recogniser, counted."""

    def __init__(self, transcriber: Transcriber) -> None:
        self._transcriber = transcriber
        self.asked = 0

    async def transcribe(self, stream: str, utterance: Utterance, *, deadline: float | None) -> Transcript:
        self.asked += 1
        return await self._transcriber.transcribe(stream, utterance, deadline=deadline)


@dataclass(frozen=True, slots=True)
class House:
    analyser: Analyser
    large: Counting
    recognition: Recognition

    async def hear(self, pcm: Pcm, stream: StreamSpec | None = None) -> Analysis:
        window = Window(0, pcm, 1000.0, len(pcm) / 16_000, speech_share(pcm))
        return await self.analyser.analyse(stream or spec(), window, None, deadline=None)


@asynccontextmanager
async def screening() -> AsyncIterator[House]:
    with ThreadPoolExecutor(1) as executor:
        async with loaded_batchers(BOTH) as batchers:
            lexicons = load_lexicons()
            spanning: list[TextClassifier] = [LexiconClassifier(lexicons), ContactClassifier()]
            screen = make_screen(batchers, spanning, lexicons, lambda _: None, executor)
            large = Counting(batchers.large)
            gate = SpeechGate(SpeechSettings(), None)
            words = WordSearch(spanning, [InsultClassifier()], lambda _: None)
            analyser = Analyser(large, gate, words, None, load_taxonomy(), executor, screen)
            yield House(analyser, large, Recognition(batchers, screen))


async def test_the_large_model_reads_what_matters() -> None:
    async with screening() as house:
        clean = await house.hear(fit(join(0.3, HARMLESS), 10))
        assert (clean.route, clean.level, house.large.asked) == (Route.CLEARED, RiskLevel.PASS, 0)
        assert "welcome back" in clean.text

        risky = await house.hear(fit(join(0.3, INSULT), 10))
        assert (risky.route, risky.level, house.large.asked) == (Route.SUSPECTED, RiskLevel.REJECT, 1)

        drowned = join(0.3, HARMLESS)
        drowned = fit(drowned, 10) // 4 + noise(10, 0.2)
        unsure = await house.hear(drowned)
        assert (unsure.route, house.large.asked) == (Route.UNSURE, 2)

        chinese = await house.hear(fit(join(0.3, HARMLESS), 10), spec(language="zh"))
        assert (chinese.route, house.large.asked) == (Route.STRAIGHT, 3)

        metrics = Metrics()
        metrics.watch_recogniser(house.recognition)
        for analysis in (clean, risky, risky):
            metrics.analysed(Window(0, drowned, 1000.0, 10.0, 1.0), analysis)
        text = metrics.render().decode()
    assert 'audiowarden_screened_windows_total{route="cleared"} 1.0' in text
    assert 'audiowarden_screened_windows_total{route="suspected"} 2.0' in text
    assert "audiowarden_recogniser_window_cost_seconds" in text


async def test_both_models_cost_by_what_they_read() -> None:
    """A tenth of a second for a window that is screened, half a one for one that the large model reads."""
    small, large = Batcher(NumberRecogniser(), cost_s=0.1), Batcher(NumberRecogniser(workers=2), cost_s=0.5)
    with ThreadPoolExecutor(1) as executor:
        screen = Screen(
            FakeTranscriber(*[HARMLESS] * 500), {"en"}, WordSearch([], [], lambda _: None), executor
        )
        alone, both = Recognition(Batchers(large), None), Recognition(Batchers(large, small), screen)
        assert alone.cost_s == 0.5
        assert both.cost_s == pytest.approx(0.6)
        utterance = Utterance(np.zeros(160, np.float32), "en")
        for _ in range(500):
            await screen.read(spec(), "s", utterance, 1.0, None, deadline=None)
        assert both.cost_s == pytest.approx(0.1, abs=0.001)
        for _ in range(500):
            await screen.read(spec(), "s", replace(utterance, language="zh"), 1.0, None, deadline=None)
        assert both.cost_s == pytest.approx(0.5, abs=0.001)
    assert (both.workers, both.waiting) == (2, 0)
    for batcher in (small, large):
        assert await batcher.close()


@pytest.mark.parametrize("model", ["/no/such/folder", "yamnet"])
async def test_a_screen_model_that_is_none_is_told_by_its_setting(model: str) -> None:
    settings = BOTH.model_copy(update={"screen_model": model})
    with pytest.raises(WeightsError, match=f"recogniser.screen_model '{model}'"):
        async with loaded_batchers(settings):
            pass
