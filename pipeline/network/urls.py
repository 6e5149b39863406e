"""URLs from strangers, taken apart once: what was checked is what is used."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote

from config.errors import AudiowardenError

UrlKind = Literal["stream", "callback"]

SCHEMES: dict[UrlKind, dict[str, int]] = {
    "stream": {"rtmp": 1935, "rtmps": 443, "http": 80, "https": 443},
    "callback": {"http": 80, "https": 443},
}
"""Schemes that are taken, with their default ports."""
MAX_URL_CHARS = 2048
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\\\s]")
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>[^#]*)(?:#.*)?\Z", re.DOTALL
)
_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\Z"
)
_NUMERIC_LABEL = re.compile(r"([0-9]+|0x[0-9a-f]*)\Z")


class AddressError(AudiowardenError):
    """A URL or a host may not be connected to, or cannot be found.

    The text never holds credentials, a path or a query. `retryable` is True only when the name did not
    resolve; a refused address stays refused.
    """

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart once, so that what was checked is what is used.

    `host` is lower-case ASCII (IDNA), a name or an IP in its usual spelling, without brackets. `path` begins
    with `/`, holds the query, and is ASCII. `userinfo` is as written, or empty.
    """

    scheme: str
    host: str
    port: int
    path: str
    userinfo: str = ""

    @property
    def origin(self) -> str:
        """`scheme://host:port`, the part that may be shown; the default port is left out."""
        default = SCHEMES["stream"][self.scheme]
        return f"{self.scheme}://{self.netloc if self.port != default else self.bare_host}"

    @property
    def bare_host(self) -> str:
        """The host as it stands in a URL: an IPv6 address in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def netloc(self) -> str:
        """`host:port`."""
        return f"{self.bare_host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole URL, without userinfo."""
        return self.origin + self.path

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User and password, decoded, or None."""
        if not self.userinfo:
            return None
        user, _, password = self.userinfo.partition(":")
        return unquote(user), unquote(password)


def parse_url(url: str, kind: UrlKind) -> Target:
    """Take a URL apart; raise AddressError with one sentence on what is wrong with it."""
    if len(url) > MAX_URL_CHARS:
        raise AddressError(f"The URL is longer than {MAX_URL_CHARS} characters.")
    if _UNSAFE.search(url):
        raise AddressError("The URL holds white space, control characters or a backslash.")
    parts = _URL.match(url)
    schemes = SCHEMES[kind]
    if parts is None or (scheme := parts["scheme"].lower()) not in schemes:
        *others, last = (f"{name}://" for name in schemes)
        raise AddressError(f"The URL must begin with {', '.join(others)} or {last}.")
    userinfo, at, location = parts["authority"].rpartition("@")
    if "@" in userinfo or (at and not userinfo):
        raise AddressError("The user name in the URL is malformed.")
    host, port = _split_port(location)
    rest = parts["rest"]
    try:
        path = quote(rest if rest.startswith("/") else f"/{rest}", safe="!#$%&'()*+,/:;=?@[]~^|{}\"<>`")
    except UnicodeEncodeError:
        raise AddressError("The URL is not valid Unicode.") from None
    return Target(scheme, _canonical_host(host), port or schemes[scheme], path, userinfo)


def literal_ip(host: str) -> IpAddress | None:
    """Read a host that is an IP address in any spelling `getaddrinfo` takes; None for a name."""
    if ":" in host:
        try:
            return ipaddress.IPv6Address(host)
        except ValueError:
            return None
    labels = host.rstrip(".").split(".")
    if not _NUMERIC_LABEL.match(labels[-1]):
        return None
    try:
        # inet_aton, unlike the ipaddress module, reads 127.1, 0177.0.0.1, 0x7f000001 and 2130706433.
        return ipaddress.IPv4Address(socket.inet_aton(".".join(labels)))
    except OSError:
        return None


def _split_port(location: str) -> tuple[str, int | None]:
    if location.startswith("["):
        host, bracket, tail = location[1:].partition("]")
        if not bracket or ":" not in host or (tail and not tail.startswith(":")):
            raise AddressError("The IPv6 address in the URL is malformed.")
        port_text = tail[1:]
    else:
        host, _, port_text = location.partition(":")
    if not port_text:
        return host, None
    if not (
        port_text.isascii() and port_text.isdigit() and len(port_text) <= 5 and 0 < int(port_text) < 65536
    ):
        raise AddressError("The port in the URL is not between 1 and 65535.")
    return host, int(port_text)


def _canonical_host(host: str) -> str:
    if not host:
        raise AddressError("The URL has no host.")
    if ":" in host:
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError:
            raise AddressError("The IPv6 address in the URL is malformed.") from None
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise AddressError("The host name in the URL is malformed.") from None
    bare = name.removesuffix(".")
    literal = literal_ip(bare)
    if literal is not None:
        return str(literal)
    if not _NAME.match(bare) or _NUMERIC_LABEL.match(bare.rpartition(".")[2]):
        raise AddressError("The host name in the URL is malformed.")
    return bare
