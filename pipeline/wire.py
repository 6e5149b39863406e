"""One TCP or TLS connection to a checked address: cancelled from any thread, under a deadline of its own."""

from __future__ import annotations

import contextlib
import errno
import io
import select
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future

from config.settings import NetworkSettings
from pipeline.addresses import AddressPolicy, Endpoint
from pipeline.source import SourceError, SourceFault
from pipeline.urls import AddressError, Target

CANCEL_POLL_MS = 100
"""A connection attempt cannot be interrupted; it looks this often whether it is still wanted."""


def tls_context(network: NetworkSettings) -> ssl.SSLContext:
    """Trust the system's authorities and those of `network.ca_file`. Raises OSError."""
    context = ssl.create_default_context()
    if network.ca_file is not None:
        context.load_verify_locations(network.ca_file)
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
                    each.shutdown(socket.SHUT_RDWR)

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
    """A connection; `deadline` (monotonic seconds) bounds every wait, whatever the remote side drips."""

    def __init__(self, connected: socket.socket, cancellation: Cancellation, read_timeout_s: float) -> None:
        self._socket = connected
        self._cancellation = cancellation
        self._read_timeout_s = read_timeout_s
        self.deadline: float | None = None

    def wait_s(self) -> float:
        """Return how long the next wait may take; raises TimeoutError when the deadline has passed."""
        if self.deadline is None:
            return self._read_timeout_s
        left_s = self.deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the deadline has passed")
        return min(self._read_timeout_s, left_s)

    def sendall(self, data: bytes) -> None:
        """Send everything."""
        self._socket.settimeout(self.wait_s())
        self._socket.sendall(data)

    def receive(self, buffer: memoryview) -> int:
        """Receive into `buffer`; 0 at the end."""
        self._socket.settimeout(self.wait_s())
        return self._socket.recv_into(buffer)

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
) -> Wire:
    """Connect to a checked address of the target's host, with TLS for https and rtmps.

    Raises SourceError: refused addresses are not retryable, whatever else goes wrong is.
    """
    deadline = time.monotonic() + network.connect_timeout_s
    try:
        endpoints = cancellation.resolve(policy, target.host, target.port, network.connect_timeout_s)
    except AddressError as error:
        cancellation.check()
        raise SourceError(SourceFault.CANNOT_OPEN, str(error), retryable=error.retryable) from None
    failure: OSError | None = None
    for endpoint in endpoints:
        try:
            plain = _connect_one(endpoint, deadline, cancellation)
        except OSError as error:
            failure = error
            continue
        if target.scheme not in ("https", "rtmps"):
            return Wire(plain, cancellation, network.read_timeout_s)
        return Wire(
            _secure(plain, target, context, deadline, cancellation), cancellation, network.read_timeout_s
        )
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
    try:
        plain.settimeout(max(0.1, deadline - time.monotonic()))
        secured = context.wrap_socket(plain, server_hostname=target.host)
    except OSError as error:
        cancellation.discard(plain)
        plain.close()
        cancellation.check()
        if isinstance(error, ssl.SSLCertVerificationError):
            message = f"the certificate of {target.host} is not trusted: {error.verify_message}"
        else:
            message = f"no TLS connection to {target.host}"
        raise SourceError(SourceFault.CANNOT_OPEN, message) from None
    cancellation.discard(plain)
    cancellation.add(secured)
    return secured


def _connect_failure(failure: OSError | None, target: Target) -> str:
    if isinstance(failure, TimeoutError):
        return f"{target.host} did not answer in time"
    if isinstance(failure, ConnectionRefusedError):
        return f"{target.host} refuses the connection"
    return f"{target.host} cannot be reached"
