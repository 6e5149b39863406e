"""Everything FFmpeg reads over HTTP: addresses checked, redirects followed, sizes and times bounded."""

from __future__ import annotations

import base64
import http.client
import io
import time
from collections import deque
from typing import Protocol
from urllib.parse import urljoin

from config.settings import NetworkSettings
from pipeline.addresses import AddressPolicy
from pipeline.source import SourceError, SourceFault
from pipeline.urls import AddressError, Target
from pipeline.wire import Cancellation, Wire, connect, tls_context

MAX_REDIRECTS = 5
MAX_PLAYLIST_BYTES = 4 * 1024 * 1024
MAX_PART_BYTES = 256 * 1024 * 1024
"""Of a segment, a key or a map: everything but the address itself."""
PLAYLIST_DEADLINE_S = 15.0
PART_DEADLINE_S = 60.0
"""A segment of 10 s that takes longer than this to arrive keeps no live stream up."""
MAX_PLAYLISTS_A_MINUTE = 90
"""A live playlist is read again about once a segment, no more than once a second; one that leads to itself
is read as fast as it is answered."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PLAYLIST_MARK = b"#EXTM3U"
END_MARK = b"#EXT-X-ENDLIST"


class Body(Protocol):
    """What FFmpeg reads from."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end."""

    def close(self) -> None:
        """Let go of the connection."""


