"""Recordings for tests: film of known content, packed by ffmpeg in the ways that recordings are packed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from pipeline.recording.recording import Bytes, Stretch
from tests.support.media_server import ffmpeg_exe

FILM_S = 20
RATE_HZ = 44100
KEY = bytes(range(16))


def make(*arguments: str, folder: Path) -> None:
    """Run ffmpeg in a folder."""
    command = [ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *arguments]
    subprocess.run(command, check=True, timeout=60, cwd=folder)


def make_film(folder: Path, seconds: int = FILM_S) -> Path:
    """Write a small film: a key frame each second, and a tone that rises from 300 Hz by 100 Hz a second."""
    rising = f"sin(2*PI*(300+100*floor(t))*t):s={RATE_HZ}:d={seconds}"
    make(
        *("-f", "lavfi", "-i", f"testsrc2=s=160x90:r=10:d={seconds}"),
        *("-f", "lavfi", "-i", f"aevalsrc={rising}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-keyint_min", "10", "-sc_threshold", "0"),
        # Pictures that are shown in another order than decoded: the sound then runs before them.
        *("-bf", "2"),
        *("-c:a", "aac", "-b:a", "96k", "film.mp4"),
        folder=folder,
    )
    return folder / "film.mp4"


def make_hls(
    film: Path, folder: Path, *options: str, segment_s: float = 2.0, name: str = "play.m3u8"
) -> Path:
    """Pack a film as HLS without changing it; return the playlist."""
    folder.mkdir(parents=True, exist_ok=True)
    make(
        *("-i", str(film), "-c", "copy", "-f", "hls", "-hls_time", str(segment_s)),
        *("-hls_playlist_type", "vod", *options, name),
        folder=folder,
    )
    return folder / name


def encryption(folder: Path, *, vector: str | None = "000102030405060708090a0b0c0d0e0f") -> tuple[str, str]:
    """Write a key; return the options that make HLS encrypted with it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "key.bin").write_bytes(KEY)
    lines = ["key.bin", str(folder / "key.bin"), *([vector] if vector else [])]
    (folder / "key.info").write_text("\n".join(lines) + "\n")
    return "-hls_key_info_file", str(folder / "key.info")


def whole(source: Bytes) -> bytes:
    """Read everything."""
    return b"".join(iter(lambda: source.read(32768), b""))


def sound_of(stretch: Stretch) -> tuple[float, NDArray[np.float32]]:
    """Decode a stretch's sound; return where on the timeline it begins, and its samples, gaps as zeros."""
    with av.open(stretch.source, mode="r", format=stretch.container.value or None) as container:
        begins_s = (container.start_time or 0) / av.time_base
        for stream in container.streams.video:
            if not stretch.seekable and stream.start_time is not None and stream.time_base is not None:
                begins_s = float(stream.start_time * stream.time_base)
        frames = list(container.decode(audio=0))
    first = frames[0]
    assert first.time is not None
    pieces: list[NDArray[np.float32]] = []
    count = 0
    for frame in frames:
        assert frame.time is not None
        missing = round((frame.time - first.time) * RATE_HZ) - count
        silence = np.zeros(missing if missing > RATE_HZ // 100 else 0, np.float32)
        sound = frame.to_ndarray()[0].astype(np.float32)
        pieces += [silence, sound]
        count += len(silence) + len(sound)
    return stretch.at_s(first.time, begins_s), np.concatenate(pieces)


def tones_of(stretches: Iterable[Stretch]) -> list[tuple[int, int]]:
    """Decode stretches; return each second that is whole, by the timeline, with its tone in Hz."""
    heard: list[tuple[int, int]] = []
    for stretch in stretches:
        begins_s, samples = sound_of(stretch)
        second = int(np.ceil(begins_s - 0.01))
        while (at := round((second - begins_s + 0.2) * RATE_HZ)) + RATE_HZ // 2 <= len(samples):
            spectrum = np.abs(np.fft.rfft(samples[at : at + RATE_HZ // 2]))
            heard.append((second, round(int(spectrum.argmax()) * 2 / 100) * 100))
            second += 1
    return heard


def make_dash(film: Path, folder: Path, *options: str) -> Path:
    """Pack a film as DASH without changing it, in segments of 2 s; return the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    make(
        "-i",
        str(film),
        "-c",
        "copy",
        "-f",
        "dash",
        "-seg_duration",
        "2",
        *options,
        "stream.mpd",
        folder=folder,
    )
    return folder / "stream.mpd"


def expected(first_s: int, last_s: int) -> list[tuple[int, int]]:
    """Return the seconds of the film from `first_s` to `last_s`, with their tones."""
    return [(second, 300 + 100 * second) for second in range(first_s, last_s + 1)]


def media(name: str, opened: Iterable[str]) -> list[str]:
    """Return what was opened besides a playlist, each file once, by name."""
    return sorted({each for each in opened if each != name})
