"""Plays a source through the analyser from its beginning to its end, for commands whose user waits."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from pipeline.analyse import Analyser, Analysis, Previous
from pipeline.audio import LostWindow, Window
from pipeline.report import StreamSpec
from pipeline.source import Source


@dataclass(frozen=True, slots=True)
class Played:
    """A window, what was found in it, and how many seconds that took."""

    window: Window
    analysis: Analysis
    took_s: float


async def play(
    source: Source, spec: StreamSpec, analyser: Analyser
) -> AsyncGenerator[Played | LostWindow, None]:
    """Yield every window with its analysis, in order; close the iterator to stop the source.

    A live source that brings more than can be analysed loses windows: they are yielded as they are.
    Raises SourceError of the source and RecognitionError of the models.
    """
    previous: Previous | None = None
    try:
        async for window in source.windows():
            if isinstance(window, LostWindow):
                yield window
                continue
            began = time.perf_counter()
            analysis = await analyser.analyse(spec, window, previous, deadline=None)
            previous = analyser.previous(spec, window, analysis)
            yield Played(window, analysis, time.perf_counter() - began)
    finally:
        await source.stop()
