"""Recordings for tests: films made by ffmpeg, read as stretches."""

from __future__ import annotations

import io
import subprocess
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.recording.recording import Container, Stretch
from tests.support.media_server import ffmpeg_exe

RATE_HZ = 48_000
FRAMES_PER_S = 25
GOP_S = 2
CONTAINERS = {".ts": Container.MPEGTS, ".mp4": Container.MP4, ".flv": Container.FLV}


def chirps(seconds: int, rate_hz: int = RATE_HZ, seed: int = 8) -> NDArray[np.int16]:
    """Return sound in which every moment is unlike every other: tones that jump 20 times a second."""
    rng = np.random.default_rng(seed)
    step = rate_hz // 20
    frequencies_hz = rng.uniform(200, 3000, seconds * 20)
    phase = np.cumsum(np.repeat(frequencies_hz, step)) * 2 * np.pi / rate_hz
    return np.asarray(np.rint(np.sin(phase) * 9000), np.int16)


def write_wave(path: Path, pcm: NDArray[np.int16], rate_hz: int = RATE_HZ) -> Path:
    """Write a mono wav file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm.tobytes())
    return path


def run_ffmpeg(*arguments: str | Path) -> bytes:
    """Run ffmpeg; return what it writes to its standard output."""
    command = [ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, timeout=100, check=False)
    assert finished.returncode == 0, finished.stderr.decode()
    return finished.stdout


def film(path: Path, sound: Path | None, seconds: int, *options: str) -> Path:
    """Write H.264 (25 frames a second, a key frame every 2 s) and AAC; the suffix tells the container."""
    picture = f"testsrc2=size=192x108:rate={FRAMES_PER_S}:duration={seconds}"
    inputs = ["-f", "lavfi", "-i", picture, *(["-i", str(sound)] if sound else [])]
    gop = str(GOP_S * FRAMES_PER_S)
    video = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", gop, "-keyint_min", gop]
    audio = ["-c:a", "aac", "-b:a", "96k"] if sound else []
    run_ffmpeg(*inputs, *video, "-sc_threshold", "0", "-pix_fmt", "yuv420p", *audio, *options, path)
    return path


def segments(path: Path, folder: Path) -> list[bytes]:
    """Return a film in 4-second segments of MPEG-TS, as HLS has it; they are written into `folder`."""
    options = ("-f", "segment", "-segment_time", "4", "-segment_format", "mpegts")
    run_ffmpeg("-i", path, "-c", "copy", *options, folder / "%02d.ts")
    return [each.read_bytes() for each in sorted(folder.iterdir())]


def samples(path: Path, rate_hz: int) -> NDArray[np.int16]:
    """Decode a file's audio with ffmpeg, as mono."""
    decoded = run_ffmpeg("-i", path, "-vn", "-ac", "1", "-ar", str(rate_hz), "-f", "s16le", "-")
    return np.frombuffer(decoded, np.int16)


@dataclass(frozen=True)
class Picture:
    """A decoded picture: when it is shown, and what it shows."""

    time_s: float
    digest: str


def pictures(path: Path) -> list[Picture]:
    """Return all pictures that ffmpeg shows of a file."""
    # Without this it repeats and drops pictures to keep the rate.
    text = run_ffmpeg("-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-").decode()
    base = next(line for line in text.splitlines() if line.startswith("#tb 0:")).split(":")[1]
    over, under = base.split("/")
    rows = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
    return [Picture(int(row[2]) * int(over) / int(under), row[5].strip()) for row in rows]


def lag(heard: NDArray[np.int16], original: NDArray[np.int16]) -> tuple[int, float]:
    """Return by how many samples `heard` lies behind `original`, and how alike they are there (-1..1)."""
    size = len(heard) + len(original)
    left, right = heard.astype(float), original.astype(float)
    across = np.fft.irfft(np.fft.rfft(left, size) * np.conj(np.fft.rfft(right, size)), size)
    place = int(across.argmax())
    likeness = float(across[place] / np.sqrt((left @ left) * (right @ right)))
    return (place if place < len(heard) else place - size), likeness


def whole(path: Path, start_s: float = 0.0) -> Stretch:
    """Return a file of the disk as one stretch, to be sought in."""
    container = CONTAINERS.get(path.suffix, Container.ANY)
    return Stretch(path.open("rb"), container, True, start_s, float("inf"))


class Forward:
    """Bytes that can be read once, a few at a time, as a connection gives them."""

    def __init__(self, data: bytes, most: int = 5000) -> None:
        self._file = io.BytesIO(data)
        self._most = most
        self.closed = False

    def read(self, size: int, /) -> bytes:
        """Return at most so many."""
        return self._file.read(min(size, self._most))

    def close(self) -> None:
        """Take note of it."""
        self.closed = True


def forward(data: bytes, container: Container, start_s: float, duration_s: float = 10.0) -> Stretch:
    """Return bytes as a stretch that is read once."""
    return Stretch(Forward(data), container, False, start_s, duration_s)
