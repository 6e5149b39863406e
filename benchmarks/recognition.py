"""Recognition: our way against faster-whisper's own ways to read ten-second windows.

    .venv/bin/python -m benchmarks.recognition --audio DIR --json FILE

All read the same windows with the same model, compute type and cores, in turns, in one process; every peer is
measured right after ours. The figures are ratios: this host's speed and what else runs on it cancel out. A
round begins only if it is likely to end within `--minutes`; one is always measured.

`transcribe` gets a call per window; its best tuning gets as many callers as cores. The batched pipeline gets
all windows of a language in one call and reads eight at a time, which is the best that can be done for it: it
never waits for a window. Ours gets every window from a stream of its own, and makes its second tries as
`transcribe` does; the pipeline makes none, so that what it invents costs it nothing.

`divergence` is how many per cent of the words differ from what `transcribe` reads, a window at a time,
greedily and without time stamps. `noise_floor` is how many differ when the same `transcribe` gets the same
windows with silence behind them: no faster way can be asked to agree with it better than it does with itself.
Windows that `transcribe` itself holds for failed are timed, but not compared: nobody knows what was said.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from rich.console import Console
from rich.table import Table

from benchmarks.figures import end_when_told, write_figures
from benchmarks.recordings import recordings, windows_with_speech
from benchmarks.words import divergence
from models.interfaces import Samples, Utterance
from models.recognition.batcher import Batcher
from models.recognition.whisper import WhisperRecogniser
from models.text.chinese import to_simplified
from models.weights import WeightsCache, cache_folder
from pipeline.audio import SAMPLE_RATE_HZ

COMPUTE_TYPE = "int8"
PADDED_S = 30
"""What Whisper pads every window to by itself, with zeros behind the mel filter instead of before it."""
BATCH_SIZE = 8
"""Of the library's batched pipeline, its own default."""
TIMED = 16
"""Windows that are timed unless told otherwise: enough for two workers with full batches, twice."""
COMPARED = 24
"""Windows whose words are compared unless told otherwise: some six hundred words."""
MINUTES = 5.0
FAILED_COMPRESSION = 2.4
FAILED_LOG_PROBABILITY = -1.0
"""Where the library's own second tries set in; a text that is still beyond was not understood."""
GREEDY: dict[str, Any] = {"beam_size": 1, "without_timestamps": True}
"""The library's best tuning for speed that keeps its second tries, as ours keeps its own."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A window and its language, which every way is told."""

    samples: Samples
    language: str


Way = Callable[[], list[str]]
"""Reads all windows and returns their texts."""


class Ours:
    """The daemon's recogniser and batcher; every window comes from a stream of its own."""

    def __init__(self, folder: Path, windows: Sequence[Speech]) -> None:
        self._recogniser = WhisperRecogniser(
            folder, simplify=to_simplified, device="cpu", compute_type=COMPUTE_TYPE
        )
        self._windows = windows

    def __call__(self) -> list[str]:
        return asyncio.run(self._read())

    async def _read(self) -> list[str]:
        batcher = Batcher(self._recogniser, queue_size=len(self._windows))
        read = (
            batcher.transcribe(str(number), Utterance(each.samples, each.language), deadline=None)
            for number, each in enumerate(self._windows)
        )
        transcripts = await asyncio.gather(*read)
        await batcher.close()
        return [each.text for each in transcripts]


class PerWindow:
    """`WhisperModel.transcribe`, a call per window, from as many threads as the model has workers."""

    def __init__(self, model: WhisperModel, callers: int, windows: Sequence[Speech], **options: Any) -> None:
        self._model = model
        self._callers = callers
        self._windows = windows
        self._options = options

    def __call__(self) -> list[str]:
        with ThreadPoolExecutor(self._callers) as threads:
            return list(threads.map(self._read, self._windows))

    def _read(self, window: Speech) -> str:
        segments, _ = self._model.transcribe(window.samples, language=window.language, **self._options)
        return to_simplified("".join(each.text for each in segments))


