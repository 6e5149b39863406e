"""Screening: what a small model in front of the large one saves, and what it misses.

    .venv/bin/python -m benchmarks.screening --audio DIR --json FILE

Both ways analyse the same windows with the same large model, in turns, in one process: once the large model
reads everything, once only what the small one finds suspicious or is unsure of. The speed is told for
harmless talk (the recordings, or the test voice), of which a live room has most.

What is missed is told for terms of the English word lists, spoken by the test voice between two harmless
sentences: clean, in white noise, and with other talk behind. `flagged` are the windows that are REVIEW or
REJECT when the large model reads everything, `missed` those of them that are PASS with screening. `by chance`
are those that are PASS when the large model reads the same window a fifth of a second later: in noise a
reading is partly luck, and no screening can agree with it better than it does with itself.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.figures import end_when_told, write_figures
from benchmarks.recordings import SENTENCES, recordings, windows_with_speech
from config.lexicons import load_lexicons
from config.settings import RecogniserSettings, SpeechSettings
from config.taxonomy import TEXT_RISKS, load_taxonomy
from daemon.analysis import make_screen
from daemon.recognition import loaded_batchers
from models.interfaces import Samples, TextClassifier
from models.text.contacts import ContactClassifier
from models.text.insults import InsultClassifier
from models.text.lexicon import LexiconClassifier
from pipeline.analyse import Analyser, Analysis
from pipeline.audio import SAMPLE_RATE_HZ, WINDOW_S, Pcm, Window
from pipeline.report import RiskLevel, StreamSpec
from pipeline.screen import Route
from pipeline.speech import SpeechGate, speech_share
from pipeline.words import WordSearch
from tests.support.speech import fit, join, raised, silence, speech_pcm

PAUSE_S = 0.2
LATER_S = 0.2
"""How much later the large model hears a window the second time."""
AT_ONCE = 16
"""Windows that are analysed at once: enough for full batches, few enough for the queue."""
SEED = 20_261_121


@dataclass(frozen=True, slots=True)
class Condition:
    """What is laid over the speech, so many dB below it (None: nothing)."""

    name: str
    snr_db: float | None = None
    talk: bool = False
    """Somebody else who talks, not white noise."""


CONDITIONS = (
    Condition("clean"),
    Condition("white noise, 15 dB below", 15.0),
    Condition("white noise, 5 dB below", 5.0),
    Condition("other talk, 10 dB below", 10.0, talk=True),
)


@dataclass(frozen=True, slots=True)
class Ways:
    """Analyses windows, without screening and with it."""

    alone: Analyser
    screened: Analyser


@dataclass(frozen=True, slots=True)
class Speed:
    """Medians of the rounds: windows a second, and CPU time, which tells more on a busy host."""

    windows: int
    alone_per_s: float
    screened_per_s: float
    ratios: tuple[float, ...]
    """Of every round: windows a second with screening over those without."""
    alone_cpu_ms: float
    screened_cpu_ms: float
    """A window."""
    cpu_ratios: tuple[float, ...]
    """Of every round: CPU time without screening over that with it."""
    confirmed: float
    """Share of windows that the large model read."""


@dataclass(frozen=True, slots=True)
class Missed:
    """Of one condition; see the module's text."""

    condition: str
    windows: int
    flagged: int
    missed: int
    by_chance: int
    confirmed: float
    terms: tuple[str, ...]
    """What was missed."""


@asynccontextmanager
async def ways(settings: RecogniserSettings) -> AsyncIterator[Ways]:
    """Load both models and the text classifiers, as the daemon does."""
    with ThreadPoolExecutor(2) as executor:
        async with loaded_batchers(settings) as batchers:
            lexicons = load_lexicons()
            spanning: list[TextClassifier] = [LexiconClassifier(lexicons), ContactClassifier()]
            screen = make_screen(batchers, spanning, lexicons, lambda _: None, executor)
            # Talk that goes on is not asked about again, and these windows are all talk.
            gate = SpeechGate(SpeechSettings(), None)
            words = WordSearch(spanning, [InsultClassifier()], lambda _: None)
            taxonomy = load_taxonomy()
            yield Ways(
                Analyser(batchers.large, gate, words, None, taxonomy, executor),
                Analyser(batchers.large, gate, words, None, taxonomy, executor, screen),
            )


