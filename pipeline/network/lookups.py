"""Name lookups on threads that may be abandoned: `getaddrinfo` has no deadline of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError

from config.errors import AudiowardenError

Resolver = Callable[[str, int], Sequence[str]]
"""Blocking lookup of (host, port): IP addresses as text. Raises OSError when the name has none."""

MAX_QUICK = 32
"""Lookups under way at once that are not slow yet."""
SLOW_S = 1.0
"""One that takes longer is slow: it no longer keeps others waiting. A resolver that answers does so within
some tenths of a second; for a name server that does not, the system's waits for half a minute."""
MAX_SLOW_NAMES = 8
"""Lookups at once of names that were slow the last time: they come back with each try of their streams."""
SLOW_FOR_S = 300.0
"""How long that is remembered."""
MAX_THREADS = 256
MAX_WAITING = 2048
IDLE_S = 10.0
LOOK_S = 0.1
"""How often a thread without work looks whether a lookup has become slow."""


class LookupsBusyError(AudiowardenError):
    """Too many names wait to be looked up."""

    retryable = True


def system_resolver(host: str, port: int) -> list[str]:
    """Ask the system's resolver for TCP addresses, in its order of preference, without repeats."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class _Job:
    """One name to be looked up, for all who want to know."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.futures: list[Future[list[str]]] = []
        self.began_at = 0.0

    @property
    def wanted(self) -> bool:
        """Whether anybody still waits."""
        return not all(future.cancelled() for future in self.futures)


class Lookups:
    """A bounded crew of daemon threads; a caller that stops waiting cancels its future and goes on.

    A name that hangs holds one thread, however many want it, and other names do not wait for that thread.
    """

    def __init__(
        self,
        resolver: Resolver,
        *,
        max_quick: int = MAX_QUICK,
        max_threads: int = MAX_THREADS,
        max_waiting: int = MAX_WAITING,
        slow_s: float = SLOW_S,
        max_slow_names: int = MAX_SLOW_NAMES,
    ) -> None:
        self._resolver = resolver
        self._max_quick = max_quick
        self._max_threads = max_threads
        self._max_waiting = max_waiting
        self._slow_s = slow_s
        self._max_slow_names = max_slow_names
        self._changed = threading.Condition()
        self._waiting: dict[tuple[str, int], _Job] = {}
        self._running: dict[tuple[str, int], _Job] = {}
        self._slow_until: dict[str, float] = {}
        self._threads = 0
        self._idle = 0

    def begin(self, host: str, port: int) -> Future[list[str]]:
        """Look a name up; the future may be cancelled at any time. Raises LookupsBusyError at the bound."""
        future: Future[list[str]] = Future()
        with self._changed:
            job = self._running.get((host, port)) or self._waiting.get((host, port))
            if len(job.futures if job is not None else self._waiting) >= self._max_waiting:
                raise LookupsBusyError("Too many host names wait to be looked up.")
            if job is None:
                job = self._waiting[host, port] = _Job(host, port)
            job.futures.append(future)
            self._changed.notify()
            self._hire()
        return future

    def _hire(self) -> None:
        """See to it that somebody is there for what waits."""
        if self._waiting and not self._idle and self._threads < self._max_threads:
            self._threads += 1
            self._idle += 1
            threading.Thread(target=self._work, name="name-lookup", daemon=True).start()

    def _work(self) -> None:
        while (job := self._await_job()) is not None:
            try:
                found = list(self._resolver(job.host, job.port))
            except Exception as error:
                self._tell(job, error)
            else:
                self._tell(job, found)

    def _await_job(self) -> _Job | None:
        """Wait for something to do; None after a while without."""
        with self._changed:
            idle_until = time.monotonic() + IDLE_S
            while (job := self._take()) is None:
                left_s = idle_until - time.monotonic()
                if left_s <= 0 and not self._waiting:
                    self._idle -= 1
                    self._threads -= 1
                    return None
                self._changed.wait(LOOK_S if self._waiting else left_s)
            self._idle -= 1
            self._hire()
        return job

    def _take(self) -> _Job | None:
        """Take the first job whose turn has come."""
        now = time.monotonic()
        for key, job in list(self._waiting.items()):
            if not job.wanted:
                del self._waiting[key]
        running = self._running.values()
        if sum(now - job.began_at < self._slow_s for job in running) >= self._max_quick:
            return None
        hosts = {job.host for job in running}
        slow_names = sum(self._was_slow(host, now) for host in hosts)
        for key, job in self._waiting.items():
            if job.host in hosts:
                continue
            if slow_names >= self._max_slow_names and self._was_slow(job.host, now):
                continue
            del self._waiting[key]
            self._running[key] = job
            job.began_at = now
            return job
        return None

    def _was_slow(self, host: str, now: float) -> bool:
        return self._slow_until.get(host, 0.0) > now

    def _tell(self, job: _Job, outcome: list[str] | Exception) -> None:
        """Give all who wait for a job its outcome."""
        with self._changed:
            self._idle += 1
            now = time.monotonic()
            del self._running[job.host, job.port]
            self._slow_until.pop(job.host, None)
            if now - job.began_at >= self._slow_s:
                if len(self._slow_until) >= self._max_waiting:
                    del self._slow_until[next(iter(self._slow_until))]
                self._slow_until[job.host] = now + SLOW_FOR_S
            self._changed.notify()
            futures = list(job.futures)
        for future in futures:
            with contextlib.suppress(InvalidStateError):  # cancelled: nobody waits any more
                if isinstance(outcome, Exception):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)
