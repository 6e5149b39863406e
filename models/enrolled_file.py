"""The file in which voices or songs are kept: names, the lock around a change, replacement, what is wrong."""

from __future__ import annotations

import fcntl
import os
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

from models.errors import EnrolmentError

MAX_NAME_CHARACTERS = 64

Index = TypeVar("Index")


class UnusableError(Exception):
    """What is wrong with a file's content, and what is to be done."""

    def __init__(
        self, wrong: str, advice: str = "restore it from a copy, or delete it and enrol anew"
    ) -> None:
        super().__init__(wrong)
        self.advice = advice


def valid_name(name: str) -> str:
    """Return the name as it is kept (NFC). Raises EnrolmentError: not 1 to 64 printable characters."""
    name = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
        raise EnrolmentError(f"a name has 1 to {MAX_NAME_CHARACTERS} printable characters, not {name[:80]!r}")
    return name


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep others from changing what is enrolled in `folder` meanwhile; makes the folder.

    Raises EnrolmentError when it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise EnrolmentError(f"the folder {folder} cannot be used: {error.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read_file(path: Path, parse: Callable[[BinaryIO], Index], nothing: Index) -> Index:
    """Return what `parse` makes of the file, `nothing` where there is none.

    `parse` raises OSError and UnusableError. Raises EnrolmentError that names the file and what is wrong.
    """
    try:
        with path.open("rb") as file:
            return parse(file)
    except FileNotFoundError:
        return nothing
    except OSError as error:
        raise EnrolmentError(f"{path} cannot be read: {error.strerror}") from None
    except UnusableError as error:
        raise EnrolmentError(f"{path} cannot be used, {error}: {error.advice}") from None


def replace_file(path: Path, content: Iterable[bytes | memoryview]) -> None:
    """Write the file: whoever reads it sees the old one or the new one, never half of it.

    Only the user who runs this may read it. Raises EnrolmentError.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as file:
            part = Path(file.name)
            try:
                for piece in content:
                    file.write(piece)
                file.flush()
                # Else a power cut can leave the final name with nothing in it.
                os.fsync(file.fileno())
                part.replace(path)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise EnrolmentError(f"{path} cannot be written: {error.strerror}") from None
