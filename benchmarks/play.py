"""The live streams of a load: talk encoded as a platform sends it, played by a process of its own."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Self

from benchmarks.host import ProcessTree
from tests.support.media_server import encode

BIT_RATE_PER_CHANNEL = 48_000


class PlayServer:
    """Plays a file as any number of live streams; ended when the block ends."""

    def __init__(self, media: Path, *, sample_rate_hz: int = 44_100, channels: int = 2) -> None:
        """`media` is any audio file; streams carry it as AAC of this form."""
        rate = BIT_RATE_PER_CHANNEL * channels
        codec = ("-c:a", "aac", "-ar", str(sample_rate_hz), "-ac", str(channels), "-b:a", str(rate))
        self._content = encode(media, media.with_suffix(".flv"), *codec, "-flvflags", "no_duration_filesize")
        self._process: subprocess.Popen[str] | None = None
        self._port = 0

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.rtmp_server", str(self._content)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    def url(self, number: int) -> str:
        """Return the address of a stream; each number begins at another place of the file."""
        return f"rtmp://127.0.0.1:{self._port}/live/{number}"

    @property
    def processes(self) -> ProcessTree:
        """What it costs."""
        assert self._process is not None
        return ProcessTree(self._process.pid)


def add_form(parser: argparse.ArgumentParser, *, sample_rate_hz: int, channels: int) -> None:
    """Let the operator choose what the streams carry."""
    parser.add_argument("--sample-rate", type=int, default=sample_rate_hz, help="of the streams' AAC, Hz")
    parser.add_argument("--channels", type=int, default=channels, help="of the streams' AAC")