async def analyse(analyser: Analyser, windows: Sequence[Pcm]) -> list[Analysis]:
    """Analyse windows, each as the first one of a stream of its own."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, pcm: Pcm) -> Analysis:
        window = Window(0, pcm, 0.0, len(pcm) / SAMPLE_RATE_HZ, speech_share(pcm))
        stream = StreamSpec(f"stream {number}", "benchmark", "", TEXT_RISKS, "en")
        async with free:
            return await analyser.analyse(stream, window, None, deadline=None)

    return list(await asyncio.gather(*(one(number, pcm) for number, pcm in enumerate(windows))))


@dataclass(frozen=True, slots=True)
class Round:
    """One way's reading of all windows."""

    per_s: float
    cpu_ms: float
    analyses: Sequence[Analysis]


async def timed(analyser: Analyser, windows: Sequence[Pcm]) -> Round:
    """Analyse all windows, and measure it."""
    began, cpu_began = time.perf_counter(), time.process_time()
    analyses = await analyse(analyser, windows)
    took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    return Round(len(windows) / took_s, 1000 * cpu_s / len(windows), analyses)


async def speed(both: Ways, windows: Sequence[Pcm], rounds: int) -> Speed:
    """Measure both ways in turns."""
    pairs = [(await timed(both.alone, windows), await timed(both.screened, windows)) for _ in range(rounds)]
    return Speed(
        len(windows),
        statistics.median(alone.per_s for alone, _ in pairs),
        statistics.median(screened.per_s for _, screened in pairs),
        tuple(screened.per_s / alone.per_s for alone, screened in pairs),
        statistics.median(alone.cpu_ms for alone, _ in pairs),
        statistics.median(screened.cpu_ms for _, screened in pairs),
        tuple(alone.cpu_ms / screened.cpu_ms for alone, screened in pairs),
        confirmed_share(pairs[-1][1].analyses),
    )


async def missed(both: Ways, condition: Condition, terms: Sequence[str], windows: Sequence[Pcm]) -> Missed:
    """Find out what screening lets pass in windows that hold the terms."""
    alone = await analyse(both.alone, windows)
    later = await analyse(both.alone, [fit(join(LATER_S, pcm), WINDOW_S) for pcm in windows])
    screened = await analyse(both.screened, windows)
    flagged = [number for number, each in enumerate(alone) if each.level is not RiskLevel.PASS]
    lost = [number for number in flagged if screened[number].level is RiskLevel.PASS]
    chance = [number for number in flagged if later[number].level is RiskLevel.PASS]
    return Missed(
        condition.name,
        len(windows),
        len(flagged),
        len(lost),
        len(chance),
        confirmed_share(screened),
        tuple(terms[number] for number in lost),
    )


def confirmed_share(analyses: Sequence[Analysis]) -> float:
    """Return the share of the windows that the large model read."""
    return sum(each.route is not Route.CLEARED for each in analyses) / len(analyses)


def terms_of(count: int) -> list[str]:
    """Choose terms of the English word lists, as many of every list's groups as of the others."""
    draw = np.random.default_rng(SEED)
    groups = [
        list(draw.permutation([term for term in group.terms if _speakable(term)]))
        for lexicon in load_lexicons()
        if lexicon.language == "en"
        for group in lexicon.groups
    ]
    turns = [
        str(group[turn]) for turn in range(max(map(len, groups))) for group in groups if turn < len(group)
    ]
    return turns[:count]


