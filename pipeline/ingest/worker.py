"""The ingest process: runs sources on an event loop of its own and sends what they give to the daemon.

It lives for one connection. When that ends, for whatever reason, so does it, at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from config.settings import LogSettings, NetworkSettings
from pipeline.ingest.frames import (
    Frame,
    FrameError,
    Kind,
    failure_frame,
    item_frame,
    opened_of,
    position_of,
    read_frame,
)
from pipeline.network.addresses import AddressPolicy
from pipeline.pull import PulledSource, abandoned_threads
from pipeline.rooms import agora
from pipeline.rooms.channel import Channel
from pipeline.rooms.source import RoomSource
from pipeline.source import SourceError

log = structlog.get_logger()

BEAT_S = 0.5
HELLO_S = 10.0
"""How long the daemon may take to say what this process is to do."""
READ_BYTES = 1 << 20
MAX_UNSENT_BYTES = 1 << 20
"""A daemon that has not read this much needs no further sign of life."""


def serve(configure_logs: Callable[[LogSettings], None]) -> NoReturn:
    """Serve the connection on standard input until it ends.

    Signals that stop the daemon reach this process too (a terminal's Ctrl-C, a service manager's SIGTERM);
    it must outlive them, because the daemon drains.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    configure_logs(LogSettings())
    connection = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    try:
        asyncio.run(_serve(connection, configure_logs))
    except BaseException:
        log.exception("ingest_worker_crashed")
    leave(1)


def leave(status: int) -> NoReturn:
    """End the process at once: threads that are still inside FFmpeg must not be waited for."""
    sys.stderr.flush()
    os._exit(status)


async def _serve(connection: socket.socket, configure_logs: Callable[[LogSettings], None]) -> NoReturn:
    reader, writer = await asyncio.open_unix_connection(sock=connection, limit=READ_BYTES)
    hello = await asyncio.wait_for(read_frame(reader), HELLO_S)
    if hello is None:
        leave(0)
    if hello.kind is not Kind.HELLO:
        raise FrameError("the first frame must be HELLO")
    configure_logs(LogSettings.model_validate(hello.facts.get("logs")))
    structlog.contextvars.bind_contextvars(worker=hello.text_of("name"))
    await Worker(NetworkSettings.model_validate(hello.facts.get("network")), reader, writer).run()


class Worker:
    """All sources of this process."""

    def __init__(
        self, network: NetworkSettings, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._network = network
        self._policy = AddressPolicy.of(network)
        self._reader = reader
        self._writer = writer
        self._runs: dict[int, Run] = {}

    async def run(self) -> NoReturn:
        """Do as the daemon says until it is gone."""
        self._writer.write(Frame(Kind.READY).encode())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat(), name="beat")
            while (frame := await read_frame(self._reader)) is not None:
                self._obey(frame, tasks)
            leave(0)

    def _obey(self, frame: Frame, tasks: asyncio.TaskGroup) -> None:
        if frame.kind is Kind.OPEN:
            if frame.number in self._runs:
                raise FrameError("a number was given to two sources")
            run = self._runs[frame.number] = Run(frame.number, self._source(frame), self._send, tasks)
            tasks.create_task(self._finish(run), name=f"run {frame.number}")
        elif frame.kind not in (Kind.TAKE, Kind.STOP):
            raise FrameError(f"the daemon does not send frames of kind {frame.kind.name}")
        elif (known := self._runs.get(frame.number)) is not None:
            # Otherwise it has ended by itself in the meantime.
            known.take() if frame.kind is Kind.TAKE else known.stop()

    def _source(self, frame: Frame) -> PulledSource | RoomSource:
        what, position, name = opened_of(frame), position_of(frame), frame.text_of("name")
        if isinstance(what, Channel):
            return RoomSource(agora.join, what, position, self._network, name=name)
        return PulledSource(what, position, self._policy, self._network, name=name)

    async def _finish(self, run: Run) -> None:
        """Run a source to its end."""
        try:
            await run.forward()
        except ConnectionError:
            # The daemon is gone: `run` sees that too, and ends this process.
            log.debug("daemon_gone")
        finally:
            del self._runs[run.number]

    async def _send(self, frame: Frame) -> None:
        self._writer.write(frame.encode())
        await self._writer.drain()

    async def _beat(self) -> None:
        while True:
            if self._writer.transport.get_write_buffer_size() < MAX_UNSENT_BYTES:
                for run in self._runs.values():
                    if (heard := run.first_heard()) is not None:
                        self._writer.write(heard.encode())
                self._writer.write(Frame(Kind.BEAT, 0, {"abandoned": abandoned_threads()}).encode())
            await asyncio.sleep(BEAT_S)


class Run:
    """One source: an item is sent for each that the daemon takes, so that the source itself decides, as ever,
    what to give up when nobody listens; and no source waits for another.
    """

    def __init__(
        self,
        number: int,
        source: PulledSource | RoomSource,
        send: Callable[[Frame], Awaitable[None]],
        tasks: asyncio.TaskGroup,
    ) -> None:
        self.number = number
        self._source = source
        self._send = send
        self._tasks = tasks
        self._wanted = asyncio.Semaphore(1)
        self._stopping = False
        self._heard = False

    def take(self) -> None:
        """Send one more."""
        self._wanted.release()

    def stop(self) -> None:
        """End the source; what is left of it is sent without being asked for."""
        if not self._stopping:
            self._stopping = True
            self._tasks.create_task(self._source.stop(), name=f"stop {self.number}")
            self._wanted.release()

    def first_heard(self) -> Frame | None:
        """Return the news that audio arrives, once."""
        if self._heard or not self._source.heard:
            return None
        self._heard = True
        return self._frame(Kind.HEARD)

    async def forward(self) -> None:
        """Send the items and the outcome. Raises ConnectionError when the daemon is gone."""
        windows = self._source.windows()
        try:
            while True:
                if not self._stopping:
                    await self._wanted.acquire()
                item = await anext(windows, None)
                if item is None:
                    break
                await self._send(item_frame(self.number, item, live=self._source.live))
            outcome = self._frame(Kind.ENDED)
        except SourceError as error:
            outcome = failure_frame(self.number, error, live=self._source.live)
        except ConnectionError:
            raise
        except Exception:
            log.exception("source_crashed", source=self.number)
            outcome = self._frame(Kind.CRASHED)
        await self._send(outcome)

    def _frame(self, kind: Kind) -> Frame:
        return Frame(kind, self.number, {"live": self._source.live})
