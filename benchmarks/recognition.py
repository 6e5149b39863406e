"""Recognition: our batched eleven-second encodings against faster-whisper's `transcribe`, a window at a time.

    .venv/bin/python -m benchmarks.recognition --audio DIR --json FILE

Both read the same windows with the same model, compute type and cores, in turns, in one process. The figures
are ratios: this host's speed and whatever else runs on it cancel out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from faster_whisper import WhisperModel, decode_audio
from rich.console import Console
from rich.table import Table

from models.batcher import Batcher
from models.chinese import to_simplified
from models.interfaces import Samples, Utterance
from models.weights import WeightsCache, cache_folder
from models.whisper import WhisperRecogniser
from pipeline.audio import SAMPLE_RATE_HZ, WINDOW_SAMPLES
from tests.support.speech import join, speech_pcm

SUFFIXES = {".wav", ".flac", ".mp3", ".m4a", ".ogg", ".aiff"}
SENTENCES = (
    "Good evening everybody, and welcome back to the kitchen. Tonight we are cooking chicken with lemon.",
    "The weather will stay dry until the weekend, with some wind from the north in the afternoon.",
    "My brother bought an old boat last summer, and he has been repairing it ever since.",
    "If you take the second street on the left, you will see the station behind the church.",
)


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds of wall time that each way took for the same windows."""

    ours_s: float
    transcribe_s: float

    @property
    def ratio(self) -> float:
        """How many times as fast ours was."""
        return self.transcribe_s / self.ours_s


def windows_of(folder: Path | None, count: int) -> list[Samples]:
    """Return `count` ten-second windows of the folder's recordings, or of speech made here."""
    samples: Samples
    if folder is None:
        samples = join(*(speech_pcm(each) for each in SENTENCES)).astype(np.float32) / np.float32(32768)
    else:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        if not files:
            raise SystemExit(f"no recordings in {folder}")
        recordings = [np.asarray(decode_audio(str(path), SAMPLE_RATE_HZ), np.float32) for path in files]
        samples = np.concatenate(recordings)
    repeated: Samples = np.tile(samples, -(-count * WINDOW_SAMPLES // len(samples)))
    return [repeated[n * WINDOW_SAMPLES : (n + 1) * WINDOW_SAMPLES] for n in range(count)]


async def read_ours(recogniser: WhisperRecogniser, windows: Sequence[Samples]) -> float:
    """Read all windows as if each came from a stream of its own; return the seconds it took."""
    batcher = Batcher(recogniser, queue_size=len(windows))
    began = time.perf_counter()
    await asyncio.gather(
        *(batcher.transcribe(str(n), Utterance(each, "en"), deadline=None) for n, each in enumerate(windows))
    )
    took_s = time.perf_counter() - began
    await batcher.close()
    return took_s


def read_transcribe(model: WhisperModel, windows: Sequence[Samples]) -> float:
    """Read the windows one after the other with the library's defaults; return the seconds it took."""
    began = time.perf_counter()
    for each in windows:
        segments, _ = model.transcribe(each, language="en")
        for _ in segments:
            pass
    return time.perf_counter() - began


def measure(
    folder: Path, windows: Sequence[Samples], rounds: int, tell: Callable[[Round], None]
) -> list[Round]:
    """Run both ways in turns."""
    cores = len(os.sched_getaffinity(0))
    recogniser = WhisperRecogniser(folder, simplify=to_simplified, device="cpu", compute_type="int8")
    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=cores)
    measured = []
    for _ in range(rounds):
        ours_s = asyncio.run(read_ours(recogniser, windows))
        measured.append(Round(ours_s, read_transcribe(model, windows)))
        tell(measured[-1])
    return measured


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON if asked."""
    parser = argparse.ArgumentParser(prog="benchmarks.recognition", description=__doc__)
    parser.add_argument(
        "--audio", type=Path, help="folder of recordings; default: speech made by the test voice"
    )
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--windows", type=int, default=16)
    parser.add_argument("--model", default="base")
    given = parser.parse_args(arguments)
    folder = WeightsCache(cache_folder(None)).ensure(given.model)
    table = Table("round", "ours, windows/s", "transcribe, windows/s", "ratio", title="Recognition")

    def tell(each: Round) -> None:
        count = given.windows
        row = (f"{count / each.ours_s:.2f}", f"{count / each.transcribe_s:.2f}", f"{each.ratio:.1f}")
        table.add_row(str(table.row_count + 1), *row)

    measured = measure(folder, windows_of(given.audio, given.windows), given.rounds, tell)
    ratios = [each.ratio for each in measured]
    middle = statistics.median(ratios)
    table.caption = f"median ratio {middle:.1f}, {min(ratios):.1f} to {max(ratios):.1f}"
    Console().print(table)
    if given.json is not None:
        figures = {
            "ratio_vs_transcribe": middle,
            "ratios": ratios,
            "windows": given.windows,
            "rounds": [{"ours_s": each.ours_s, "transcribe_s": each.transcribe_s} for each in measured],
        }
        given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