def risky_windows(terms: Sequence[str], condition: Condition) -> list[Pcm]:
    """Let the test voice say every term between two harmless sentences."""
    draw = np.random.default_rng(SEED)
    windows = []
    for number, term in enumerate(terms):
        before, after = (SENTENCES[(number + step) % len(SENTENCES)] for step in (0, 3))
        pcm = fit(join(before, PAUSE_S, f"{term}.", PAUSE_S, after), WINDOW_S)
        windows.append(laid_over(pcm, condition, SENTENCES[(number + 5) % len(SENTENCES)], draw))
    return windows


def laid_over(pcm: Pcm, condition: Condition, other: str, draw: np.random.Generator) -> Pcm:
    """Mix speech with noise, or with somebody who says `other`, at the condition's ratio of powers."""
    if condition.snr_db is None:
        return pcm
    speech = pcm.astype(np.float64)
    if condition.talk:
        voice = raised(speech_pcm(other))
        noise = np.resize(join(voice, silence(PAUSE_S)), len(pcm)).astype(np.float64)
    else:
        noise = draw.standard_normal(len(pcm))
    gain = np.sqrt(np.mean(speech**2) / np.mean(noise**2)) * 10 ** (-condition.snr_db / 20)
    return pcm_of(((speech + gain * noise) / 32768).astype(np.float32))


def pcm_of(samples: Samples) -> Pcm:
    """Turn samples into 16 bit."""
    pcm: Pcm = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)
    return pcm


def _speakable(term: str) -> bool:
    return all(character.isascii() and (character.isalpha() or character in " '") for character in term)


def show(fast: Speed, losses: Sequence[Missed]) -> list[Table]:
    """Return the tables of what was measured."""
    title = f"{fast.windows} windows of harmless talk, {fast.confirmed:.0%} of them confirmed"
    speeds = Table("", "alone", "screened", "ratio", "lowest", "highest", title=title)
    for name, alone, screened, ratios in (
        ("windows a second", fast.alone_per_s, fast.screened_per_s, fast.ratios),
        ("CPU ms a window", fast.alone_cpu_ms, fast.screened_cpu_ms, fast.cpu_ratios),
    ):
        figures = (statistics.median(ratios), min(ratios), max(ratios))
        speeds.add_row(name, f"{alone:.1f}", f"{screened:.1f}", *(f"{each:.2f}x" for each in figures))
    lost = Table("terms", "windows", "flagged", "missed", "by chance", "confirmed", title="Misses")
    for loss in losses:
        counts = (loss.windows, loss.flagged, loss.missed, loss.by_chance)
        lost.add_row(loss.condition, *map(str, counts), f"{loss.confirmed:.0%}")
    return [speeds, lost]


async def measure(
    settings: RecogniserSettings,
    audio: Path | None,
    terms: Sequence[str],
    rounds: int,
    tell: Callable[[str], None],
) -> tuple[Speed, list[Missed]]:
    """Measure the speed on harmless talk, and the misses under every condition."""
    talk = [pcm_of(each) for recording in recordings(audio) for each in windows_with_speech(recording)]
    async with ways(settings) as both:
        losses = []
        for condition in CONDITIONS:
            losses.append(await missed(both, condition, terms, risky_windows(terms, condition)))
            tell(condition.name)
        return await speed(both, talk, rounds), losses


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the tables, and write JSON if asked."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.screening",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--audio", type=Path, help="folder of English recordings of harmless talk")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--terms", type=int, default=60, help="terms that are spoken, under four conditions")
    parser.add_argument("--rounds", type=int, default=3, help="of the speed")
    parser.add_argument("--model", default="base")
    parser.add_argument("--screen-model", default="tiny.en")
    given = parser.parse_args(arguments)
    end_when_told()
    settings = RecogniserSettings(model=given.model, screen_model=given.screen_model)
    console = Console()
    told = Console(stderr=True)
    fast, losses = asyncio.run(
        measure(settings, given.audio, terms_of(given.terms), given.rounds, told.print)
    )
    for table in show(fast, losses):
        console.print(table)
    figures = {"speed": asdict(fast), "misses": [asdict(each) for each in losses]}
    write_figures(given.json, figures)


if __name__ == "__main__":
    main()
