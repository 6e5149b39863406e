"""An rtmp or rtmps address, pinned to a checked IP address before FFmpeg sees it."""

from __future__ import annotations

from dataclasses import replace

from config.settings import NetworkSettings
from pipeline.network.addresses import AddressPolicy
from pipeline.network.relay import start_relay
from pipeline.network.urls import AddressError, Target
from pipeline.network.wire import Cancellation, connect, connect_any, tls_context
from pipeline.source import SourceError, SourceFault

MAX_PATH_CHARS = 1000
"""FFmpeg silently cuts off what comes after 1023 characters of an address's path: the end of a token."""


def pin_rtmp(
    url: str, policy: AddressPolicy, network: NetworkSettings, cancellation: Cancellation | None = None
) -> tuple[str, dict[str, str]]:
    """Return the address with its host replaced by a checked IP, and FFmpeg's options that go with it.

    The server is told the original address (`rtmp_tcurl`), because servers choose the virtual host by it. For
    rtmps the TLS connection is made here, and what is returned is the rtmp address of a relay on loopback.
    Blocks, unless `cancellation` ends it, for the lookup and for connections; raises SourceError.
    """
    cancellation = cancellation or Cancellation()
    try:
        target = policy.check_url(url, "stream")
        if target.scheme == "rtmps":
            ip, port = "127.0.0.1", _relayed(target, policy, network, cancellation)
        else:
            ip, port = _reachable(target, policy, network, cancellation), target.port
    except AddressError as error:
        cancellation.check()
        raise SourceError(SourceFault.CANNOT_OPEN, str(error), retryable=error.retryable) from None
    pinned = replace(target, scheme="rtmp", host=ip, port=port)
    userinfo = f"{target.userinfo}@" if target.userinfo else ""
    application = _application(target)
    options = {"rtmp_tcurl": replace(target, path=application).url}
    if len(pinned.path) > MAX_PATH_CHARS:
        options["rtmp_app"] = application.removeprefix("/")
        options["rtmp_playpath"] = target.path.removeprefix(application).removeprefix("/")
    return f"rtmp://{userinfo}{pinned.netloc}{pinned.path}", options


def _reachable(
    target: Target, policy: AddressPolicy, network: NetworkSettings, cancellation: Cancellation
) -> str:
    """Return the address that FFmpeg, which gets only one, is to connect to.

    Where there are several, the first one that takes a connection: a host may be named by an address of IPv6
    that this machine has no way to, or by a server that is down.
    """
    endpoints = cancellation.resolve(policy, target.host, target.port, network.connect_timeout_s)
    if len(endpoints) == 1:
        return endpoints[0].ip
    probe = connect_any(endpoints, target, network, cancellation)
    try:
        return str(probe.getpeername()[0])
    finally:
        cancellation.discard(probe)
        probe.close()


def _relayed(
    target: Target, policy: AddressPolicy, network: NetworkSettings, cancellation: Cancellation
) -> int:
    far = connect(target, policy, network, cancellation, tls_context(network.ca_file))
    return start_relay(far, cancellation, network.connect_timeout_s)


def _application(target: Target) -> str:
    """Return the path of the application as FFmpeg takes it: one name, or two when the stream's follows."""
    path, _, _ = target.path.partition("?")
    first, *others = path.removeprefix("/").split("/")
    # A colon belongs to the stream's name: app/mp4:folder/film.
    second = others[0] if len(others) > 1 and ":" not in others[0] else ""
    return f"/{first}/{second}" if second and first != "ondemand" else f"/{first}"