class GuardedOpener:
    """Opens addresses for one source. Called in the source's thread; `cancel` from any.

    Raises SourceError: a refused address is not retryable; the text never holds a path or a query.
    """

    def __init__(self, policy: AddressPolicy, network: NetworkSettings) -> None:
        self._policy = policy
        self._network = network
        self._cancellation = Cancellation()
        self._context = tls_context(network)
        self._opened = 0
        self._playlists: deque[float] = deque()
        self.saw_endlist = False
        """Whether the media playlist that was read last says that it is complete."""
        self.length: int | None = None
        """Bytes of the address itself; None when it has no end that is known, as a live stream has not."""

    def __call__(self, url: str, flags: int = 0, options: dict[str, str] | None = None) -> Body:
        """Open an address; `flags` and `options` are FFmpeg's, which ask for nothing that is done here."""
        del flags, options
        first = self._opened == 0
        self._opened += 1
        wire, response = self._request(url)
        try:
            body = _HttpBody(wire, response)
            if body.starts_with(PLAYLIST_MARK):
                return self._playlist(body)
        except BaseException:
            wire.close()
            raise
        if first:
            self.length = response.length
            wire.deadline = None
        else:
            body.limit(MAX_PART_BYTES)
        return body

    def cancel(self) -> None:
        """Make every read and every later call fail at once."""
        self._cancellation.cancel()

    def _playlist(self, body: _HttpBody) -> Body:
        """Read a playlist whole: it must end, and FFmpeg must not ask for it without end."""
        now = time.monotonic()
        while self._playlists and self._playlists[0] < now - 60:
            self._playlists.popleft()
        if len(self._playlists) >= MAX_PLAYLISTS_A_MINUTE:
            raise SourceError(SourceFault.INVALID_DATA, "the playlist leads to itself")
        self._playlists.append(now)
        body.wire.deadline = now + PLAYLIST_DEADLINE_S
        body.limit(MAX_PLAYLIST_BYTES)
        text = b""
        while piece := body.read(65536):
            text += piece
        body.close()
        if b"#EXTINF" in text or b"#EXT-X-TARGETDURATION" in text:
            self.saw_endlist = END_MARK in text
        return io.BytesIO(text)

    def _request(self, url: str) -> tuple[Wire, http.client.HTTPResponse]:
        """Send a request and follow redirects; every address on the way is checked."""
        for _ in range(MAX_REDIRECTS + 1):
            target = self._check(url)
            wire = connect(target, self._policy, self._network, self._cancellation, self._context)
            try:
                response = self._ask(wire, target)
                if response.status not in REDIRECTS:
                    _judge_status(response.status)
                    return wire, response
                location = response.headers.get("Location", "")
            except BaseException:
                wire.close()
                raise
            wire.close()
            if not location:
                raise SourceError(SourceFault.CANNOT_OPEN, "the server redirects to nowhere")
            url = urljoin(target.url, location)
        raise SourceError(SourceFault.CANNOT_OPEN, f"the server redirects more than {MAX_REDIRECTS} times")

    def _check(self, url: str) -> Target:
        self._cancellation.check()
        try:
            target = self._policy.check_url(url, "stream")
        except AddressError as error:
            raise SourceError(SourceFault.CANNOT_OPEN, str(error), retryable=False) from None
        if target.scheme not in ("http", "https"):
            text = f"{target.scheme} addresses are not taken here"
            raise SourceError(SourceFault.CANNOT_OPEN, text, retryable=False)
        return target

    def _ask(self, wire: Wire, target: Target) -> http.client.HTTPResponse:
        """Send the request and read the answer's head, all within one deadline."""
        wire.deadline = time.monotonic() + self._network.connect_timeout_s + self._network.read_timeout_s
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.sock = _Borrowed(wire)
        headers = {
            "Host": target.bare_host if target.port in (80, 443) else target.netloc,
            "User-Agent": "audiowarden",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        if target.credentials is not None:
            pair = ":".join(target.credentials).encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        try:
            connection.request("GET", target.path, headers=headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from None
        wire.deadline = time.monotonic() + PART_DEADLINE_S
        return response

    def _broken(self, error: Exception) -> SourceError:
        self._cancellation.check()
        if isinstance(error, TimeoutError):
            return SourceError(SourceFault.CANNOT_OPEN, "the server did not answer in time")
        if isinstance(error, http.client.HTTPException):
            return SourceError(SourceFault.INVALID_DATA, "the server's answer is not HTTP")
        return SourceError(SourceFault.CANNOT_OPEN, "the connection broke off")


class _Borrowed:
    """A wire as http.client uses a socket; it closes sockets that a response still reads from."""

    def __init__(self, wire: Wire) -> None:
        self.sendall = wire.sendall
        self.makefile = wire.makefile

    def close(self) -> None:
        """Leave the wire open: the body closes it."""


class _HttpBody:
    """The body of an answer; a connection that breaks off before its end is a failure."""

    def __init__(self, wire: Wire, response: http.client.HTTPResponse) -> None:
        self.wire = wire
        self._response = response
        self._head = b""
        self._left: int | None = None

    def starts_with(self, mark: bytes) -> bool:
        """Say whether the body begins with `mark`, after a byte order mark perhaps."""
        wanted = len(mark) + 3
        while len(self._head) < wanted and (more := self._receive(wanted - len(self._head))):
            self._head += more
            if not mark.startswith(self._head[: len(mark)]) and not self._head.startswith(
                b"\xef\xbb\xbf"[: len(self._head)]
            ):
                break
        return self._head.removeprefix(b"\xef\xbb\xbf").startswith(mark)

    def limit(self, size: int) -> None:
        """Let the body have at most `size` more bytes."""
        self._left = size

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes as they come; none at the end. Raises SourceError."""
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
        else:
            data = self._receive(size)
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise SourceError(SourceFault.INVALID_DATA, "a part of the stream is too large")
        return data

    def close(self) -> None:
        """Close the connection."""
        self._response.close()
        self.wire.close()

    def _receive(self, size: int) -> bytes:
        try:
            data = self._response.read1(size)
        except TimeoutError:
            raise SourceError(SourceFault.CANNOT_OPEN, "the server stopped sending") from None
        except (OSError, http.client.HTTPException, ValueError):
            raise SourceError(SourceFault.CANNOT_OPEN, "the connection broke off") from None
        if not data and self._response.length:
            raise SourceError(SourceFault.CANNOT_OPEN, "the connection broke off before the end")
        return data


def _judge_status(status: int) -> None:
    if status == 401:
        raise SourceError(
            SourceFault.NOT_AUTHORISED, "the server answers 401: the token is invalid or expired"
        )
    if status not in (200, 206):
        raise SourceError(SourceFault.CANNOT_OPEN, f"the server answers {status}")
