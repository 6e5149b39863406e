"""Connections to the object store: a client per region, retried calls with deadlines."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aioboto3
import structlog
from aiobotocore.config import AioConfig

from config.settings import S3Settings
from daemon.storage.interfaces import RefusedError, StorageError
from daemon.storage.s3.faults import EXPECTED, fault_of, no_credentials, told
from daemon.storage.undisturbed import undisturbed

log = structlog.get_logger()

MAX_CLIENTS = 16
"""Regions at once; one that nobody uses makes room."""
OPEN_S = 30.0
"""For finding credentials, which may mean asking the cloud's metadata service."""
FIRST_PAUSE_S, MAX_PAUSE_S = 0.5, 10.0
SLOWEST_BYTES_PER_S = 256 * 1024
"""What a call sends or reads must not be slower, on the whole."""
DEFAULT_REGION = "us-east-1"
"""What stores that know no regions expect to be signed for."""
REGION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
"""A region becomes a part of Amazon's host names."""

Fault = Callable[[BaseException, str], StorageError]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long the object store is waited for."""

    connect_s: float = 5.0
    silence_s: float = 60.0
    """Joining large parts takes it a while."""
    patience_s: float = 90.0
    """So long a store that is away is asked again: a restart or a failover of it costs no job."""


WAITED_FOR = Deadlines(silence_s=15.0, patience_s=10.0)
"""Somebody waits for the answer: better a failure soon, to be repeated, than none before he hangs up (proxies
do after a minute)."""


@dataclass(slots=True)
class _Open:
    client: Any
    users: int = 0

    async def close(self) -> None:
        await undisturbed(self.client.__aexit__(None, None, None))


class S3Clients:
    """The clients of all regions, each opened when it is first needed and kept open."""

    def __init__(
        self,
        settings: S3Settings,
        deadlines: Deadlines | None = None,
        make_session: Callable[[], Any] = aioboto3.Session,
    ) -> None:
        """Opens nothing. `make_session` reads the disk: it is called in a thread, once."""
        self._settings = settings
        self.deadlines = deadlines or Deadlines()
        self._make_session = make_session
        self._session: Any = None
        self._open: dict[str, _Open] = {}
        self._opening = asyncio.Lock()
        self.store = urlsplit(settings.endpoint_url).hostname or "amazonaws.com"
        """Its host, for messages."""

    async def close(self) -> None:
        """Close all, the last opened first."""
        while self._open:
            _, entry = self._open.popitem()
            await entry.close()

    @asynccontextmanager
    async def use(self, region: str) -> AsyncIterator[Any]:
        """Lend the client of a region; empty: the configured one. Raises StorageError."""
        region = region or self._settings.region
        if region and not REGION.fullmatch(region):
            raise RefusedError("the name of the region is invalid")
        if region not in self._open:
            async with self._opening:
                if region not in self._open:
                    await self._make(region)
        # The last in the order is the one used last.
        self._open[region] = entry = self._open.pop(region)
        entry.users += 1
        try:
            yield entry.client
        finally:
            entry.users -= 1

    async def call(
        self,
        region: str,
        operation: str,
        *,
        size: int = 0,
        patience_s: float | None = None,
        fault: Fault = fault_of,
        **parameters: Any,
    ) -> Any:
        """Call an operation of the client, again and again while the store is away; return its answer.

        `size`: how many bytes it sends. `fault` names what went wrong. Raises StorageError.
        """

        async def attempt() -> Any:
            async with self.use(region) as client:
                return await getattr(client, operation)(**parameters)

        return await self.patiently(attempt, size=size, patience_s=patience_s, fault=fault)

    async def patiently(
        self,
        attempt: Callable[[], Coroutine[Any, Any, Any]],
        *,
        size: int = 0,
        patience_s: float | None = None,
        fault: Fault = fault_of,
    ) -> Any:
        """Run `attempt` until it succeeds, fails for good, or the patience is at its end."""
        clock = asyncio.get_running_loop().time
        until = clock() + (self.deadlines.patience_s if patience_s is None else patience_s)
        attempt_s = OPEN_S + self.deadlines.silence_s + size / SLOWEST_BYTES_PER_S
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                async with asyncio.timeout(attempt_s):
                    return await attempt()
            except EXPECTED as error:
                problem = fault(error, self.store)
            except StorageError as error:
                problem = error
            if not problem.retryable or clock() + pause_s > until:
                raise problem
            if pause_s == FIRST_PAUSE_S:
                log.warning("object_store_retried", reason=str(problem))
            await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load, no secret
            pause_s = min(2 * pause_s, MAX_PAUSE_S)

    async def _make(self, region: str) -> None:
        await self._make_room()
        with told(self.store):
            if self._session is None:
                self._session = await asyncio.to_thread(self._make_session)
            # Both read the disk, so a thread does it, with a loop of its own; they belong to a loop only from
            # the first request on. A client without credentials would be kept, and never find any.
            if await asyncio.to_thread(asyncio.run, self._session.get_credentials()) is None:
                raise no_credentials(self.store)
            opening = self._session.client(
                "s3",
                region_name=region or self._session.region_name or DEFAULT_REGION,
                endpoint_url=self._settings.endpoint_url or None,
                config=_config(self._settings, self.deadlines),
            )

            async def make() -> None:
                self._open[region] = _Open(await asyncio.to_thread(asyncio.run, opening.__aenter__()))

            # Also when nobody waits for it any more: the next one has it then, or `close`.
            await undisturbed(make())

    async def _make_room(self) -> None:
        if len(self._open) < MAX_CLIENTS:
            return None
        for region, entry in self._open.items():
            if not entry.users:
                del self._open[region]
                return await entry.close()
        raise StorageError(f"more than {MAX_CLIENTS} regions of the object store are in use at once")


def _config(settings: S3Settings, deadlines: Deadlines) -> Any:
    style = settings.addressing
    if style == "auto" and settings.endpoint_url:
        style = "path"
    return AioConfig(
        signature_version="s3v4",
        # What is sent is vouched for by its signed MD5: hashing all of it once more would hold the loop.
        s3={"addressing_style": style, "payload_signing_enabled": False},
        connect_timeout=deadlines.connect_s,
        read_timeout=deadlines.silence_s,
        max_pool_connections=32,
        # The longer patience is ours (`patiently`): here only hiccups are smoothed.
        retries={"mode": "standard", "total_max_attempts": 2},
        # Checksums in trailers are not understood by every store that speaks S3.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