class Batched:
    """`BatchedInferencePipeline` over all windows of a language, cut where ours are cut."""

    def __init__(self, model: WhisperModel, windows: Sequence[Speech], **options: Any) -> None:
        self._pipeline = BatchedInferencePipeline(model)
        self._groups: dict[str, list[Samples]] = {}
        for each in windows:
            self._groups.setdefault(each.language, []).append(each.samples)
        self._options = options

    def __call__(self) -> list[str]:
        texts = []
        for language, group in self._groups.items():
            ends = np.cumsum([len(each) for each in group]) / SAMPLE_RATE_HZ
            clips = [
                {"start": end - len(each) / SAMPLE_RATE_HZ, "end": end}
                for end, each in zip(ends, group, strict=True)
            ]
            # The pipeline turns seconds back into samples and rounds; it refuses clips longer than the audio
            # in sum, by however little.
            segments, _ = self._pipeline.transcribe(
                np.concatenate([*group, np.zeros(SAMPLE_RATE_HZ, np.float32)]),
                language=language,
                clip_timestamps=clips,
                batch_size=BATCH_SIZE,
                **self._options,
            )
            texts += [each.text for each in segments]
        return texts


@dataclass(frozen=True, slots=True)
class Peer:
    """Another way to read the windows; `key` is its name in the figures."""

    key: str
    title: str
    read: Way


def peers_of(folder: Path, windows: Sequence[Speech]) -> list[Peer]:
    """Load what ours is measured against."""
    cores = len(os.sched_getaffinity(0))
    whole = WhisperModel(str(folder), device="cpu", compute_type=COMPUTE_TYPE, cpu_threads=cores)
    split = WhisperModel(
        str(folder), device="cpu", compute_type=COMPUTE_TYPE, cpu_threads=1, num_workers=cores
    )
    return [
        Peer("transcribe", "transcribe, defaults", PerWindow(whole, 1, windows)),
        Peer("tuned", "transcribe, best tuning", PerWindow(split, cores, windows, **GREEDY)),
        Peer("batched", "batched pipeline, defaults", Batched(whole, windows)),
        Peer("batched_tuned", "batched pipeline, greedy", Batched(whole, windows, **GREEDY)),
    ]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Per cent of the reference's words by which ours differs, and by which it differs from itself."""

    divergence: float
    noise_floor: float
    compared: int


def agreement(folder: Path, windows: Sequence[Speech], ours: Sequence[str]) -> Agreement:
    """Compare ours with the reference in every window that the reference could read."""
    cores = len(os.sched_getaffinity(0))
    model = WhisperModel(
        str(folder), device="cpu", compute_type=COMPUTE_TYPE, cpu_threads=1, num_workers=cores
    )
    silence = np.zeros(PADDED_S * SAMPLE_RATE_HZ, np.float32)

    def read_twice(window: Speech) -> tuple[str | None, str | None]:
        padded = np.concatenate([window.samples, silence])[: len(silence)]
        return reading(model, window.samples, window.language), reading(model, padded, window.language)

    with ThreadPoolExecutor(cores) as threads:
        read = list(threads.map(read_twice, windows))
    rows = [
        (reference, text, itself)
        for (reference, itself), text in zip(read, ours, strict=True)
        if reference is not None and itself is not None
    ]
    references, texts, again = zip(*rows, strict=True)
    return Agreement(divergence(references, texts), divergence(references, again), len(rows))


def reading(model: WhisperModel, samples: Samples, language: str) -> str | None:
    """Return what the reference reads; None where it gave up, by the library's own measures of failure."""
    segments = list(model.transcribe(samples, language=language, **GREEDY)[0])
    if any(
        each.compression_ratio > FAILED_COMPRESSION or each.avg_logprob < FAILED_LOG_PROBABILITY
        for each in segments
    ):
        return None
    return to_simplified("".join(each.text for each in segments))


def timed(read: Way) -> float:
    """Return the seconds of wall time that one reading of all windows takes."""
    began = time.perf_counter()
    read()
    return time.perf_counter() - began


