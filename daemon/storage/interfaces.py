"""What keeps objects: a local folder or a store that speaks S3, behind one protocol; and the clip store."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from config.errors import AudiowardenError


class StorageError(AudiowardenError):
    """An object could not be stored or read: the store is away, or refuses."""

    retryable = True


class MissingObjectError(StorageError):
    """There is no object of that key, or no such bucket."""

    retryable = False


class ObjectExistsError(StorageError):
    """There is one already, and it was not to be replaced."""

    retryable = False


class RefusedError(StorageError):
    """The key or the location is none that may be used, or the store denies access."""

    retryable = False


class CannotJoinError(StorageError):
    """The store cannot join these pieces by itself: they have to be read and written."""

    retryable = False


@dataclass(frozen=True, slots=True)
class Location:
    """Where objects are: a bucket in a region, or, without a bucket, the local media root."""

    bucket: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """An object in a store, or a folder of one: what the keys in it begin with, without the last `/`."""

    location: Location
    key: str
    """Of a folder it may be empty: the top of the store."""

    def child(self, *names: str) -> Place:
        """Return what lies in this folder under names, one below the other."""
        return replace(self, key="/".join(filter(None, (self.key, *names))))

    @property
    def folder(self) -> Place:
        """The folder that an object is in."""
        return replace(self, key=self.key.rpartition("/")[0])


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a store tells of an object."""

    size: int
    """In bytes."""
    etag: str
    """Changes when the content does."""
    modified_at: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an object."""

    place: Place
    start: int
    length: int
    """Both in bytes."""


class ObjectStore(Protocol):
    """The objects of one location. Everything raises StorageError or one of its kinds, without secrets.

    A key is a relative path with `/`: no `..`, no empty part, at most 1,024 bytes.
    """

    async def info(self, key: str) -> ObjectInfo | None:
        """Tell of an object; None: there is none."""

    def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """Yield the bytes `[start, start + length)` of an object, or up to its end, as they come.

        Fewer when the object ends before. Whoever stops early closes it: `contextlib.aclosing`.
        """

    async def put(
        self, key: str, data: AsyncIterable[bytes], *, content_type: str, replace: bool = True
    ) -> None:
        """Store an object: whole, or (after a failure, a crash, a cancellation) not at all.

        `data` of any length is sent on as it comes; memory stays flat. Raises ObjectExistsError when there
        is one and `replace` is False.
        """

    async def join(
        self, key: str, pieces: Sequence[Piece], *, content_type: str, replace: bool = True
    ) -> None:
        """Store an object that is made of pieces of others in the same kind of store, without reading them.

        Raises CannotJoinError, before anything is stored, when the store has no way to do that with these.
        """

    async def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no error."""

    async def address(self, key: str, expires_s: int) -> str:
        """Return an address from which anybody can fetch the object for a while."""


class Stores(Protocol):
    """All locations that the configuration allows."""

    def at(self, location: Location) -> ObjectStore:
        """Return the store of a location; opens no connection. Raises RefusedError."""


class ClipStore(Protocol):
    """Keeps evidence clips for a while and hands out addresses that nobody can guess."""

    async def put(self, name: str, data: bytes) -> str:
        """Store `data` under `name` (such as `<stream id>_<n>.mp3`) and return its expiring URL.

        Raises StorageError when it cannot be stored.
        """

    async def expire(self) -> int:
        """Delete what is older than the retention; return how many clips went."""
