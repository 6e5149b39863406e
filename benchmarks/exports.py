"""Exports: what is made of a recording, against the ffmpeg command that makes the same, in turns.

    .venv/bin/python -m benchmarks.exports --rounds 5 --json FILE

The film is 640x360 H.264 with a key frame every two seconds and stereo AAC of 48 kHz. Ours runs in this
process, as in the daemon's worker threads; the command's time includes its start. Ratios are ours by theirs.
Peak memory is that of a process of its own which exports all of a film of two hours.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.figures import end_when_told, write_figures
from pipeline.audio_forms import AudioForm
from pipeline.offline.audio import cut_audio, extract_audio
from pipeline.offline.remux import MediaForm, remux
from pipeline.offline.thumbnail import thumbnail
from pipeline.recording.recording import Container, Stretch
from tests.support.media_server import ffmpeg_exe
from tests.support.recorded import chirps, write_wave

MADE_S = 60
FILM_S = 600
LONG_S = 7200
CONTAINERS = {".ts": Container.MPEGTS, ".mp4": Container.MP4}


@dataclass(frozen=True, slots=True)
class Case:
    """One export, both ways."""

    name: str
    suffix: str
    """Of the film."""
    ours: Callable[[Path, Path], object]
    theirs: Callable[[Path, Path], list[str | Path]]


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians; CPU seconds of all threads."""

    name: str
    ours_s: float
    theirs_s: float
    wall_ratio: float
    ours_cpu_s: float
    theirs_cpu_s: float
    cpu_ratio: float


def opened(film: Path) -> Stretch:
    """Return a file of the disk as a stretch."""
    return Stretch(film.open("rb"), CONTAINERS[film.suffix], True, 0.0, float("inf"))


def cut(
    form: AudioForm, start_s: float, duration_s: float, rate_hz: int | None
) -> Callable[[Path, Path], object]:
    """Return how we cut audio."""
    return lambda film, target: cut_audio([opened(film)], start_s, duration_s, target, form, rate_hz)


def remuxed(form: MediaForm, start_s: float, duration_s: float) -> Callable[[Path, Path], object]:
    """Return how we remux."""
    return lambda film, target: remux([opened(film)], start_s, duration_s, target, form)


def extracted(form: AudioForm) -> Callable[[Path, Path], object]:
    """Return how we extract all the audio."""
    return lambda film, target: extract_audio(opened(film), target, form)


def command(*options: str, seek: str = "0", last: str = "") -> Callable[[Path, Path], list[str | Path]]:
    """Return how ffmpeg is told to."""
    span = ["-t", last] if last else []

    def of(film: Path, target: Path) -> list[str | Path]:
        start = [ffmpeg_exe(), "-v", "quiet", "-nostdin", "-y", "-ss", seek]
        return [*start, "-i", film, *span, *options, target]

    return of


