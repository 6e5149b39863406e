"""Which hosts the daemon may connect to for a stranger: URLs are judged, names resolved, addresses pinned."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass

from config.settings import NetworkSettings
from pipeline.network.lookups import Lookups, LookupsBusyError, Resolver, system_resolver
from pipeline.network.urls import AddressError, IpAddress, Target, UrlKind, literal_ip, parse_url

__all__ = ["AddressError", "AddressPolicy", "Endpoint", "Target", "UrlKind"]

MAX_ADDRESSES = 8
"""Addresses of one name that are tried."""

_V4_NOT_PUBLIC = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        # IANA IPv4 special-purpose address registry.
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        # Azure's host agent answers here, inside the public range.
        "168.63.129.16/32",
    )
)  # fmt: skip
_V6_PUBLIC = ipaddress.IPv6Network("2000::/3")
_V6_NOT_PUBLIC = tuple(
    # IANA IPv6 special-purpose registry: protocol assignments with Teredo, documentation, 6to4.
    ipaddress.IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_V4_NEVER = (ipaddress.IPv4Network("0.0.0.0/8"), ipaddress.IPv4Network("224.0.0.0/4"))
_BROADCAST = ipaddress.IPv4Address("255.255.255.255")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A checked address to connect to: no further lookup happens."""

    ip: str
    port: int

    @property
    def family(self) -> socket.AddressFamily:
        """AF_INET or AF_INET6."""
        return socket.AF_INET6 if ":" in self.ip else socket.AF_INET


class AddressPolicy:
    """Says which URLs and addresses may be connected to. Thread-safe; one serves the whole daemon.

    Refused always: unspecified and multicast addresses and the broadcast address. Refused unless
    `allow_private` is set: everything that is not an ordinary public address (loopback, private, link-local
    with the cloud metadata services, shared 100.64.0.0/10, documentation, reserved, 6to4, Teredo, IPv6
    unique-local). IPv6 forms that carry an IPv4 address (mapped, NAT64) are judged by that address. A name is
    refused when any one of its addresses is.

    `resolver` replaces the system's in tests.
    """

    def __init__(self, allow_private: bool = False, *, resolver: Resolver = system_resolver) -> None:
        self.allow_private = allow_private
        self._lookups = Lookups(resolver)

    @classmethod
    def of(cls, network: NetworkSettings) -> AddressPolicy:
        """Make the policy of the settings."""
        return cls(network.allow_private_addresses)

    def check_url(self, url: str, kind: UrlKind) -> Target:
        """Take a URL apart and judge all that can be judged without a name lookup; raise AddressError.

        Hosts that are an IP address in any spelling the system would take (`2130706433`, `0x7f.1`, `[::1]`)
        and names that mean this machine are judged at once.
        """
        target = parse_url(url, kind)
        literal = literal_ip(target.host)
        if literal is not None:
            self._judge(literal, target.host)
        elif not self.allow_private and _names_this_machine(target.host):
            raise _refused(target.host)
        return target

    def permits(self, ip: str) -> bool:
        """Say whether an IP address may be connected to. Text that is no IP address may not."""
        try:
            return self._allowed(ipaddress.ip_address(ip))
        except ValueError:
            return False

    def resolve(self, host: str, port: int, timeout_s: float) -> list[Endpoint]:
        """Look a host up, blocking for at most `timeout_s`; at least one checked address, or AddressError."""
        pending = self.begin_resolve(host, port)
        if isinstance(pending, list):
            return pending
        return self.finish_resolve(pending, host, port, timeout_s)

    def begin_resolve(self, host: str, port: int) -> list[Endpoint] | Future[list[str]]:
        """Begin a lookup that another thread may cancel; an IP address is answered at once."""
        literal = literal_ip(host)
        if literal is not None:
            self._judge(literal, host)
            return [Endpoint(str(literal), port)]
        if not self.allow_private and _names_this_machine(host):
            raise _refused(host)
        try:
            return self._lookups.begin(host, port)
        except LookupsBusyError as error:
            raise AddressError(str(error), retryable=True) from None

    def finish_resolve(
        self, pending: Future[list[str]], host: str, port: int, timeout_s: float
    ) -> list[Endpoint]:
        """Wait for what `begin_resolve` began and judge it; raise AddressError, also if cancelled."""
        try:
            found = pending.result(timeout_s)
        except TimeoutError:
            pending.cancel()
            raise AddressError(f"The host {host} was not found in time.", retryable=True) from None
        except (OSError, UnicodeError, CancelledError):
            raise AddressError(f"The host {host} was not found.", retryable=True) from None
        return self._judge_all(found, host, port)

    async def resolve_async(self, host: str, port: int, timeout_s: float) -> list[Endpoint]:
        """`resolve` for the event loop."""
        pending = self.begin_resolve(host, port)
        if isinstance(pending, list):
            return pending
        try:
            found = await asyncio.wait_for(asyncio.wrap_future(pending), timeout_s)
        except TimeoutError:
            raise AddressError(f"The host {host} was not found in time.", retryable=True) from None
        except (OSError, UnicodeError):
            raise AddressError(f"The host {host} was not found.", retryable=True) from None
        return self._judge_all(found, host, port)

    def _judge_all(self, found: Sequence[str], host: str, port: int) -> list[Endpoint]:
        if not found:
            raise AddressError(f"The host {host} was not found.", retryable=True)
        for ip in found:
            if not self.permits(ip):
                raise _refused(host)
        return [Endpoint(ip, port) for ip in found[:MAX_ADDRESSES]]

    def _judge(self, ip: IpAddress, host: str) -> None:
        if not self._allowed(ip):
            raise _refused(host)

    def _allowed(self, ip: IpAddress) -> bool:
        if isinstance(ip, ipaddress.IPv6Address):
            inner = _carried_ipv4(ip)
            if inner is None:
                return self._allowed_ipv6(ip)
            ip = inner
        if ip == _BROADCAST or any(ip in network for network in _V4_NEVER):
            return False
        return self.allow_private or not any(ip in network for network in _V4_NOT_PUBLIC)

    def _allowed_ipv6(self, ip: ipaddress.IPv6Address) -> bool:
        if ip.is_multicast or ip.is_unspecified:
            return False
        if self.allow_private:
            return True
        return (
            ip.scope_id is None and ip in _V6_PUBLIC and not any(ip in network for network in _V6_NOT_PUBLIC)
        )


def _names_this_machine(host: str) -> bool:
    bare = host.rstrip(".").lower()
    return bare in ("localhost", "localhost.localdomain", "ip6-localhost") or bare.endswith(".localhost")


def _carried_ipv4(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return None


def _refused(host: str) -> AddressError:
    return AddressError(
        f"The host {host} is not on the public internet, which this daemon's settings require."
    )
