"""One TCP or TLS connection to a checked address: cancelled from any thread, every wait bounded."""

from __future__ import annotations

import contextlib
import errno
import io
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import lru_cache
from pathlib import Path

from config.settings import NetworkSettings
from pipeline.network.addresses import AddressPolicy, Endpoint
from pipeline.network.urls import AddressError, Target
from pipeline.source import SourceError, SourceFault

CANCEL_POLL_MS = 100
"""A connection attempt cannot be interrupted; it looks this often whether it is still wanted."""


@lru_cache(maxsize=4)
def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Trust the system's authorities and those of `ca_file`. Raises OSError.

    One for all streams: it holds every authority of the system, a megabyte that takes tens of milliseconds.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


class Cancellation:
    """Everything that one source waits for on the network; `cancel` ends all of it, for good."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._lookup: Future[list[str]] | None = None
        self.cancelled = False

    def cancel(self) -> None:
        """Make every wait end within moments. From any thread, as often as one likes."""
        with self._lock:
            self.cancelled = True
            if self._lookup is not None:
                self._lookup.cancel()
            for each in self._sockets:
                with contextlib.suppress(OSError):
                    # The plain socket's method for TLS too: SSLSocket's own would take the TLS state
                    # away from under the thread that reads.
                    socket.socket.shutdown(each, socket.SHUT_RDWR)

    def check(self) -> None:
        """Raise when cancelled."""
        if self.cancelled:
            raise SourceError(SourceFault.CANNOT_OPEN, "the reading was stopped", retryable=False)

    def add(self, each: socket.socket) -> None:
        """Let `cancel` shut this socket down."""
        with self._lock:
            self._sockets.add(each)
        self.check()

    def discard(self, each: socket.socket) -> None:
        """Forget a socket that is about to be closed."""
        with self._lock:
            self._sockets.discard(each)

    def resolve(self, policy: AddressPolicy, host: str, port: int, timeout_s: float) -> Sequence[Endpoint]:
        """Look a host up; raises AddressError, and SourceError when cancelled."""
        pending = policy.begin_resolve(host, port)
        if not isinstance(pending, Future):
            return pending
        with self._lock:
            self._lookup = pending
        try:
            self.check()
            return policy.finish_resolve(pending, host, port, timeout_s)
        finally:
            with self._lock:
                self._lookup = None


class Wire:
    """A connection; no wait is longer than the read time-out, nor all together longer than `patience_s`."""

    def __init__(self, connected: socket.socket, cancellation: Cancellation, read_timeout_s: float) -> None:
        self._socket = connected
        self._cancellation = cancellation
        self._read_timeout_s = read_timeout_s
        self.patience_s: float | None = None
        """Seconds that may still be spent waiting, whatever the remote side drips; None: no end. Only waiting
        counts: a reader that lets the connection rest is not to lose it."""

    def sendall(self, data: bytes) -> None:
        """Send everything. Raises OSError."""
        with self._waiting():
            self._socket.sendall(data)

    def receive(self, buffer: memoryview) -> int:
        """Receive into `buffer`; 0 at the end. Raises OSError."""
        with self._waiting():
            return self._socket.recv_into(buffer)

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        limit_s = self._read_timeout_s
        if self.patience_s is not None:
            if self.patience_s <= 0:
                raise TimeoutError("patience has run out")
            limit_s = min(limit_s, self.patience_s)
        self._socket.settimeout(limit_s)
        began_at = time.monotonic()
        try:
            yield
        finally:
            if self.patience_s is not None:
                self.patience_s -= time.monotonic() - began_at

    def makefile(self, mode: str = "rb") -> io.BufferedReader:
        """Return a reader, as http.client asks for one."""
        del mode
        return io.BufferedReader(_WireReader(self), 65536)

    def close(self) -> None:
        """Close the connection."""
        self._cancellation.discard(self._socket)
        self._socket.close()


class _WireReader(io.RawIOBase):
    """A wire as a raw stream."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # a memoryview is what arrives
        return self._wire.receive(buffer)


