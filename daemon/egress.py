"""The daemon's own HTTP requests: callbacks go only to addresses that may be connected to."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError, RawResponseMessage

from config.errors import ConfigError
from config.settings import NetworkSettings
from pipeline.network import wire
from pipeline.network.addresses import AddressPolicy
from pipeline.network.urls import AddressError

MAX_CONNECTIONS = 1024
KEEP_ALIVE_S = 60.0
MAX_INTERIM_ANSWERS = 8


class CheckedResolver(AbstractResolver):
    """Looks names up under the address policy; what it returns is what is connected to."""

    def __init__(self, policy: AddressPolicy, timeout_s: float) -> None:
        self._policy = policy
        self._timeout_s = timeout_s

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return checked addresses. Raises OSError, as aiohttp expects of a resolver."""
        try:
            endpoints = await self._policy.resolve_async(host, port, self._timeout_s)
        except AddressError as error:
            raise OSError(None, str(error)) from None
        return [
            ResolveResult(
                hostname=host,
                host=endpoint.ip,
                port=port,
                family=endpoint.family,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for endpoint in endpoints
            if family in (socket.AF_UNSPEC, endpoint.family)
        ]

    async def close(self) -> None:
        """Nothing to close: the lookups' threads end by themselves."""


class AnswerReader(ResponseHandler):
    """Reads a consumer's answer; one who sends interim answers (1xx) without end is hung up on.

    The library skips them one by one, and would be kept busy, with the whole event loop, until the deadline.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._interim = 0

    def feed_data(self, data: tuple[RawResponseMessage, aiohttp.StreamReader], size: int = 0) -> None:
        """Take the head of an answer; called by the library."""
        if not 100 <= data[0].code < 200:
            self._interim = 0
        elif (interim := self._interim + 1) > MAX_INTERIM_ANSWERS:
            if self.transport is not None:
                self.transport.close()
            self.set_exception(HttpProcessingError(message="interim answers without end"))
            return
        else:
            self._interim = interim
        super().feed_data(data, size)


class CheckedConnector(aiohttp.TCPConnector):
    """Checks literal IP addresses too, which aiohttp connects to without asking its resolver."""

    def __init__(self, policy: AddressPolicy, network: NetworkSettings) -> None:
        super().__init__(
            limit=MAX_CONNECTIONS,
            resolver=CheckedResolver(policy, network.connect_timeout_s),
            use_dns_cache=False,
            keepalive_timeout=KEEP_ALIVE_S,
            ssl=tls_context(network),
        )
        self._policy = policy
        self._factory = partial(AnswerReader, loop=asyncio.get_running_loop())  # type: ignore[assignment]  # declared as the class it extends

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[aiohttp.tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature of the overridden method
    ) -> aiohttp.connector.Connection:
        """Connect, or raise AddressError."""
        self._policy.check_url(str(req.url), "callback")
        return await super().connect(req, traces, timeout)


def tls_context(network: NetworkSettings) -> ssl.SSLContext:
    """Trust the system's authorities and those of `network.ca_file`. Raises ConfigError."""
    try:
        return wire.tls_context(network.ca_file)
    except OSError as error:
        raise ConfigError(f"network.ca_file {network.ca_file} cannot be used: {error}") from None


def reason_of(error: Exception) -> str:
    """Say why a request failed. The library's own text may hold the address with its query."""
    if isinstance(error, aiohttp.ClientConnectorDNSError) and error.os_error.strerror:
        # CheckedResolver's words.
        return error.os_error.strerror
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return type(error).__name__


@asynccontextmanager
async def make_session(
    network: NetworkSettings, policy: AddressPolicy
) -> AsyncIterator[aiohttp.ClientSession]:
    """Open the session of all callbacks: no cookies, no proxies of the environment, checked addresses."""
    connector = CheckedConnector(policy, network)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "audiowarden"},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=network.connect_timeout_s),
        auto_decompress=False,
        trust_env=False,
    ) as session:
        yield session
    # Closing TLS connections takes a turn of the loop after the session says it is closed.
    await asyncio.sleep(0)
