"""Owns the ingest processes: starts, watches, restarts and stops them, and shares the sources out."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from config.errors import AudiowardenError
from config.settings import LogSettings, NetworkSettings
from pipeline.ingest.frames import Frame, FrameError, Kind, open_frame
from pipeline.ingest.inbox import Inbox
from pipeline.ingest.process import WorkerProcess
from pipeline.ingest.worker import BEAT_S
from pipeline.rooms.channel import Channel
from pipeline.source import Position

log = structlog.get_logger()

START_S = 30.0
"""From the start of a process to its READY: imports, on a machine that is busy."""
HANG_S = 10.0
"""A process that gives no sign of life for so long is killed."""
QUIET_S = 2.0
"""One that gives none for so long is given no new source, and nobody waits for its answers any more."""
FIRST_RESTART_S = 0.5
LONGEST_RESTART_S = 30.0
"""The pause before a restart doubles, from the first to the longest."""
STEADY_S = 60.0
"""A process that lived so long has worked: the next pause is the first one again."""
MAX_ABANDONED = 2**20


class IngestError(AudiowardenError):
    """The ingest processes cannot be started."""


@dataclass(frozen=True, slots=True)
class Start:
    """How a process is started and what it is told first."""

    module: str
    """The process is `python -m module`, which calls `pipeline.ingest.worker.serve`."""
    network: NetworkSettings
    logs: LogSettings
    environ: Mapping[str, str] = field(default_factory=dict)
    """What it is given besides what every such process is."""

    def hello(self, name: str) -> Frame:
        """What the process called `name` is told."""
        return Frame(
            Kind.HELLO,
            facts={
                "name": name,
                "network": self.network.model_dump(mode="json"),
                "logs": self.logs.model_dump(mode="json"),
            },
        )


class IngestWorker:
    """One place for a process: there is one, or the next one is about to be started."""

    def __init__(
        self,
        name: str,
        start: Start,
        numbers: itertools.count[int],
        on_lost: Callable[[], None],
        hang_s: float,
    ) -> None:
        self.name = name
        self.ready = asyncio.Event()
        """Whether it takes sources."""
        self.abandoned = 0
        """Threads in it that could not be ended."""
        self._start = start
        self._numbers = numbers
        self._on_lost = on_lost
        self._hang_s = hang_s
        self._process: WorkerProcess | None = None
        self._inboxes: dict[int, Inbox] = {}
        self._silent_s = 0.0

    @property
    def load(self) -> int:
        """How many sources it has."""
        return len(self._inboxes)

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process is not None else None

    @property
    def answers(self) -> bool:
        """Whether it is ready and gave a sign of life just now."""
        return self.ready.is_set() and self._silent_s < QUIET_S

    def open(self, what: str | Channel, name: str, position: Position, inbox: Inbox) -> int:
        """Run a source whose frames go to `inbox`; return its number."""
        number = next(self._numbers)
        self._inboxes[number] = inbox
        self._send(open_frame(number, what, name, position))
        return number

    def take(self, number: int) -> None:
        """Ask for one more item."""
        self._send(Frame(Kind.TAKE, number))

    def stop(self, number: int) -> None:
        """Ask for a source's end."""
        self._send(Frame(Kind.STOP, number))

    def forget(self, number: int) -> None:
        """Take nothing more of a source."""
        self._inboxes.pop(number, None)

    async def run(self) -> None:
        """Keep a process running until cancelled."""
        pause_s = FIRST_RESTART_S
        while True:
            began_at = time.monotonic()
            reason = await self._live_once()
            if time.monotonic() - began_at >= STEADY_S:
                pause_s = FIRST_RESTART_S
            log.error("ingest_worker_lost", worker=self.name, reason=reason, restart_in_s=pause_s)
            self._on_lost()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_RESTART_S)

    async def _live_once(self) -> str:
        """Start a process and listen to it until it is lost; return why."""
        try:
            process = self._process = await WorkerProcess.start(
                self._start.module, self._start.hello(self.name), self._start.environ
            )
        except OSError as error:
            return f"it cannot be started: {error.strerror or error}"
        self._silent_s = 0.0
        log.info("ingest_worker_started", worker=self.name, pid=process.pid)
        listening = asyncio.create_task(self._listen(process), name=f"listen to ingest {self.name}")
        watching = asyncio.create_task(self._watch(), name=f"watch ingest {self.name}")
        reason, kill = "", False
        try:
            done, _ = await asyncio.wait((listening, watching), return_when=asyncio.FIRST_COMPLETED)
            reason, kill = done.pop().result()
        finally:
            listening.cancel()
            watching.cancel()
            self._lose()
            try:
                await asyncio.wait((listening, watching))
            finally:
                status = await process.end(at_once=kill)
        return f"{reason}; exit status {status}"

    def _lose(self) -> None:
        """Tell everybody who waits for the process."""
        self.ready.clear()
        self._process = None
        self.abandoned = 0
        inboxes, self._inboxes = self._inboxes, {}
        for inbox in inboxes.values():
            inbox.cut_off("the process that read the stream was lost")

    async def _listen(self, process: WorkerProcess) -> tuple[str, bool]:
        """Take what it sends until it is lost; return why, and whether it must be killed."""
        try:
            while (frame := await process.receive()) is not None:
                self._silent_s = 0.0
                self._take(frame)
        except FrameError as error:
            return str(error), True
        return "it ended", False

    def _take(self, frame: Frame) -> None:
        if frame.kind is Kind.READY:
            self.ready.set()
        elif frame.kind is Kind.BEAT:
            self.abandoned = frame.integer_of("abandoned", 0, MAX_ABANDONED)
        elif (inbox := self._inboxes.get(frame.number)) is not None:
            # Otherwise nobody waits for it any more.
            inbox.receive(frame)

    async def _watch(self) -> tuple[str, bool]:
        """Return when it has not given a sign of life for too long.

        Time is counted in naps of this loop, so that the daemon's own pauses are not held against it.
        """
        while True:
            await asyncio.sleep(BEAT_S)
            self._silent_s += BEAT_S
            limit_s = self._hang_s if self.ready.is_set() else START_S
            if self._silent_s > limit_s:
                return f"it gave no sign of life for {limit_s:g} s", True

    def _send(self, frame: Frame) -> None:
        if self._process is not None:
            self._process.send(frame)