def speech_of(folder: Path, given: Sequence[Samples]) -> list[Speech]:
    """Cut recordings into windows that hold speech: those of one language follow each other, as in a stream.

    The languages are detected here, once, outside of what is measured.
    """
    model = WhisperModel(str(folder), device="cpu", compute_type=COMPUTE_TYPE)
    languages: dict[str, list[Samples]] = {}
    for each in given:
        languages.setdefault(model.detect_language(each)[0], []).append(each)
    windows = [
        Speech(window, language)
        for language, group in languages.items()
        for window in windows_with_speech(np.concatenate(group))
    ]
    if not windows:
        raise SystemExit("nobody speaks in the recordings")
    return windows


def spread(windows: Sequence[Speech], count: int) -> list[Speech]:
    """Choose `count` windows evenly; the same again where there are fewer."""
    return [windows[number * len(windows) // count % len(windows)] for number in range(count)]


def measured(
    ours: Way, peers: Sequence[Peer], most: int, ends_at: float
) -> dict[str, list[tuple[float, float]]]:
    """Return the seconds of ours and of each peer, in every round; the next begins if it may end in time."""
    rounds: dict[str, list[tuple[float, float]]] = {peer.key: [] for peer in peers}
    for _ in range(most):
        began = time.monotonic()
        for peer in peers:
            rounds[peer.key].append((timed(ours), timed(peer.read)))
        if 2 * time.monotonic() - began > ends_at:
            break
    return rounds


def show(
    title: str, peers: Sequence[Peer], rounds: dict[str, list[tuple[float, float]]], count: int
) -> Table:
    """Return the table of what was measured."""
    columns = ("ours, ms a window", "theirs, ms a window", "ratio", "lowest", "highest")
    table = Table("peer", *columns, title=title)
    for peer in peers:
        ratios = [theirs / ours for ours, theirs in rounds[peer.key]]
        ours_ms, theirs_ms = (
            1e3 * statistics.median(each) / count for each in zip(*rounds[peer.key], strict=True)
        )
        figures = (statistics.median(ratios), min(ratios), max(ratios))
        table.add_row(peer.title, f"{ours_ms:.0f}", f"{theirs_ms:.0f}", *(f"{each:.1f}x" for each in figures))
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON if asked."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.recognition",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--audio", type=Path, help="folder of recordings; default: speech made by the test voice"
    )
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="no round begins that would end later")
    parser.add_argument("--windows", type=int, default=TIMED, help="how many are timed")
    parser.add_argument("--compared", type=int, default=COMPARED, help="how many are compared at most")
    parser.add_argument("--model", default="base")
    given = parser.parse_args(arguments)
    end_when_told()
    ends_at = time.monotonic() + 60 * given.minutes
    folder = WeightsCache(cache_folder(None)).ensure(given.model)
    spoken = speech_of(folder, recordings(given.audio))
    compared = spread(spoken, min(given.compared, len(spoken)))
    agrees = agreement(folder, compared, Ours(folder, compared)())
    windows = spread(spoken, given.windows)
    ours, peers = Ours(folder, windows), peers_of(folder, windows)
    rounds = measured(ours, peers, given.rounds, ends_at)
    done = len(rounds[peers[0].key])
    table = show(f"Recognition of {len(windows)} windows, {done} rounds", peers, rounds, len(windows))
    table.caption = (
        f"words that differ from transcribe's: ours {agrees.divergence:.1f} %, "
        f"its own {agrees.noise_floor:.1f} % ({agrees.compared} windows)"
    )
    Console().print(table)
    figures: dict[str, Any] = {
        f"ratio_vs_{key}": statistics.median(theirs / ours_s for ours_s, theirs in each)
        for key, each in rounds.items()
    }
    write_figures(
        given.json, figures | dataclasses.asdict(agrees) | {"windows": len(windows), "rounds": rounds}
    )


if __name__ == "__main__":
    main()
