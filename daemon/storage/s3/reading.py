"""The bytes of an object in an object store, over as many connections as it takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from daemon.storage.interfaces import Place, RefusedError, StorageError
from daemon.storage.s3.clients import FIRST_PAUSE_S, S3Clients
from daemon.storage.s3.faults import EXPECTED, code_of, fault_of

READ_BYTES = 256 * 1024
MAX_BREAKS = 5
"""Connections in a row that may break off without a byte."""
BEYOND_END = {"416", "InvalidRange"}
CHANGED = {"412", "PreconditionFailed"}
PARTIAL_CONTENT = 206


class Reading:
    """An object that is being read, once and forwards."""

    def __init__(self, clients: S3Clients, place: Place, start: int, end: int | None) -> None:
        """`[start, end)` in bytes; without `end`, all there is."""
        self._clients = clients
        self._region = place.location.region
        self._object = {"Bucket": place.location.bucket, "Key": place.key}
        self._at = start
        self._end = end
        self._etag = ""
        self._breaks = 0
        self.ended = end is not None and start >= end

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield what one connection brings; `ended` says whether there is more to come with another.

        Raises StorageError.
        """
        async with self._clients.use(self._region) as client:
            answer = await self._clients.patiently(lambda: self._opened(client))
            if answer is None:
                self.ended = True
                return
            self._etag = str(answer.get("ETag", ""))
            body = answer["Body"]
            try:
                while chunk := await self._next(body):
                    self._at += len(chunk)
                    self._breaks = 0
                    yield chunk
            finally:
                # Of a body that has been read to its end the connection is kept, of any other closed.
                body.close()

    async def _next(self, body: Any) -> bytes:
        try:
            async with asyncio.timeout(self._clients.deadlines.silence_s):
                chunk = bytes(await body.read(READ_BYTES))
        except EXPECTED as error:
            self._breaks += 1
            if self._breaks > MAX_BREAKS:
                raise fault_of(error, self._clients.store) from None
            await asyncio.sleep(FIRST_PAUSE_S)
            return b""
        self.ended = not chunk
        return chunk

    async def _opened(self, client: Any) -> Any:
        """Ask for what is left; None: there is nothing."""
        wanted: dict[str, str] = {}
        if self._at or self._end is not None:
            wanted["Range"] = f"bytes={self._at}-{'' if self._end is None else self._end - 1}"
        if self._etag:
            wanted["IfMatch"] = self._etag
        try:
            answer = await client.get_object(**self._object, **wanted)
        except EXPECTED as error:
            if code_of(error) in BEYOND_END:
                return None
            if code_of(error) in CHANGED:
                raise RefusedError("the object was replaced while it was read") from None
            raise
        if "Range" in wanted and answer["ResponseMetadata"]["HTTPStatusCode"] != PARTIAL_CONTENT:
            answer["Body"].close()
            raise StorageError(f"the object store {self._clients.store} cannot read a part of an object")
        return answer
