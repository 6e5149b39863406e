"""Everything FFmpeg reads over HTTP: addresses checked, redirects followed, sizes and times bounded."""

from __future__ import annotations

import base64
import http.client
import io
import time
from collections import deque
from collections.abc import Mapping
from urllib.parse import urljoin

from config.settings import NetworkSettings
from pipeline.network.addresses import AddressPolicy
from pipeline.network.bodies import Body, FileBody, HttpBody
from pipeline.network.playlist import is_complete, is_master, is_media, with_absolute_addresses
from pipeline.network.urls import SCHEMES, AddressError, Target
from pipeline.network.wire import Cancellation, Wire, connect, tls_context
from pipeline.source import SourceError, SourceFault

MAX_REDIRECTS = 5
MAX_PLAYLIST_BYTES = 4 * 1024 * 1024
MAX_PART_BYTES = 256 * 1024 * 1024
"""Of a segment, a key or a map: everything but the address itself."""
MAX_FILE_BYTES = 2**40
"""A length beyond this is a lie, and may be more than FFmpeg can count."""
PART_PATIENCE = 4
"""Read time-outs that may be spent waiting for one segment, a minute by default: one of 10 s that takes
longer to arrive keeps no live stream up. A playlist gets one read time-out."""
MAX_PLAYLISTS_A_MINUTE = 240
"""A live playlist is read again about once a segment, and after half of one when it has not changed: 120
times with segments of a second. One whose segments take no time would be read as fast as it is answered."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PLAYLIST_MARK = b"#EXTM3U"


class StatusError(SourceError):
    """The server answers with a status that is no success."""

    def __init__(self, fault: SourceFault, message: str, status: int) -> None:
        super().__init__(fault, message)
        self.status = status


class GuardedOpener:
    """Opens addresses for one source. Called in the source's thread; `cancel` from any.

    Raises SourceError: a refused address is not retryable; the text never holds a path or a query.
    """

    def __init__(self, policy: AddressPolicy, network: NetworkSettings) -> None:
        self._policy = policy
        self._network = network
        self._cancellation = Cancellation()
        self._context = tls_context(network.ca_file)
        self._opened = 0
        self._playlists: deque[float] = deque()
        self.saw_playlist = False
        """Whether anything that was read is an HLS playlist."""
        self.saw_endlist = False
        """Whether the media playlist that was read last says that it is complete."""
        self.length: int | None = None
        """Bytes of the address itself; None when it has no end that is known, as a live stream has not."""

    def __call__(self, url: str, flags: int = 0, options: Mapping[str, str] | None = None) -> Body:
        """Open an address. Of FFmpeg's `options`, `offset` and `end_offset`, in bytes, are obeyed."""
        del flags
        first = self._opened == 0
        self._opened += 1
        if not first and not self.saw_playlist:
            text = "only a playlist may lead to other addresses"
            raise SourceError(SourceFault.INVALID_DATA, text, retryable=False)
        start, end = _span(options or {})
        wire, response, target = self._request(url, start, end)
        length = response.length
        try:
            _judge_length(length)
            body = HttpBody(wire, response)
            if start and response.status == 200:
                body.skip(start)
            if body.starts_with(PLAYLIST_MARK):
                return self._playlist(body, url, target)
        except BaseException:
            wire.close()
            raise
        if first:
            self.length = length
            wire.patience_s = None
            if length and "bytes" in response.headers.get("Accept-Ranges", ""):
                return FileBody(body, length, lambda at: self._reopen(url, at))
        else:
            body.limit(MAX_PART_BYTES)
            if end is not None:
                body.cut(end - start)
        return body

    def part(self, url: str, start: int = 0, end: int | None = None) -> tuple[Body, str]:
        """Open the bytes `[start, end)` of an address, whose size and the wait for which are bounded.

        Also returns the address that redirects led to. No playlist is needed for it.
        """
        wire, response, target = self._request(url, start, end)
        try:
            _judge_length(response.length)
            body = HttpBody(wire, response)
            if start and response.status == 200:
                body.skip(start)
            body.limit(MAX_PART_BYTES)
            if end is not None:
                body.cut(end - start)
        except BaseException:
            wire.close()
            raise
        return body, target.url

    def cancel(self) -> None:
        """Make every read and every later call fail at once."""
        self._cancellation.cancel()

    def _playlist(self, body: HttpBody, url: str, target: Target) -> Body:
        """Read a playlist whole: it must end, and FFmpeg must not ask for it without end."""
        now = time.monotonic()
        while self._playlists and self._playlists[0] < now - 60:
            self._playlists.popleft()
        if len(self._playlists) >= MAX_PLAYLISTS_A_MINUTE:
            raise SourceError(SourceFault.INVALID_DATA, "there are too many playlists")
        self._playlists.append(now)
        body.wire.patience_s = self._network.read_timeout_s
        body.limit(MAX_PLAYLIST_BYTES)
        pieces = []
        while piece := body.read(65536):
            pieces.append(piece)
        body.close()
        text = b"".join(pieces)
        if is_master(text) and self.saw_playlist:
            raise SourceError(SourceFault.INVALID_DATA, "the playlist leads to another playlist of playlists")
        self.saw_playlist = True
        if is_media(text):
            self.saw_endlist = is_complete(text)
        # FFmpeg does not learn of redirects, so it would look for the segments beside the first address.
        moved = target.url != self._check(url).url
        return io.BytesIO(with_absolute_addresses(text, target.url) if moved else text)

    def _reopen(self, url: str, at: int) -> HttpBody:
        """Ask for a file again, from a byte on."""
        wire, response, _ = self._request(url, at, None)
        place = response.headers.get("Content-Range", "bytes 0-" if response.status == 200 else "")
        if not place.startswith(f"bytes {at}-"):
            wire.close()
            raise SourceError(SourceFault.CANNOT_OPEN, "the server does not give parts of the file")
        wire.patience_s = None
        return HttpBody(wire, response)

    def _request(
        self, url: str, start: int, end: int | None
    ) -> tuple[Wire, http.client.HTTPResponse, Target]:
        """Send a request and follow redirects, every one checked; return where they led, too."""
        for _ in range(MAX_REDIRECTS + 1):
            target = self._check(url)
            connected = connect(target, self._policy, self._network, self._cancellation, self._context)
            wire = Wire(connected, self._cancellation, self._network.read_timeout_s)
            try:
                response = self._ask(wire, target, start, end)
                if response.status not in REDIRECTS:
                    _judge_status(response.status)
                    return wire, response, target
                location = response.headers.get("Location", "")
            except BaseException:
                wire.close()
                raise
            wire.close()
            url = _joined(target.url, location)
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

    def _ask(self, wire: Wire, target: Target, start: int, end: int | None) -> http.client.HTTPResponse:
        """Send the request and read the answer's head."""
        wire.patience_s = self._network.connect_timeout_s + self._network.read_timeout_s
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.sock = _Borrowed(wire)
        headers = {
            "Host": target.bare_host if target.port == SCHEMES["stream"][target.scheme] else target.netloc,
            "User-Agent": "audiowarden",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        if target.credentials is not None:
            pair = ":".join(target.credentials).encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        if start or end is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        try:
            connection.request("GET", target.path, headers=headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._broken(error) from None
        wire.patience_s = PART_PATIENCE * self._network.read_timeout_s
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


def _span(options: Mapping[str, str]) -> tuple[int, int | None]:
    """Return the bytes that FFmpeg wants of a file: from, and up to but without."""
    start, end = options.get("offset", ""), options.get("end_offset", "")
    first = int(start) if start.isdecimal() else 0
    last = int(end) if end.isdecimal() else 0
    return first, last if last > first else None


def _joined(base: str, location: str) -> str:
    """Return where a redirect leads; the address is checked like any other."""
    if not location:
        raise SourceError(SourceFault.CANNOT_OPEN, "the server redirects to nowhere")
    try:
        # Header lines arrive as Latin-1; addresses are UTF-8 where they are not ASCII.
        location = location.encode("latin-1").decode("utf-8", "replace").strip().replace(" ", "%20")
        return urljoin(base, location)
    except ValueError:
        raise SourceError(SourceFault.CANNOT_OPEN, "the server redirects to no address") from None


def _judge_length(length: int | None) -> None:
    if length is not None and length > MAX_FILE_BYTES:
        raise SourceError(SourceFault.INVALID_DATA, "no file has the length that the server names")


def _judge_status(status: int) -> None:
    if status == 401:
        text = "the server answers 401: the token is invalid or expired"
        raise StatusError(SourceFault.NOT_AUTHORISED, text, status)
    if status not in (200, 206):
        raise StatusError(SourceFault.CANNOT_OPEN, f"the server answers {status}", status)
