"""The objects of a bucket, in any store that speaks S3."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from daemon.storage.interfaces import (
    CannotJoinError,
    Location,
    MissingObjectError,
    ObjectExistsError,
    ObjectInfo,
    Piece,
    Place,
    RefusedError,
)
from daemon.storage.keys import checked_bucket, checked_key
from daemon.storage.s3.clients import S3Clients
from daemon.storage.s3.join import JoinedPart, plan_join
from daemon.storage.s3.reading import Reading
from daemon.storage.s3.upload import Target, Upload, in_parts, put_whole, uploading

PAGE_SIZE = 1000
"""What a listing gives at once, at most."""
MAX_ADDRESS_S = 7 * 86_400
"""So long a presigned address can live (Amazon S3 API Reference, "Authenticating Requests: Using Query
Parameters")."""


class S3Store:
    """An ObjectStore in a bucket."""

    def __init__(self, clients: S3Clients, location: Location) -> None:
        """Opens no connection. Raises RefusedError when no bucket can have that name."""
        checked_bucket(location.bucket)
        self._clients = clients
        self._location = location

    async def info(self, key: str) -> ObjectInfo | None:
        """Tell of an object; None: there is none, or no such bucket, which the store does not tell apart."""
        try:
            answer = await self._call("head_object", Key=checked_key(key))
        except MissingObjectError:
            return None
        etag = str(answer.get("ETag", "")).strip('"')
        return ObjectInfo(int(answer["ContentLength"]), etag, answer["LastModified"].timestamp())

    async def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """Yield the bytes `[start, start + length)` of an object, or up to its end.

        A connection that breaks is replaced, from the next byte on, unless the object has changed meanwhile.
        """
        end = None if length is None else start + length
        reading = Reading(self._clients, Place(self._location, checked_key(key)), start, end)
        while not reading.ended:
            async with aclosing(reading.chunks()) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def put(
        self, key: str, data: AsyncIterable[bytes], *, content_type: str, replace: bool = True
    ) -> None:
        """Store an object, in parts of 8 MiB and more when it is larger: whole, or not at all."""
        target = await self._free(key, content_type, replace)
        async with aclosing(in_parts(data)) as parts:
            first = await anext(parts, b"")
            second = await anext(parts, b"")
            if not second:
                await put_whole(self._clients, target, first)
                return
            async with uploading(self._clients, target) as upload:
                await upload.add(first)
                await upload.add(second)
                del first, second
                async for part in parts:
                    await upload.add(part)

    async def join(
        self, key: str, pieces: Sequence[Piece], *, content_type: str, replace: bool = True
    ) -> None:
        """Store an object that the store copies from others; only what is too small for a part is read."""
        if any(not piece.place.location.bucket for piece in pieces):
            raise CannotJoinError("pieces of local files cannot be joined in an object store")
        sources = {
            location: S3Store(self._clients, location)
            for location in {piece.place.location for piece in pieces}
        }
        for piece in pieces:
            checked_key(piece.place.key)
        parts = plan_join(pieces)
        target = await self._free(key, content_type, replace)
        if not parts:
            await put_whole(self._clients, target, b"")
            return
        async with uploading(self._clients, target) as upload:
            for part in parts:
                await _add(upload, part, sources)

    async def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no error."""
        await self._call("delete_object", Key=checked_key(key))

    async def address(self, key: str, expires_s: int) -> str:
        """Return a presigned address. With credentials that expire sooner, it ends when they do."""
        if not 0 < expires_s <= MAX_ADDRESS_S:
            raise RefusedError(f"an object store's address lives 1 to {MAX_ADDRESS_S} seconds")
        parameters = {"Bucket": self._location.bucket, "Key": checked_key(key)}
        answer = await self._clients.call(
            self._location.region,
            "generate_presigned_url",
            ClientMethod="get_object",
            Params=parameters,
            ExpiresIn=expires_s,
        )
        return str(answer)

    async def keys(self, prefix: str, page_size: int = PAGE_SIZE) -> AsyncGenerator[str, None]:
        """Yield the keys that begin with `prefix`, in order."""
        async for answer in self._pages(prefix, page_size):
            for entry in answer.get("Contents", ()):
                yield str(entry["Key"])

    async def folders(self, prefix: str, page_size: int = PAGE_SIZE) -> AsyncGenerator[str, None]:
        """Yield the beginnings of keys up to the first `/` after `prefix`, in order, with it."""
        async for answer in self._pages(prefix, page_size, Delimiter="/"):
            for entry in answer.get("CommonPrefixes", ()):
                yield str(entry["Prefix"])

    async def _pages(self, prefix: str, size: int, **parameters: str) -> AsyncGenerator[Any, None]:
        more: dict[str, str] = {}
        while True:
            answer = await self._call("list_objects_v2", Prefix=prefix, MaxKeys=size, **parameters, **more)
            yield answer
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": str(answer["NextContinuationToken"])}

    async def _free(self, key: str, content_type: str, replace: bool) -> Target:
        target = Target(Place(self._location, checked_key(key)), content_type, replace)
        # Said before anything is sent; the final word is the store's.
        if not replace and await self.info(key) is not None:
            store = self._clients.store
            raise ObjectExistsError(f"the object store {store} has an object of that name already")
        return target

    async def _call(self, operation: str, **parameters: Any) -> Any:
        location = self._location
        return await self._clients.call(location.region, operation, Bucket=location.bucket, **parameters)


async def _add(upload: Upload, part: JoinedPart, sources: Mapping[Location, S3Store]) -> None:
    if len(part.pieces) == 1:
        await upload.copy(part.pieces[0])
        return

    async def read() -> bytes:
        data = bytearray()
        for piece in part.pieces:
            async for chunk in sources[piece.place.location].read(piece.place.key, piece.start, piece.length):
                data += chunk
        if len(data) != part.size:
            raise RefusedError("a piece reaches beyond the end of its object")
        return bytes(data)

    await upload.fetch(part.size, read)
