"""A plain connection on loopback whose far end is a TLS connection that was made and checked here.

FFmpeg could speak TLS itself, but given the checked IP address it sends no server name (GnuTLS build of PyAV
18.1), so that servers of many names show the wrong certificate; given the name, it would look it up again.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading

from pipeline.network.wire import Cancellation
from pipeline.source import SourceError

PIECE_BYTES = 16384
"""What one TLS record holds at most."""
MAX_WAITING_BYTES = 4 * PIECE_BYTES
LOOK_MS = 1000
"""Cancelling closes the sockets, which ends the waiting; this is for what nobody thought of."""


def start_relay(far: socket.socket, cancellation: Cancellation, accept_timeout_s: float) -> int:
    """Pass on whatever one client of the returned port of 127.0.0.1 and `far` say, until either one ends.

    Takes `far` over: it is closed in the end.
    """
    listener = socket.create_server(("127.0.0.1", 0), backlog=1)
    listener.settimeout(accept_timeout_s)
    port = int(listener.getsockname()[1])
    relay = _Relay(far, cancellation)
    threading.Thread(target=relay.run, args=(listener,), name="rtmps relay", daemon=True).start()
    return port


class _Relay:
    """Both directions in one thread: OpenSSL takes no reading and writing at once."""

    def __init__(self, far: socket.socket, cancellation: Cancellation) -> None:
        self._far = far
        self._cancellation = cancellation
        self._up = bytearray()
        self._down = bytearray()
        self._ended = False

    def run(self, listener: socket.socket) -> None:
        """Wait for the client, then pass on; closes everything."""
        with self._far, contextlib.suppress(OSError, SourceError):
            try:
                near = self._accept(listener)
                with near:
                    try:
                        self._cancellation.add(near)
                        self._pass_on(near)
                    finally:
                        self._cancellation.discard(near)
            finally:
                self._cancellation.discard(self._far)

    def _accept(self, listener: socket.socket) -> socket.socket:
        with listener:
            try:
                self._cancellation.add(listener)
                return listener.accept()[0]
            finally:
                self._cancellation.discard(listener)

    def _pass_on(self, near: socket.socket) -> None:
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        near.setblocking(False)
        self._far.setblocking(False)
        while not self._cancellation.cancelled:
            moved = self._receive(near, self._up) | self._receive(self._far, self._down)
            moved |= self._send(self._far, self._up) | self._send(near, self._down)
            if moved:
                continue
            if self._ended:
                return
            poll = select.poll()
            poll.register(near, _wish(self._up, self._down))
            poll.register(self._far, _wish(self._down, self._up))
            poll.poll(LOOK_MS)

    def _receive(self, source: socket.socket, waiting: bytearray) -> bool:
        if self._ended or len(waiting) >= MAX_WAITING_BYTES:
            return False
        try:
            data = source.recv(PIECE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:
            data = b""
        # What one side said before it went is still passed on.
        self._ended = not data
        waiting += data
        return bool(data)

    def _send(self, sink: socket.socket, waiting: bytearray) -> bool:
        if not waiting:
            return False
        try:
            sent = sink.send(bytes(waiting[:PIECE_BYTES]))
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        del waiting[:sent]
        return sent > 0


def _wish(incoming: bytearray, outgoing: bytearray) -> int:
    """Return what to wait for on a socket: room for what it says, and something to say to it."""
    wish = select.POLLIN if len(incoming) < MAX_WAITING_BYTES else 0
    return wish | (select.POLLOUT if outgoing else 0)