def connect(
    target: Target,
    policy: AddressPolicy,
    network: NetworkSettings,
    cancellation: Cancellation,
    context: ssl.SSLContext,
) -> socket.socket:
    """Connect to a checked address of the target's host, with TLS for https and rtmps.

    `cancellation` knows the socket until it is told to discard it. Raises SourceError: refused addresses are
    not retryable, whatever else goes wrong is.
    """
    deadline = time.monotonic() + network.connect_timeout_s
    try:
        endpoints = cancellation.resolve(policy, target.host, target.port, network.connect_timeout_s)
    except AddressError as error:
        cancellation.check()
        raise SourceError(SourceFault.CANNOT_OPEN, str(error), retryable=error.retryable) from None
    plain = connect_any(endpoints, target, network, cancellation, deadline)
    if target.scheme not in ("https", "rtmps"):
        return plain
    return _secure(plain, target, context, deadline, cancellation)


def connect_any(
    endpoints: Sequence[Endpoint],
    target: Target,
    network: NetworkSettings,
    cancellation: Cancellation,
    deadline: float | None = None,
) -> socket.socket:
    """Make a plain connection to the first of the target's addresses that takes one; otherwise as `connect`.

    `deadline` is a time of `time.monotonic()`; by default it is the connection time-out from now.
    """
    deadline = time.monotonic() + network.connect_timeout_s if deadline is None else deadline
    failure: OSError | None = None
    for index, endpoint in enumerate(endpoints):
        # An address that swallows packets leaves time for those after it.
        share_s = (deadline - time.monotonic()) / (len(endpoints) - index)
        try:
            return _connect_one(endpoint, time.monotonic() + share_s, cancellation)
        except OSError as error:
            failure = error
    cancellation.check()
    raise SourceError(SourceFault.CANNOT_OPEN, _connect_failure(failure, target))


def _connect_one(endpoint: Endpoint, deadline: float, cancellation: Cancellation) -> socket.socket:
    each = socket.socket(endpoint.family, socket.SOCK_STREAM)
    try:
        cancellation.add(each)
        _await_connection(each, endpoint, deadline, cancellation)
    except BaseException:
        cancellation.discard(each)
        each.close()
        raise
    return each


def _await_connection(
    each: socket.socket, endpoint: Endpoint, deadline: float, cancellation: Cancellation
) -> None:
    each.setblocking(False)
    code = each.connect_ex((endpoint.ip, endpoint.port))
    if code not in (0, errno.EINPROGRESS):
        raise OSError(code, "cannot connect")
    poll = select.poll()
    poll.register(each, select.POLLOUT)
    while not poll.poll(CANCEL_POLL_MS):
        cancellation.check()
        if time.monotonic() > deadline:
            raise TimeoutError("the connection was not made in time")
    code = each.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code != 0:
        raise OSError(code, "cannot connect")
    cancellation.check()


def _secure(
    plain: socket.socket, target: Target, context: ssl.SSLContext, deadline: float, cancellation: Cancellation
) -> ssl.SSLSocket:
    """Put TLS on a connection; the certificate must be the target host's."""
    cancellation.discard(plain)
    secured: socket.socket = plain
    try:
        # The hand-shake comes after `add`: it is what may take long, and what `cancel` must be able to end.
        wrapped = context.wrap_socket(plain, server_hostname=target.host, do_handshake_on_connect=False)
        secured = wrapped
        cancellation.add(wrapped)
        wrapped.settimeout(max(0.1, deadline - time.monotonic()))
        wrapped.do_handshake()
    except (OSError, ValueError, SourceError) as error:
        cancellation.discard(secured)
        secured.close()
        cancellation.check()
        if isinstance(error, ssl.SSLCertVerificationError):
            message = f"the certificate of {target.host} is not trusted: {error.verify_message}"
        else:
            message = f"no TLS connection to {target.host}"
        raise SourceError(SourceFault.CANNOT_OPEN, message) from None
    return wrapped


def _connect_failure(failure: OSError | None, target: Target) -> str:
    if isinstance(failure, TimeoutError):
        return f"{target.host} did not answer in time"
    if isinstance(failure, ConnectionRefusedError):
        return f"{target.host} refuses the connection"
    return f"{target.host} cannot be reached"