AUDIO = ("-vn", "-ac", "1")
CASES = (
    Case(
        "flac 16 kHz 600 s",
        ".ts",
        cut(AudioForm.FLAC, 0, 600, 16000),
        command(*AUDIO, "-ar", "16000", "-f", "flac"),
    ),
    Case(
        "flac 30 s",
        ".ts",
        cut(AudioForm.FLAC, 300, 30, None),
        command(*AUDIO, "-f", "flac", seek="300", last="30"),
    ),
    Case("ts to ts 600 s", ".ts", remuxed(MediaForm.TS, 0, 600), command("-c", "copy", "-f", "mpegts")),
    Case(
        "ts to mp4 600 s",
        ".ts",
        remuxed(MediaForm.MP4, 0, 600),
        command("-c", "copy", "-movflags", "+faststart", "-f", "mp4"),
    ),
    Case("mp4 to ts 600 s", ".mp4", remuxed(MediaForm.TS, 0, 600), command("-c", "copy", "-f", "mpegts")),
    Case(
        "mp4 to mp4 600 s",
        ".mp4",
        remuxed(MediaForm.MP4, 0, 600),
        command("-c", "copy", "-movflags", "+faststart", "-f", "mp4"),
    ),
    Case(
        "ts to ts 60 s",
        ".ts",
        remuxed(MediaForm.TS, 301, 60),
        command("-c", "copy", "-f", "mpegts", seek="301", last="60"),
    ),
    Case(
        "ts to mp4 60 s",
        ".ts",
        remuxed(MediaForm.MP4, 301, 60),
        command("-c", "copy", "-movflags", "+faststart", "-f", "mp4", seek="301", last="60"),
    ),
    Case(
        "thumbnail",
        ".ts",
        lambda film, target: target.write_bytes(thumbnail([opened(film)], 431.3)),
        command("-frames:v", "1", "-f", "mjpeg", seek="431.3"),
    ),
    Case(
        "mp3 600 s",
        ".ts",
        extracted(AudioForm.MP3),
        command("-vn", "-c:a", "libmp3lame", "-b:a", "128k", "-f", "mp3"),
    ),
    Case(
        "mp3, same quality",
        ".ts",
        extracted(AudioForm.MP3),
        command("-vn", "-c:a", "libmp3lame", "-b:a", "128k", "-compression_level", "7", "-f", "mp3"),
    ),
    Case(
        "aac copy 600 s",
        ".ts",
        extracted(AudioForm.M4A),
        command("-vn", "-c", "copy", "-movflags", "faststart", "-f", "ipod"),
    ),
)
PEAKS = {
    "cut_audio": cut(AudioForm.FLAC, 0, LONG_S, 16000),
    "remux ts": remuxed(MediaForm.TS, 0, LONG_S),
    "remux mp4": remuxed(MediaForm.MP4, 0, LONG_S),
    "extract m4a": extracted(AudioForm.M4A),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(prog="benchmarks.exports", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--peak", nargs=3, metavar=("WHAT", "FILM", "TARGET"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    end_when_told()
    if given.peak:
        what, film, target = given.peak
        PEAKS[what](Path(film), Path(target))
        return
    with tempfile.TemporaryDirectory() as folder:
        films = make_films(Path(folder))
        figures = [measure(case, films, given.rounds) for case in CASES]
        peaks_mb = {what: peak_mb(what, films["long"]) for what in PEAKS}
    write_figures(given.json, {"cases": [asdict(each) for each in figures], "peaks_mb": peaks_mb})


def make_films(folder: Path) -> dict[str, Path]:
    """Return the film as TS and MP4, and the long one."""
    sound = write_wave(folder / "sound.wav", chirps(MADE_S))
    picture = f"testsrc2=size=640x360:rate=25:duration={MADE_S}"
    video = (
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-crf",
        "26",
        "-bf",
        "2",
        "-g",
        "50",
        "-sc_threshold",
        "0",
    )
    audio = ("-c:a", "aac", "-b:a", "128k", "-ac", "2")
    run(
        "-f",
        "lavfi",
        "-i",
        picture,
        "-i",
        sound,
        *video,
        "-pix_fmt",
        "yuv420p",
        *audio,
        folder / "minute.mp4",
    )
    run(
        "-f",
        "lavfi",
        "-i",
        picture,
        "-i",
        sound,
        *video,
        "-crf",
        "40",
        "-s",
        "192x108",
        *audio,
        folder / "small.mp4",
    )
    films = {".ts": folder / "film.ts", ".mp4": folder / "film.mp4", "long": folder / "long.ts"}
    for key, source, seconds in (
        (".ts", "minute", FILM_S),
        (".mp4", "minute", FILM_S),
        ("long", "small", LONG_S),
    ):
        times = str(seconds // MADE_S - 1)
        run("-stream_loop", times, "-i", folder / f"{source}.mp4", "-c", "copy", films[key])
    return films


def run(*arguments: str | Path) -> None:
    """Run ffmpeg."""
    subprocess.run([ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *arguments], check=True)


def measure(case: Case, films: dict[str, Path], rounds: int) -> Figures:
    """Do both in turns; print the medians."""
    film = films[case.suffix]
    target = film.with_name("target")
    times: list[tuple[float, float, float, float]] = []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        case.ours(film, target)
        ours = time.perf_counter() - wall, time.process_time() - cpu
        wall, cpu = time.perf_counter(), children_cpu_s()
        subprocess.run(case.theirs(film, target), check=True)
        times.append((*ours, time.perf_counter() - wall, children_cpu_s() - cpu))
    ours_s, ours_cpu_s, theirs_s, theirs_cpu_s = (
        statistics.median(each) for each in zip(*times, strict=True)
    )
    ratio, cpu_ratio = ours_s / theirs_s, ours_cpu_s / theirs_cpu_s
    Console().print(
        f"{case.name:18} {ours_s:7.3f} s, ffmpeg {theirs_s:7.3f} s: {ratio:5.2f}"
        f"   CPU {ours_cpu_s:7.3f} s, {theirs_cpu_s:7.3f} s: {cpu_ratio:5.2f}",
        soft_wrap=True,
    )
    return Figures(case.name, ours_s, theirs_s, ratio, ours_cpu_s, theirs_cpu_s, cpu_ratio)


def children_cpu_s() -> float:
    """Return what the processes that have ended used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def peak_mb(what: str, film: Path) -> float:
    """Return the peak of a process that exports all of a film."""
    # RUSAGE_CHILDREN tells the largest of all children: each is measured by another process of its own.
    script = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    target = film.with_name("target")
    exporting = [sys.executable, "-m", "benchmarks.exports", "--peak", what, str(film), str(target)]
    told = subprocess.run(
        [sys.executable, "-c", script, *exporting], check=True, capture_output=True, text=True
    )
    peak = int(told.stdout) / 1024
    Console().print(f"{what:18} {LONG_S / 3600:g} hours: peak {peak:.0f} MB")
    return peak


if __name__ == "__main__":
    main()
