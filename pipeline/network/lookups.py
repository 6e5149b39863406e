"""Name lookups on threads that may be abandoned: `getaddrinfo` has no deadline of its own."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError

from config.errors import AudiowardenError

Resolver = Callable[[str, int], Sequence[str]]
"""Blocking lookup of (host, port): IP addresses as text. Raises OSError when the name has none."""

MAX_THREADS = 32
"""Lookups under way at once; the system's resolver may hold a thread for half a minute."""
MAX_WAITING = 2048
IDLE_S = 10.0


class LookupsBusyError(AudiowardenError):
    """Too many names wait to be looked up."""

    retryable = True


def system_resolver(host: str, port: int) -> list[str]:
    """Ask the system's resolver for TCP addresses, in its order of preference, without repeats."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class Lookups:
    """A bounded crew of daemon threads; a caller that stops waiting cancels its future and goes on."""

    def __init__(
        self, resolver: Resolver, *, max_threads: int = MAX_THREADS, max_waiting: int = MAX_WAITING
    ) -> None:
        self._resolver = resolver
        self._max_threads = max_threads
        self._jobs: queue.Queue[tuple[str, int, Future[list[str]]]] = queue.Queue(max_waiting)
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0
        self._unclaimed = 0

    def begin(self, host: str, port: int) -> Future[list[str]]:
        """Look a name up; the future may be cancelled at any time. Raises LookupsBusyError at the bound."""
        future: Future[list[str]] = Future()
        with self._lock:
            try:
                self._jobs.put_nowait((host, port, future))
            except queue.Full:
                raise LookupsBusyError("Too many host names wait to be looked up.") from None
            self._unclaimed += 1
            if self._unclaimed > self._idle and self._threads < self._max_threads:
                self._threads += 1
                threading.Thread(target=self._work, name="name-lookup", daemon=True).start()
        return future

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            try:
                host, port, future = self._jobs.get(timeout=IDLE_S)
            except queue.Empty:
                with self._lock:
                    self._idle -= 1
                    # A job put between the timeout and this lock must not be left to nobody.
                    if self._unclaimed <= self._idle:
                        self._threads -= 1
                        return
                continue
            with self._lock:
                self._idle -= 1
                self._unclaimed -= 1
            self._run(host, port, future)

    def _run(self, host: str, port: int, future: Future[list[str]]) -> None:
        if future.cancelled():
            return
        try:
            found = list(self._resolver(host, port))
        except Exception as error:
            failure: Exception | None = error
        else:
            failure = None
        with contextlib.suppress(InvalidStateError):  # cancelled: nobody waits any more
            if failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(found)
