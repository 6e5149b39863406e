"""Reads media in tests as the pipeline does: an address or a file in, blocks or windows out."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config.settings import NetworkSettings
from pipeline.audio import SAMPLE_RATE_HZ, LostWindow, Pcm, Window
from pipeline.blocks import Block
from pipeline.media_reader import MediaReader
from pipeline.network.addresses import AddressPolicy
from pipeline.pull import PulledSource
from pipeline.readers import FileReader, UrlReader
from pipeline.source import Position, SourceError, SourceFault

QUICK = NetworkSettings(connect_timeout_s=5.0, read_timeout_s=5.0)
PATIENT = NetworkSettings(connect_timeout_s=60.0, read_timeout_s=60.0)
"""What ends in time with these was ended, and did not just run out of time."""
PATIENCE_S = 30.0
POLICY = AddressPolicy(allow_private=True)


def no_matter(_: int) -> None:
    """Take the count of bad packets and do nothing about it."""


def url_reader(url: str, network: NetworkSettings = QUICK) -> UrlReader:
    """Make a reader that may read from this machine's servers."""
    return UrlReader(url, POLICY, network, no_matter)


@dataclass
class Heard:
    """Everything that one reader gave."""

    blocks: list[Block] = field(default_factory=list)
    error: SourceError | None = None
    reader: MediaReader | None = None

    @property
    def pcm(self) -> Pcm:
        """All audio, one block after the other."""
        return np.concatenate([block.pcm for block in self.blocks] or [np.zeros(0, np.int16)])

    @property
    def seconds(self) -> float:
        """How much audio there was."""
        return len(self.pcm) / SAMPLE_RATE_HZ

    @property
    def end_s(self) -> float:
        """The media time at which the last block ends."""
        return self.blocks[-1].time_s + len(self.blocks[-1].pcm) / SAMPLE_RATE_HZ

    @property
    def fault(self) -> SourceFault | None:
        """Why it failed, or None."""
        return self.error.fault if self.error is not None else None

    @property
    def jumps(self) -> list[tuple[float, float]]:
        """Where media time is not continuous: (where it ought to go on, where it goes on)."""
        found = []
        for before, after in zip(self.blocks, self.blocks[1:], strict=False):
            end_s = before.time_s + len(before.pcm) / SAMPLE_RATE_HZ
            if abs(after.time_s - end_s) > 1e-4:
                found.append((round(end_s, 2), round(after.time_s, 2)))
        return found


def listen(what: str | Path | MediaReader, start_s: float = 0.0) -> Heard:
    """Read to the end, or to the failure."""
    if isinstance(what, MediaReader):
        reader = what
    elif isinstance(what, Path):
        reader = FileReader(what, no_matter)
    else:
        reader = url_reader(what)
    heard = Heard(reader=reader)
    try:
        for block in reader.blocks(start_s):
            heard.blocks.append(block)
    except SourceError as error:
        heard.error = error
    return heard


async def take(
    source: PulledSource | AsyncIterator[Window | LostWindow],
) -> tuple[list[Window | LostWindow], SourceError | None]:
    """Take all of a source's windows (or those that are left), and its error."""
    windows: list[Window | LostWindow] = []
    try:
        async for window in source.windows() if isinstance(source, PulledSource) else source:
            windows.append(window)  # noqa: PERF401 - those before the error are wanted too
    except SourceError as error:
        return windows, error
    return windows, None


def likeness(heard: Pcm, original: Pcm) -> float:
    """Return the normalised correlation (-1..1) at the best offset: codecs delay what they carry."""
    left, right = heard.astype(float), original.astype(float)
    return float(_correlation(heard, original).max() / np.sqrt((left @ left) * (right @ right)))


def delay_s(heard: Pcm, original: Pcm) -> float:
    """Return by how much `heard` lies behind `original` where they are most alike; below 0: ahead."""
    across = _correlation(heard, original)
    lag = int(across.argmax())
    return (lag if lag < len(heard) else lag - len(across)) / SAMPLE_RATE_HZ


def _correlation(heard: Pcm, original: Pcm) -> NDArray[np.float64]:
    size = len(heard) + len(original)
    left, right = np.fft.rfft(heard.astype(float), size), np.fft.rfft(original.astype(float), size)
    return np.fft.irfft(left * np.conj(right), size)


def pulling() -> list[str]:
    """Return the names of the sources' threads."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pull ")]


def source(
    url: str,
    network: NetworkSettings = QUICK,
    position: Position | None = None,
    clock: Callable[[], float] = time.time,
) -> PulledSource:
    """Make a source that may read from this machine's servers."""
    return PulledSource(url, position or Position(), POLICY, network, name="test", clock=clock)


async def until_heard(run: PulledSource) -> None:
    """Wait until audio has arrived: enough of it for a window."""
    async with asyncio.timeout(PATIENCE_S):
        while not run.heard:  # noqa: ASYNC110 - a thread that decodes has no event
            await asyncio.sleep(0.02)


def whole(windows: list[Window | LostWindow]) -> list[Window]:
    """Return the windows, none of which may be lost."""
    kept = [window for window in windows if isinstance(window, Window)]
    assert len(kept) == len(windows)
    return kept
