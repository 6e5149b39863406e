"""The files below a folder, opened without ever following a symbolic link. Everything blocks."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import secrets
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from daemon.storage.disk import PART_SUFFIX
from daemon.storage.undisturbed import in_thread, opened_in_thread

T = TypeVar("T")

PARTS = ".audiowarden-parts"
"""The folder, in the root, of what is being written: a crash's leftovers are found without a search."""
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe that somebody put there must not keep a thread waiting.
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
LOCKABLE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
WRITE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
NOT_COPIED = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}
"""What copy_file_range(2) says where the file systems cannot do it."""
Told = Callable[[], AbstractContextManager[None]]
"""Turns OSError into what the store's users know."""


class Part:
    """A file that is being written and has no name yet that anybody would ask for."""

    def __init__(self, tree: Tree, told: Told) -> None:
        self._tree = tree
        self._told = told
        self.name, self._file = self._made()
        while not self._locked():
            os.close(self._file)
            self.name, self._file = self._made()

    def _made(self) -> tuple[str, int]:
        name = secrets.token_hex(16) + PART_SUFFIX
        with self._tree.folder(PARTS, make=True) as parts:
            return name, os.open(name, WRITE, 0o666, dir_fd=parts)

    def _locked(self) -> bool:
        """Tell sweeps that somebody is alive who writes it; False: one of another process was faster."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            # Where there are no locks, nothing is swept.
            return True
        return os.fstat(self._file).st_nlink > 0

    async def run(self, work: Callable[[], T]) -> T:
        """Run one of the methods below in a thread."""
        with self._told():
            return await in_thread(work)

    def write(self, data: bytes) -> None:
        """Append `data`."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]

    def copy(self, source: io.FileIO, start: int, size: int) -> int:
        """Append up to `size` bytes of another file, from `start` on; return how many, 0 at its end."""
        try:
            return os.copy_file_range(source.fileno(), self._file, size, offset_src=start)
        except OSError as error:
            if error.errno not in NOT_COPIED:
                raise
        return os.sendfile(self._file, source.fileno(), start, size)

    def finish(self, name: str, replace: bool) -> None:
        """Give the file its name; its content is on the disk before."""
        os.fsync(self._file)
        folder, _, last = name.rpartition("/")
        with self._tree.folder(PARTS) as parts, self._tree.folder(folder, make=True) as target:
            if replace:
                os.rename(self.name, last, src_dir_fd=parts, dst_dir_fd=target)
            else:
                os.link(self.name, last, src_dir_fd=parts, dst_dir_fd=target, follow_symlinks=False)
                os.unlink(self.name, dir_fd=parts)
            os.fsync(target)

    def close(self) -> None:
        """Close the file, and delete it if it has not been finished."""
        os.close(self._file)
        with suppress(FileNotFoundError), self._tree.folder(PARTS) as parts:
            os.unlink(self.name, dir_fd=parts)


class Tree:
    """A folder and all below it; names are checked keys. Raises OSError."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def status(self, name: str) -> os.stat_result:
        """Tell of a file."""
        with self.reading(name) as file:
            return os.fstat(file.fileno())

    def reading(self, name: str) -> io.FileIO:
        """Open a file, not a folder or a device."""
        with self._parent(name) as (parent, last):
            file = os.open(last, READ, dir_fd=parent)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise _fault(errno.ENOENT)
        return io.FileIO(file, "rb")

    def delete(self, name: str) -> None:
        """Delete a file, but no folder, device or link."""
        with self._parent(name) as (parent, last):
            mode = os.stat(last, dir_fd=parent, follow_symlinks=False).st_mode
            if not stat.S_ISREG(mode):
                raise _fault(errno.ELOOP if stat.S_ISLNK(mode) else errno.ENOENT)
            os.unlink(last, dir_fd=parent)

    def sweep(self) -> int:
        """Delete the parts that nobody writes any more; return how many."""
        swept = 0
        with suppress(FileNotFoundError), self.folder(PARTS) as parts:
            with os.scandir(parts) as entries:
                # Whatever somebody else has put there is left alone.
                names = [each.name for each in entries if each.is_file(follow_symlinks=False)]
            for name in names:
                with suppress(FileNotFoundError, BlockingIOError):
                    # Over NFS only what is open for writing can be locked.
                    file = os.open(name, LOCKABLE, dir_fd=parts)
                    try:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        os.unlink(name, dir_fd=parts)
                        swept += 1
                    finally:
                        os.close(file)
        return swept

    @asynccontextmanager
    async def writing(self, name: str, replace: bool, told: Told) -> AsyncIterator[Part]:
        """Let a file be written, which gets its name at the end, unless something is raised before."""
        if name.partition("/")[0] == PARTS:
            with told():
                raise _fault(errno.EACCES)
        with told():
            part = await opened_in_thread(partial(Part, self, told))
        try:
            yield part
            await part.run(partial(part.finish, name, replace))
        finally:
            await part.run(part.close)

    @contextmanager
    def _parent(self, name: str) -> Iterator[tuple[int, str]]:
        """Open the folder that a file is in; give it and the file's name there."""
        if name.partition("/")[0] == PARTS:
            raise _fault(errno.ENOENT)
        folder, _, last = name.rpartition("/")
        with self.folder(folder) as parent:
            yield parent, last

    @contextmanager
    def folder(self, name: str, *, make: bool = False) -> Iterator[int]:
        """Open a folder as a descriptor, step by step; with `make`, make what is missing below the root."""
        try:
            current = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise _fault(errno.ENOMEDIUM) from None
        try:
            for step in filter(None, name.split("/")):
                below = _below(current, step, make=make)
                os.close(current)
                current = below
            yield current
        finally:
            os.close(current)


def _below(folder: int, step: str, *, make: bool) -> int:
    if make:
        with suppress(FileExistsError):
            os.mkdir(step, dir_fd=folder)
            os.fsync(folder)
    try:
        return os.open(step, FOLDER, dir_fd=folder)
    except NotADirectoryError:
        if stat.S_ISLNK(os.lstat(step, dir_fd=folder).st_mode):
            raise _fault(errno.ELOOP) from None
        raise _fault(errno.ENOTDIR if make else errno.ENOENT) from None


def _fault(code: int) -> OSError:
    return OSError(code, os.strerror(code))
