"""Reads a recording of this machine whole, for the commands that enrol what is in it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from config.settings import NetworkSettings
from models.errors import EnrolmentError
from models.interfaces import Samples
from pipeline.audio import SAMPLE_RATE_HZ, WINDOW_S, LostWindow, Pcm, to_samples
from pipeline.pull import PulledSource
from pipeline.source import SourceError
from pipeline.speech import audible


def read_recording(path: Path, network: NetworkSettings, max_minutes: int) -> Samples:
    """Return the audio of a file, mono 16 kHz.

    Raises EnrolmentError: it cannot be read, nothing is heard in it, or it lasts longer than `max_minutes`,
    which is noticed without reading the rest.
    """
    try:
        samples = asyncio.run(_read(path, network, max_minutes))
    except SourceError as error:
        raise EnrolmentError(str(error)) from None
    if not audible(samples):
        raise EnrolmentError("it is silent")
    return samples


async def _read(path: Path, network: NetworkSettings, max_minutes: int) -> Samples:
    source = PulledSource.of_file(path, network)
    pieces: list[Pcm] = []
    try:
        async for window in source.windows():
            if isinstance(window, LostWindow):
                continue
            if window.index * WINDOW_S + len(window.pcm) / SAMPLE_RATE_HZ > max_minutes * 60:
                raise EnrolmentError(f"it lasts longer than {max_minutes} minutes: cut out what is meant")
            pieces.append(window.pcm)
    finally:
        await source.stop()
    return to_samples(np.concatenate(pieces) if pieces else np.zeros(0, np.int16))
