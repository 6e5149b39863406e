"""An rtmp or rtmps address, pinned to a checked IP address before FFmpeg sees it."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

from config.settings import NetworkSettings
from pipeline.addresses import AddressPolicy
from pipeline.source import SourceError, SourceFault
from pipeline.urls import AddressError, Target
from pipeline.wire import Cancellation


def pin_rtmp(
    url: str, policy: AddressPolicy, network: NetworkSettings, cancellation: Cancellation | None = None
) -> tuple[str, dict[str, str]]:
    """Return the address with its host replaced by a checked IP, and FFmpeg's options that go with it.

    The server is told the original address (`rtmp_tcurl`), because servers choose the virtual host by it; a
    certificate is checked against the original name. Blocks for the lookup,
    which `cancellation` ends; raises SourceError.
    """
    cancellation = cancellation or Cancellation()
    try:
        target = policy.check_url(url, "stream")
        endpoint = cancellation.resolve(policy, target.host, target.port, network.connect_timeout_s)[0]
    except AddressError as error:
        cancellation.check()
        raise SourceError(SourceFault.CANNOT_OPEN, str(error), retryable=error.retryable) from None
    options = {"rtmp_tcurl": replace(target, path=_application(target)).url}
    if target.scheme == "rtmps":
        options |= {"tls_verify": "1", "verifyhost": target.host, "ca_file": _authorities(network)}
    pinned = replace(target, host=endpoint.ip, port=endpoint.port)
    userinfo = f"{target.userinfo}@" if target.userinfo else ""
    return f"{pinned.scheme}://{userinfo}{pinned.netloc}{pinned.path}", options


def _application(target: Target) -> str:
    """Return the path of the application as FFmpeg takes it: one name, or two of three and more."""
    path, _, _ = target.path.partition("?")
    names = path.strip("/").split("/")
    return "/" + "/".join(names[: 1 if len(names) < 3 else 2])


def _authorities(network: NetworkSettings) -> str:
    """Return the file of trusted authorities: the configured one, else the system's."""
    if network.ca_file is not None:
        return str(network.ca_file)
    paths = ssl.get_default_verify_paths()
    for candidate in (paths.cafile, paths.openssl_cafile, "/etc/ssl/certs/ca-certificates.crt"):
        if candidate and Path(candidate).is_file():
            return candidate
    raise SourceError(SourceFault.CANNOT_OPEN, "no trusted authorities on this host: set network.ca_file")
