"""An upload in parts: several at once, completed at the end or aborted."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from config.errors import AudiowardenError
from daemon.logs import tell
from daemon.storage.interfaces import (
    MissingObjectError,
    ObjectExistsError,
    Piece,
    Place,
    RefusedError,
    StorageError,
)
from daemon.storage.s3.clients import S3Clients
from daemon.storage.s3.faults import join_fault_of
from daemon.storage.undisturbed import undisturbed

MIB = 1024 * 1024
MIN_PART_BYTES = 5 * MIB
MAX_PARTS = 10_000
MAX_OBJECT_BYTES = 5 * 1024**4
"""S3's limits (Amazon S3 User Guide, "Amazon S3 multipart upload limits"); the last part may be smaller."""
FIRST_PART_BYTES = 8 * MIB
PARTS_PER_SIZE = 1000
"""After so many parts they double: 8 GB in parts of 8 MiB, 58 GB in ones of up to 32 MiB, 5 TiB in 9,600."""
MAX_IN_FLIGHT = 3
MAX_IN_FLIGHT_BYTES = 24 * MIB
"""Above, fewer parts are sent at once, one at least."""
BEGIN_S, ABORT_S = 15.0, 20.0
"""What a cancellation may have to wait for."""
MARK = "audiowarden-upload"
"""Metadata by which an object is known to be ours when the answer to its completion was lost."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be stored, and where."""

    place: Place
    content_type: str
    replace: bool

    @property
    def region(self) -> str:
        """Of the bucket."""
        return self.place.location.region

    @property
    def names(self) -> dict[str, Any]:
        """What tells a call which object is meant."""
        return {"Bucket": self.place.location.bucket, "Key": self.place.key}

    @property
    def condition(self) -> dict[str, Any]:
        """The header that keeps an object from being replaced (RFC 9110, 13.1.2)."""
        return {} if self.replace else {"IfNoneMatch": "*"}