class IngestWorkers:
    """All ingest processes of a daemon. `run` keeps them up; `least_loaded` says who takes a new source."""

    def __init__(
        self, count: int, start: Start, *, on_lost: Callable[[], None], hang_s: float = HANG_S
    ) -> None:
        """`on_lost` is called for every process that was lost and will be started anew."""
        numbers = itertools.count(1)
        self._workers = tuple(
            IngestWorker(str(place), start, numbers, on_lost, hang_s) for place in range(1, count + 1)
        )

    @property
    def running(self) -> int:
        """How many processes take sources now."""
        return sum(worker.ready.is_set() for worker in self._workers)

    @property
    def abandoned_threads(self) -> int:
        """How many threads in them could not be ended."""
        return sum(worker.abandoned for worker in self._workers)

    @property
    def workers(self) -> tuple[IngestWorker, ...]:
        """The places, in the order of their names."""
        return self._workers

    async def run(self) -> None:
        """Keep all processes running until cancelled, which ends them within seconds."""
        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers:
                tasks.create_task(worker.run(), name=f"ingest {worker.name}")

    async def wait_ready(self, timeout_s: float = START_S) -> None:
        """Wait for all to be ready. Raises IngestError."""
        try:
            async with asyncio.timeout(timeout_s):
                for worker in self._workers:
                    await worker.ready.wait()
        except TimeoutError:
            ready = f"{self.running} of {len(self._workers)}"
            raise IngestError(f"{ready} ingest processes were ready after {timeout_s:g} s") from None

    async def worker_for(self, what: str | Channel) -> IngestWorker | None:
        """Return the process for a new source, whichever; None while there is none that answers."""
        return self.least_loaded()

    def least_loaded(self) -> IngestWorker | None:
        """Return the process for a new source; None while there is none that answers."""
        able = [worker for worker in self._workers if worker.answers]
        return min(able, key=lambda worker: worker.load, default=None)
