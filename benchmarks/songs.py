"""Songs: what it costs to look a window up among thousands of enrolled ones.

    .venv/bin/python -m benchmarks.songs --songs 10000 --json FILE

The songs are made up: their landmarks are drawn from those of test music, so that hashes are as unevenly
spread. A few real pieces of test music are enrolled among them and must be found under speech, no others.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.figures import end_when_told, write_figures
from config.taxonomy import RiskType
from models.interfaces import Samples
from models.songs.detector import plays
from models.songs.enrolment import frames_of, landmarks_of
from models.songs.fingerprint import FRAME_RATE_HZ, Landmarks
from models.songs.index import NewRecording, SongIndex
from models.songs.search import search
from pipeline.audio import SAMPLE_RATE_HZ, WINDOW_S
from tests.support.music import mixed, music
from tests.support.speech import speech_pcm

SONG_S = 180
PIECES = 12
AT_ONCE = 1000
WORDS = "The bakery on the corner opens at six, and the first bread is gone before seven."


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured. Times are medians; a window is asked together with the one before."""

    songs: int
    landmarks: int
    memory_mb: float
    write_s: float
    read_s: float
    window_ms: float
    slowest_ms: float
    found: int
    asked: int
    wrong: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(prog="benchmarks.songs", description=__doc__)
    parser.add_argument("--songs", type=int, default=10_000)
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args(arguments)
    end_when_told()
    figures = measure(given.songs)
    for name in Figures.__slots__:
        Console().print(f"{name:12} {getattr(figures, name):,.10g}")
    write_figures(given.json, {name: getattr(figures, name) for name in Figures.__slots__})


def measure(songs: int) -> Figures:
    """Enrol, write, read, and ask."""
    pieces = [music(seed) for seed in range(PIECES)]
    real = [
        NewRecording(f"piece {seed}", RiskType.ANTHEN, frames_of(piece), landmarks_of(piece))
        for seed, piece in enumerate(pieces)
    ]
    index = made_up(songs, real)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        index.write(Path(folder))
        written = time.perf_counter()
        index = SongIndex.read(Path(folder))
        read = time.perf_counter()
    spoken = speech_pcm(WORDS)
    times_ms: list[float] = []
    found = wrong = 0
    for seed, piece in enumerate(pieces):
        names, took_ms = ask(index, mixed(piece[: round(2 * WINDOW_S * SAMPLE_RATE_HZ)], spoken))
        times_ms.append(took_ms)
        found += f"piece {seed}" in names
        wrong += len(names - {f"piece {seed}"})
    return Figures(
        songs=len(index) - PIECES,
        landmarks=len(index.hashes),
        memory_mb=(index.hashes.nbytes + index.places.nbytes) / 1e6,
        write_s=written - begun,
        read_s=read - written,
        window_ms=statistics.median(times_ms),
        slowest_ms=max(times_ms),
        found=found,
        asked=PIECES,
        wrong=wrong,
    )


def ask(index: SongIndex, samples: Samples) -> tuple[set[str], float]:
    """Return what plays, and how many milliseconds it took to say so."""
    begun = time.perf_counter()
    matches = search(index, samples, round(WINDOW_S * FRAME_RATE_HZ))
    return {each.recording.name for each in matches if plays(each)}, 1000 * (time.perf_counter() - begun)


def made_up(songs: int, real: Sequence[NewRecording]) -> SongIndex:
    """Return an index of the real ones and so many others."""
    random = np.random.default_rng(1)
    pool = np.concatenate([each.landmarks.hashes for each in real])
    frames = round(SONG_S * FRAME_RATE_HZ)
    count = round(SONG_S * len(pool) / sum(each.frames for each in real) * FRAME_RATE_HZ)
    index = SongIndex().enrol(real)
    for start in range(0, songs, AT_ONCE):
        news = []
        for number in range(start, min(songs, start + AT_ONCE)):
            anchors = np.sort(random.integers(0, frames, count))
            landmarks = Landmarks(random.choice(pool, count), anchors)
            news.append(NewRecording(f"song {number}", RiskType.COPYRIGHTSONGS, frames, landmarks))
        index = index.enrol(news)
    return index


if __name__ == "__main__":
    main()
