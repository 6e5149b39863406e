"""An ingest process as the daemon sees it: started, spoken to, and ended within a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import structlog

from pipeline.ingest.frames import Frame, read_frame
from pipeline.ingest.worker import READ_BYTES

log = structlog.get_logger()

END_S = 2.0
"""A process whose connection has ended ends at once; one that does not is killed after this."""
KILL_S = 5.0
PASSED_ON = ("PATH", "HOME", "TZ", "TMPDIR", "TERM", "COLUMNS", "NO_COLOR", "FORCE_COLOR", "RES_OPTIONS")
PASSED_ON_PREFIXES = ("LANG", "LC_", "LD_", "MALLOC_", "OMP_", "OPENBLAS_", "PYTHON", "SSL_CERT_")
"""Of the environment. The rest may hold access keys: nothing for a process that reads strangers' media."""


class WorkerProcess:
    """One process and the connection to it."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, module: str, hello: Frame, environ: Mapping[str, str]) -> Self:
        """Start `python -m module`, with `environ` besides what all are given, and greet it.

        Raises OSError when the system cannot start one more.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            starting = asyncio.create_task(
                asyncio.to_thread(_start, module, theirs, environ), name=f"start {module}"
            )
            try:
                process = await asyncio.shield(starting)
            except BaseException:
                # Cancelled or failed. A process that has been started meanwhile finds its connection closed.
                ours.close()
                with contextlib.suppress(OSError):
                    await _reap(await starting, END_S)
                raise
        ours.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=READ_BYTES)
        started = cls(process, reader, writer)
        started.send(hello)
        return started

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def send(self, frame: Frame) -> None:
        """Send a frame, some day; what is sent to a process that is gone is dropped.

        Never waits: the protocol bounds what can be under way to a few small frames a source.
        """
        if not self._writer.is_closing():
            self._writer.write(frame.encode())

    async def receive(self) -> Frame | None:
        """Return the next frame; None when the process is gone. Raises FrameError."""
        return await read_frame(self._reader)

    async def end(self, *, at_once: bool = False) -> int | None:
        """End it and return its exit status (below 0: the signal); None when it cannot even be killed.

        It ends when this is cancelled, too.
        """
        if at_once:
            self._process.kill()
        # Not close(): that waits until everything is sent, to a process that may not read any more.
        self._writer.transport.abort()
        return await _reap(self._process, END_S)


def _start(module: str, connection: socket.socket, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # Blocked here, the process is born with them blocked: not even in its first moments, before it can ignore
    # them, do the signals that stop the daemon reach it. Only this thread's own mask is touched.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            # -P: a folder called `config` where the daemon was started must not take our package's place.
            [sys.executable, "-P", "-m", module],
            stdin=connection.fileno(),
            stdout=subprocess.DEVNULL,
            env={**_environment(os.environ, sys.path), **environ},
            start_new_session=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _environment(environ: Mapping[str, str], path: Sequence[str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in environ.items()
        if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)
    }
    # It imports what the daemon imported, wherever that was found.
    kept["PYTHONPATH"] = os.pathsep.join(str(Path(each).absolute()) for each in path)
    return kept


async def _reap(process: subprocess.Popen[bytes], grace_s: float) -> int | None:
    """Wait for a process that ought to end, kill it if it does not, or if there is no time to wait."""
    for patience_s in (grace_s, KILL_S):
        try:
            return await asyncio.to_thread(process.wait, patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
        except asyncio.CancelledError:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, KILL_S)
            raise
    log.error("ingest_worker_unkillable", pid=process.pid)
    return None
