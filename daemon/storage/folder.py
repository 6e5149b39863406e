"""The objects of a local folder: the media root."""

from __future__ import annotations

import errno
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from io import FileIO
from pathlib import Path

from daemon.storage.addresses import Denial, SignedAddresses
from daemon.storage.disk import reason
from daemon.storage.interfaces import (
    CannotJoinError,
    MissingObjectError,
    ObjectExistsError,
    ObjectInfo,
    Piece,
    RefusedError,
    StorageError,
)
from daemon.storage.keys import checked_key
from daemon.storage.tree import Part, Tree
from daemon.storage.undisturbed import in_thread, opened_in_thread

READ_BYTES = 256 * 1024
WRITE_BYTES = 1024 * 1024
"""What is written in one go of a thread."""
COPY_BYTES = 64 * 1024 * 1024
"""What is copied in one go of a thread, and a cancellation waits for."""
OBJECTS = "objects"
"""Under which path the daemon hands them out."""

KINDS: dict[int, Callable[[str], StorageError]] = {
    errno.ENOENT: MissingObjectError,
    errno.ENOTDIR: RefusedError,
    errno.EISDIR: RefusedError,
    errno.EEXIST: ObjectExistsError,
    errno.ELOOP: RefusedError,
    errno.ENAMETOOLONG: RefusedError,
    errno.EACCES: RefusedError,
    errno.EPERM: RefusedError,
}
SENTENCES = {
    errno.ENOENT: "there is no such file in the media root",
    errno.ENOTDIR: "what should be a folder in the path is a file",
    errno.EISDIR: "there is a folder of that name in the media root",
    errno.EEXIST: "there is a file of that name already in the media root",
    errno.ELOOP: "the path leads through a symbolic link, which is not followed",
    errno.ENAMETOOLONG: "a name in the path is too long for the disk",
    errno.EACCES: "the daemon may not do that in the media root",
    errno.EPERM: "the daemon may not do that in the media root",
    errno.ENOMEDIUM: "the media root is not there",
    errno.ENOSPC: "the disk of the media root is full",
    errno.EDQUOT: "the disk quota of the media root is used up",
    errno.EROFS: "the media root is mounted read-only",
    errno.EXDEV: "the media root must be one file system, without others mounted in it",
}


class FolderStore:
    """An ObjectStore in a folder. Symbolic links below it are not followed; content types are not kept."""

    def __init__(self, root: Path, addresses: SignedAddresses) -> None:
        """Touches nothing."""
        self._tree = Tree(root)
        self._addresses = addresses

    async def sweep(self) -> int:
        """Delete what a crash left of objects that were being written; return how many files."""
        with _told():
            return await in_thread(self._tree.sweep)

    async def info(self, key: str) -> ObjectInfo | None:
        """Tell of an object; None: there is none."""
        name = checked_key(key)
        try:
            with _told():
                status = await in_thread(partial(self._tree.status, name))
        except MissingObjectError:
            return None
        etag = f"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"
        return ObjectInfo(status.st_size, etag, status.st_mtime)

    async def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """Yield the bytes `[start, start + length)` of an object, or up to its end."""
        file = await self._opened(key)
        try:
            with _told():
                await in_thread(partial(file.seek, start))
            left = length
            while left is None or left > 0:
                size = READ_BYTES if left is None else min(READ_BYTES, left)
                with _told():
                    data = await in_thread(partial(file.read, size))
                if not data:
                    return
                if left is not None:
                    left -= len(data)
                yield data
        finally:
            await in_thread(file.close)

    async def put(
        self, key: str, data: AsyncIterable[bytes], *, content_type: str, replace: bool = True
    ) -> None:
        """Store an object: whole, or (after a failure, a crash, a cancellation) not at all."""
        name = checked_key(key)
        await self._free(name, replace)
        async with self._tree.writing(name, replace, _told) as part:
            waiting = bytearray()
            async for piece in data:
                waiting += piece
                if len(waiting) >= WRITE_BYTES:
                    await part.run(partial(part.write, bytes(waiting)))
                    waiting.clear()
            await part.run(partial(part.write, bytes(waiting)))

    async def join(
        self, key: str, pieces: Sequence[Piece], *, content_type: str, replace: bool = True
    ) -> None:
        """Store an object that is made of pieces of others, copied by the kernel."""
        name = checked_key(key)
        if any(piece.place.location.bucket for piece in pieces):
            raise CannotJoinError("pieces of an object store cannot be joined in a folder")
        for piece in pieces:
            checked_key(piece.place.key)
        await self._free(name, replace)
        async with self._tree.writing(name, replace, _told) as part:
            for piece in pieces:
                await self._copy(part, piece)

    async def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no error."""
        name = checked_key(key)
        with suppress(MissingObjectError), _told():
            await in_thread(partial(self._tree.delete, name))

    async def address(self, key: str, expires_s: int) -> str:
        """Return an address at which this daemon hands the object out for a while."""
        expires = int(self._addresses.clock()) + expires_s
        return self._addresses.address(OBJECTS, checked_key(key), expires)

    async def find(self, key: str, expires: str, signature: str) -> FileIO | Denial:
        """Open the file behind an address, given its parts as a stranger sent them, or say why there is none.

        Nothing but FORGED is said to somebody without a good signature. Raises StorageError.
        """
        if denial := self._addresses.denial(OBJECTS, key, expires, signature):
            return denial
        try:
            return await self._opened(key)
        except MissingObjectError:
            return Denial.GONE

    async def _opened(self, key: str) -> FileIO:
        name = checked_key(key)
        with _told():
            return await opened_in_thread(partial(self._tree.reading, name))

    async def _copy(self, part: Part, piece: Piece) -> None:
        source = await self._opened(piece.place.key)
        try:
            at, left = piece.start, piece.length
            while left > 0:
                copied = await part.run(partial(part.copy, source, at, min(left, COPY_BYTES)))
                if not copied:
                    raise RefusedError("a piece reaches beyond the end of its file")
                at, left = at + copied, left - copied
        finally:
            await in_thread(source.close)

    async def _free(self, name: str, replace: bool) -> None:
        # Said before anything is read; the final word is the disk's.
        if not replace and await self.info(name) is not None:
            raise ObjectExistsError(SENTENCES[errno.EEXIST])


@contextmanager
def _told() -> Iterator[None]:
    """Turn what the disk says into a StorageError of one sentence, without the path."""
    try:
        yield
    except OSError as error:
        code = error.errno or 0
        sentence = SENTENCES.get(code, f"the media root cannot be used: {reason(error)}")
        raise KINDS.get(code, StorageError)(sentence) from None
