"""A source that pulls an address: a thread decodes it into windows, the event loop watches and stops it."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Self

import structlog

from config.settings import NetworkSettings
from pipeline.audio import SAMPLE_RATE_HZ, WINDOW_S, Window
from pipeline.handover import HandOver
from pipeline.media_reader import MediaReader
from pipeline.network.addresses import AddressPolicy
from pipeline.readers import FileReader, UrlReader
from pipeline.run import SourceRun
from pipeline.source import Position, SourceError
from pipeline.speech import speech_share
from pipeline.windows import Cut, WindowCutter

log = structlog.get_logger()

OPEN_EXTRA_S = 5.0
"""Opening is more than connecting: hand-shakes, playlists, and a look at the first half second of data."""
STOP_S = 5.0
"""A thread that has not ended by then is left to itself."""
MAX_LEAD_S = 60.0
"""A stream that comes in segments is given as much more time as it is ahead of the clock, up to this."""

_abandoned: list[threading.Thread] = []


def abandoned_threads() -> int:
    """Return how many threads were left to themselves and have not ended since."""
    _abandoned[:] = [thread for thread in _abandoned if thread.is_alive()]
    return len(_abandoned)


class PulledSource(SourceRun):
    """One run of a stream that is pulled from an address, or of a recording."""

    def __init__(
        self,
        url: str,
        position: Position,
        policy: AddressPolicy,
        network: NetworkSettings,
        *,
        name: str,
        clock: Callable[[], float] = time.time,
        reader: MediaReader | None = None,
    ) -> None:
        """`name` stands in logs and thread names. `clock` gives seconds since the epoch. A `reader` is read
        in place of `url`.
        """
        super().__init__()
        self._reader = reader or UrlReader(url, policy, network, partial(_tell_bad_packets, name))
        self._position = position
        self._network = network
        self._name = name
        self._clock = clock
        self._handover: HandOver | None = None
        self._thread: threading.Thread | None = None
        self._watchdog: asyncio.Task[None] | None = None
        self._stopping = False
        self._timed_out: SourceError | None = None

    @classmethod
    def of_file(cls, path: Path, network: NetworkSettings, *, name: str = "file") -> Self:
        """Read a file of this machine. For the command line only, never for what a request names."""
        reader = FileReader(path, partial(_tell_bad_packets, name))
        return cls("", Position(), AddressPolicy(), network, name=name, reader=reader)

    @property
    def live(self) -> bool:
        """Whether the end of the data means a lost connection rather than the end (known once opened)."""
        return self._reader.live

    @property
    def heard(self) -> bool:
        """Whether any audio has arrived."""
        return self._reader.progress.first_heard_at is not None

    def _begin(self, handover: HandOver) -> None:
        self._handover = handover
        # What the thread logs is about whom the rest of the stream's log is about.
        target = partial(contextvars.copy_context().run, self._run, handover)
        self._thread = threading.Thread(target=target, name=f"pull {self._name}", daemon=True)
        self._thread.start()
        self._watchdog = asyncio.create_task(self._watch(handover, self._thread), name=f"watch {self._name}")

    def _is_stopping(self) -> bool:
        return self._stopping

    async def stop(self) -> None:
        """End the run within a second or so, whatever the remote side does. Safe to call twice."""
        self._stopping = True
        self._reader.cancel()
        if self._handover is None or self._thread is None or self._watchdog is None:
            return
        self._watchdog.cancel()
        await asyncio.wait([self._watchdog])
        self._handover.hurry()
        await self._await_end(self._handover, self._thread)

    async def _await_end(self, handover: HandOver, thread: threading.Thread) -> None:
        """Wait for a cancelled thread; one that does not end is left to itself, counted and logged."""
        if await handover.wait_finished(STOP_S):
            return
        _abandoned.append(thread)
        log.error("source_thread_abandoned", request_id=self._name, abandoned=abandoned_threads())
        handover.finish(self._timed_out)

    def _run(self, handover: HandOver) -> None:
        """Decode, in the source's own thread."""
        error: BaseException | None = None
        cutter: WindowCutter | None = None
        pace = _Pace()
        try:
            start_s = self._position.next_index * WINDOW_S if self._position.origin is not None else 0.0
            with closing(self._reader.blocks(start_s)) as blocks:
                for block in blocks:
                    if cutter is None:
                        cutter = WindowCutter(self._position, live=self._reader.live, clock=self._clock)
                    for cut in cutter.feed(block.time_s, block.pcm):
                        self._hand_over(handover, cut)
                    pace.keep(len(block.pcm) / SAMPLE_RATE_HZ, slow=self._reader.patient and cutter.ahead())
        except SourceError as caught:
            # What it says is all that counts. Its frames would keep open what FFmpeg opened.
            caught.__cause__ = caught.__context__ = None
            error = caught.with_traceback(None)
        except BaseException as caught:
            # Carried to whoever takes the windows, in whose hands it is raised again.
            error = caught
        try:
            if cutter is not None and (last := cutter.flush()) is not None:
                handover.hurry()
                self._hand_over(handover, last)
        finally:
            if self._stopping and isinstance(error, SourceError):
                error = None
            handover.finish(self._timed_out or error)

    def _hand_over(self, handover: HandOver, cut: Cut) -> None:
        window = Window(cut.index, cut.pcm, cut.origin, cut.heard_s, speech_share(cut.pcm))
        handover.put(window, lossy=self._reader.live)

    async def _watch(self, handover: HandOver, thread: threading.Thread) -> None:
        """Cancel the run when no audio comes, whatever else the remote side sends to keep it alive."""
        began_at = resumed_at = time.monotonic()
        while True:
            now = time.monotonic()
            if handover.waiting:
                resumed_at = now
            due = self._due(began_at, resumed_at)
            if now >= due:
                break
            await asyncio.sleep(min(due - now, self._network.read_timeout_s / 2))
        self._timed_out = self._reader.stalled(self._network.read_timeout_s)
        self._reader.cancel()
        await self._await_end(handover, thread)

    def _due(self, began_at: float, resumed_at: float) -> float:
        """When the run is to be given up if nothing is heard until then."""
        progress = self._reader.progress
        if progress.opened_at is None:
            return began_at + self._network.connect_timeout_s + OPEN_EXTRA_S
        due = max(progress.heard_at or progress.opened_at, resumed_at) + self._network.read_timeout_s
        if self._reader.bursts:
            due += min(max(progress.lead_s(), 0.0), MAX_LEAD_S)
        return due


class _Pace:
    """Lets audio pass no faster than it sounds, while that is asked for.

    Never slower: a wall clock that is set back makes a stream look far ahead, which must not stop it.
    """

    def __init__(self) -> None:
        self._due = 0.0

    def keep(self, duration_s: float, *, slow: bool) -> None:
        """Take note of audio that passed; with `slow`, wait until what passed before it has sounded."""
        now = time.monotonic()
        if slow and self._due > now:
            time.sleep(self._due - now)
        self._due = (max(self._due, now) if slow else now) + duration_s


def _tell_bad_packets(name: str, count: int) -> None:
    log.warning("undecodable_packets", request_id=name, count=count)
