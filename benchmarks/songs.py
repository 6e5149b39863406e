"""Songs: how often enrolled ones are found, how often others are named for them, and what it costs.

    .venv/bin/python -m benchmarks.songs --songs 10000 --music FOLDER --speech FOLDER --json FILE

Every second piece of a folder is enrolled, and fragments of 10 s are looked for among them alone and among
thousands of others; the pieces between must not be found. Without folders it is our own test music and test
voice. The thousands are made of the peaks of all pieces (benchmarks/synthetic_songs.py): two pieces each,
played 6 to 33 % faster or slower, mixed at -12 to 0 dB, up to 6 dB an octave brighter or duller, three
minutes long. So hashes are as common as in real music, and no piece is among them at a speed at which it
ought to be named.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from faster_whisper import decode_audio
from rich.console import Console
from rich.table import Table

from benchmarks.figures import end_when_told, write_figures
from benchmarks.recordings import recordings
from benchmarks.synthetic_songs import SOURCE_PER_CELL, synthetic_songs
from config.taxonomy import RiskType
from models.hearing import Hearing, Senses
from models.interfaces import Samples
from models.songs.detector import EnrolledSongDetector
from models.songs.enrolment import new_recording
from models.songs.index import FILE_NAME, SongIndex
from models.songs.peaks import find_peaks
from pipeline.audio import SAMPLE_RATE_HZ, WINDOW_SAMPLES
from pipeline.mp3 import encode_mp3
from tests.support.hearing import NOTHING, MadeUp
from tests.support.music import mixed, music, played_at, to_pcm

PIECES = 24
"""Of our own music, where no folder is given."""
SHORTEST_S, LONGEST_S = 30, 180
AT_ONCE = 2500
REVIEW, REJECT = 0.5, 0.85
"""The thresholds of the default policy."""
OTHERS_STEP_S = 20
MP3_KBPS = 32
NARROW_HZ = (300, 3400)
HALF = WINDOW_SAMPLES // 2
CONDITIONS = {
    "alone": (1.0, "", False),
    "under speech": (1.0, "speech", False),
    "under speech, 2 % faster": (1.02, "speech", False),
    "under speech, 2 % slower": (0.98, "speech", False),
    "under speech, 1.3 % faster": (1.013, "speech", False),
    "under speech, MP3 at 32 kbit/s": (1.0, "speech mp3", False),
    "under speech, 300 to 3400 Hz": (1.0, "speech narrow", False),
    "under white noise": (1.0, "noise", False),
    "under speech, 5 s of it in the window before": (1.0, "speech", True),
}
"""Speed, what is done to it, and whether it begins in the window before."""
EARS = MadeUp(np.zeros((0, 521), np.float32), NOTHING)


@dataclass(slots=True)
class Row:
    """What was found of the fragments of one condition. Times are of the whole detector."""

    condition: str
    asked: int = 0
    found: int = 0
    rejected: int = 0
    wrong: list[tuple[int, str, float]] = field(default_factory=list)
    """Number of the piece, what it was named, and how probably."""
    cpu_ms: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Size:
    """What an index takes."""

    songs: int
    hashes: int
    memory_mb: float
    file_mb: float
    write_s: float
    read_s: float


class Listener:
    """Asks the detector about windows and takes the time."""

    def __init__(self, index: SongIndex) -> None:
        self._detector = EnrolledSongDetector(lambda: index)

    def ask(self, row: Row, piece: int, name: str | None, before: Samples, window: Samples) -> None:
        """Hear a window after the one before. `name` is what plays, None: nothing that is enrolled."""
        begun = time.thread_time()
        findings = self._detector.detect(Hearing(window, Senses(EARS, EARS, EARS, EARS), before))
        row.cpu_ms.append(1000 * (time.thread_time() - begun))
        row.asked += 1
        for each in findings:
            if each.name == name:
                row.found += each.probability >= REVIEW
                row.rejected += each.probability >= REJECT
            elif each.probability >= REVIEW:
                row.wrong.append((piece, each.name or "", round(each.probability, 2)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(prog="benchmarks.songs", description=__doc__)
    parser.add_argument("--songs", type=int, default=10_000, help="how many are enrolled in all")
    parser.add_argument("--music", type=Path, help="folder of pieces of at least 30 s")
    parser.add_argument("--speech", type=Path, help="folder of what is spoken over them")
    parser.add_argument("--enrolled", type=int, help="how many of the pieces; default: half")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args(arguments)
    end_when_told()
    pieces = _pieces(given.music)
    speech = np.concatenate(recordings(given.speech))
    count = given.enrolled if given.enrolled is not None else len(pieces) // 2
    enrolled = range(0, 2 * count, 2)
    news = [new_recording(f"piece {each}", RiskType.ANTHEN, pieces[each]) for each in enrolled]
    index = SongIndex().enrol(news)
    results = [(_size(index), measure(index, pieces, enrolled, speech))]
    index = _among_others(index, pieces, given.songs - len(index))
    results.append((_size(index), measure(index, pieces, enrolled, speech)))
    for size, rows in results:
        _show(size, rows)
    figures = [{"index": asdict(size), "rows": [asdict(row) for row in rows]} for size, rows in results]
    write_figures(given.json, figures)


def measure(index: SongIndex, pieces: Sequence[Samples], enrolled: range, speech: Samples) -> list[Row]:
    """Ask about fragments of what is enrolled, about windows of what is not, and about speech."""
    listener, rows = Listener(index), []
    for condition in CONDITIONS:
        row = Row(condition)
        random = np.random.default_rng(1)
        for each in enrolled:
            before, window = _fragment(pieces[each], speech, condition, random)
            listener.ask(row, each, f"piece {each}", before, window)
        rows.append(row)
    for condition in ("others alone", "others under speech"):
        row = Row(condition)
        for each in sorted(set(range(len(pieces))) - set(enrolled)):
            piece = pieces[each]
            if condition != "others alone":
                piece = mixed(piece, np.roll(to_pcm(speech), each * WINDOW_SAMPLES))
            for start in range(0, len(piece) - 2 * WINDOW_SAMPLES, OTHERS_STEP_S * SAMPLE_RATE_HZ):
                middle, end = start + WINDOW_SAMPLES, start + 2 * WINDOW_SAMPLES
                listener.ask(row, each, None, piece[start:middle], piece[middle:end])
        rows.append(row)
    row = Row("speech alone")
    for start in range(0, len(speech) - 2 * WINDOW_SAMPLES, WINDOW_SAMPLES):
        middle, end = start + WINDOW_SAMPLES, start + 2 * WINDOW_SAMPLES
        listener.ask(row, -1, None, speech[start:middle], speech[middle:end])
    return [*rows, row]


def _fragment(
    piece: Samples, speech: Samples, condition: str, random: np.random.Generator
) -> tuple[Samples, Samples]:
    """Return two windows with 10 s of a piece, from anywhere in it, in the second or across both."""
    speed, treatment, across = CONDITIONS[condition]
    length = round(speed * WINDOW_SAMPLES) + 2
    start = int(random.integers(0, len(piece) - length))
    played = played_at(piece[start : start + length], speed)[:WINDOW_SAMPLES]
    over = np.roll(speech, -int(random.integers(len(speech))))
    if treatment == "noise":
        over = random.standard_normal(2 * WINDOW_SAMPLES).astype(np.float32)
    begin = HALF if across else WINDOW_SAMPLES
    both = np.zeros(2 * WINDOW_SAMPLES, np.float32)
    both[begin : begin + len(played)] = played
    if treatment:
        over = np.resize(over, len(both))
        over = over * (_rms(played) / max(_rms(over[begin : begin + len(played)]), 1e-9))
        both = np.asarray(0.5 * (both + over), np.float32)
    if "mp3" in treatment:
        decoded = decode_audio(io.BytesIO(encode_mp3(to_pcm(both), MP3_KBPS)), SAMPLE_RATE_HZ)
        both = np.resize(np.asarray(decoded, np.float32), len(both))
    if "narrow" in treatment:
        both = _narrowed(both)
    return both[:WINDOW_SAMPLES], both[WINDOW_SAMPLES:]


def _narrowed(samples: Samples) -> Samples:
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE_HZ)
    spectrum[(hz < NARROW_HZ[0]) | (hz > NARROW_HZ[1])] = 0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def _pieces(folder: Path | None) -> list[Samples]:
    if folder is None:
        return [music(seed) for seed in range(PIECES)]
    found = [each[: LONGEST_S * SAMPLE_RATE_HZ] for each in recordings(folder)]
    return [each for each in found if len(each) >= SHORTEST_S * SAMPLE_RATE_HZ]


def _among_others(index: SongIndex, pieces: Sequence[Samples], count: int) -> SongIndex:
    """Return an index with so many more songs."""
    sources = [find_peaks(each, SOURCE_PER_CELL) for each in pieces]
    news = []
    for new in synthetic_songs(sources, range(count)):
        news.append(new)
        if len(news) == AT_ONCE:
            index, news = index.enrol(news), []
    return index.enrol(news)


def _size(index: SongIndex) -> Size:
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        index.write(Path(folder))
        written = time.perf_counter()
        SongIndex.read(Path(folder))
        read = time.perf_counter()
        file_mb = (Path(folder) / FILE_NAME).stat().st_size / 1e6
    return Size(
        songs=len(index),
        hashes=len(index.table),
        memory_mb=index.nbytes / 1e6,
        file_mb=file_mb,
        write_s=written - begun,
        read_s=read - written,
    )


def _show(size: Size, rows: Sequence[Row]) -> None:
    console = Console()
    console.print(", ".join(f"{name} {value:,.4g}" for name, value in asdict(size).items()))
    table = Table("sound", "asked", "found", "REJECT", "other named", "CPU ms", "at most")
    for row in rows:
        median, most = (f"{each:.0f}" for each in np.percentile(row.cpu_ms, (50, 100)))
        found = (str(row.asked), str(row.found), str(row.rejected), str(len(row.wrong)))
        table.add_row(row.condition, *found, median, most)
    console.print(table)


if __name__ == "__main__":
    main()