async def in_parts(data: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield all bytes in parts as large as `part_bytes` says; the last one is smaller, none is empty."""
    waiting = bytearray()
    number = 1
    async for piece in data:
        waiting += piece
        while len(waiting) >= (size := part_bytes(number)):
            part = bytes(memoryview(waiting)[:size])
            del waiting[:size]
            yield part
            number += 1
    if waiting:
        yield bytes(waiting)


def part_bytes(number: int) -> int:
    """Return how large the part `number` (from 1) is."""
    return FIRST_PART_BYTES << min((number - 1) // PARTS_PER_SIZE, 8)


def content_md5(data: bytes) -> str:
    """Return what the store compares with what arrives (RFC 1864)."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


async def put_whole(clients: S3Clients, target: Target, data: bytes) -> None:
    """Store an object in one request. Raises StorageError."""
    mark = secrets.token_hex(16)
    try:
        await clients.call(
            target.region,
            "put_object",
            size=len(data),
            **target.names,
            Body=data,
            ContentMD5=await asyncio.to_thread(content_md5, data),
            ContentType=target.content_type,
            Metadata={MARK: mark},
            **target.condition,
        )
    except ObjectExistsError:
        # A request whose answer was lost is repeated, and then finds what the first one stored.
        if not await _is_ours(clients, target, mark):
            raise


class Upload:
    """The parts of one object that are on their way; at most MAX_IN_FLIGHT of them."""

    def __init__(self, clients: S3Clients, target: Target, upload_id: str, group: asyncio.TaskGroup) -> None:
        self._clients = clients
        self._target = target
        self._id = upload_id
        self._group = group
        self._etags: dict[int, str] = {}
        self._number = 0
        self._room = asyncio.Condition()
        self._sizes: dict[int, int] = {}

    async def add(self, data: bytes) -> None:
        """Send the next part; returns when there is room for a further one's memory."""
        await self._start(len(data), lambda number: self._put_part(number, data))

    async def fetch(self, size: int, read: Callable[[], Coroutine[Any, Any, bytes]]) -> None:
        """Send what `read` returns as the next part, `size` bytes."""

        async def send(number: int) -> str:
            return await self._put_part(number, await read())

        await self._start(size, send)

    async def copy(self, piece: Piece) -> None:
        """Let the store copy a part of another object as the next part."""
        place, start, size = piece.place, piece.start, piece.length

        async def send(number: int) -> str:
            answer = await self._call(
                "upload_part_copy",
                PartNumber=number,
                CopySource={"Bucket": place.location.bucket, "Key": place.key},
                CopySourceRange=f"bytes={start}-{start + size - 1}",
                size=size,
                fault=join_fault_of,
            )
            return str(answer["CopyPartResult"]["ETag"])

        await self._start(0, send)

    async def complete(self) -> None:
        """Make the object of its parts."""
        parts = [{"PartNumber": number, "ETag": self._etags[number]} for number in sorted(self._etags)]
        await self._call(
            "complete_multipart_upload", MultipartUpload={"Parts": parts}, **self._target.condition
        )

    async def abort(self) -> None:
        """Have the store throw the parts away; if it does not, that is logged: they cost space."""
        try:
            async with asyncio.timeout(ABORT_S):
                await self._call("abort_multipart_upload", patience_s=ABORT_S / 2)
        except MissingObjectError:
            pass
        except StorageError as error:
            tell("upload_not_aborted", error)
        except TimeoutError:
            tell("upload_not_aborted", StorageError(f"no answer within {ABORT_S:g} s"))

    async def _put_part(self, number: int, data: bytes) -> str:
        md5 = await asyncio.to_thread(content_md5, data)
        answer = await self._call("upload_part", PartNumber=number, Body=data, ContentMD5=md5, size=len(data))
        return str(answer["ETag"])

    async def _start(self, size: int, send: Callable[[int], Coroutine[Any, Any, str]]) -> None:
        if self._number == MAX_PARTS:
            raise RefusedError("the object is too large for the object store")
        async with self._room:
            await self._room.wait_for(lambda: self._fits(size))
            self._number += 1
            self._sizes[self._number] = size
        self._group.create_task(self._sent(self._number, send), name=f"part {self._number}")

    async def _sent(self, number: int, send: Callable[[int], Coroutine[Any, Any, str]]) -> None:
        self._etags[number] = await send(number)
        async with self._room:
            del self._sizes[number]
            self._room.notify_all()

    def _fits(self, size: int) -> bool:
        if not self._sizes:
            return True
        held = sum(self._sizes.values()) + size
        return len(self._sizes) < MAX_IN_FLIGHT and held <= MAX_IN_FLIGHT_BYTES

    async def _call(self, operation: str, **parameters: Any) -> Any:
        target = self._target
        return await self._clients.call(
            target.region,
            operation,
            **target.names,
            UploadId=self._id,
            **parameters,
        )


@asynccontextmanager
async def uploading(clients: S3Clients, target: Target) -> AsyncIterator[Upload]:
    """Let an object be stored in parts: complete after the block, nothing at all if anything is raised.

    Raises StorageError.
    """
    mark = secrets.token_hex(16)
    uploads: list[Upload] = []
    try:
        async with asyncio.TaskGroup() as group:
            await _begin(clients, target, mark, group, uploads)
            yield uploads[0]
        try:
            await uploads[0].complete()
        except (MissingObjectError, ObjectExistsError):
            # A completion whose answer was lost is repeated, and then finds no upload any more.
            if not await _is_ours(clients, target, mark):
                raise
    except BaseException as error:
        for upload in uploads:
            await undisturbed(upload.abort())
        raise _first(error) from None


async def _begin(
    clients: S3Clients, target: Target, mark: str, group: asyncio.TaskGroup, uploads: list[Upload]
) -> None:
    async def begin() -> None:
        async with asyncio.timeout(BEGIN_S), clients.use(target.region) as client:
            answer = await client.create_multipart_upload(
                **target.names,
                ContentType=target.content_type,
                Metadata={MARK: mark},
            )
            uploads.append(Upload(clients, target, str(answer["UploadId"]), group))

    # No attempt is cut short: else there is an upload that nobody knows to abort.
    await clients.patiently(lambda: undisturbed(begin()))


async def _is_ours(clients: S3Clients, target: Target, mark: str) -> bool:
    try:
        answer = await clients.call(target.region, "head_object", **target.names)
    except MissingObjectError:
        return False
    return bool(answer.get("Metadata", {}).get(MARK) == mark)


def _first(error: BaseException) -> BaseException:
    """Return the cause that a TaskGroup has wrapped: one that we expect rather than one that we do not."""
    while isinstance(error, BaseExceptionGroup):
        unexpected = [each for each in error.exceptions if not isinstance(each, AudiowardenError)]
        error = (unexpected or list(error.exceptions))[0]
    return error
