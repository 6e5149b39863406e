"""What both kinds of local store do on the disk. Everything blocks."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

PART_SUFFIX = ".part"


def write_part(folder: Path, data: bytes) -> Path:
    """Write a file of mode 0600 under a name of its own; its content is on the disk when this returns."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=PART_SUFFIX, delete=False) as file:
        part = Path(file.name)
        try:
            file.write(data)
            file.flush()
            # Else a power cut can leave the final name with nothing in it.
            os.fsync(file.fileno())
        except OSError:
            part.unlink(missing_ok=True)
            raise
    return part


def sync_folder(folder: Path) -> None:
    """Put the names of a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reason(error: OSError) -> str:
    """Say what was wrong, without the path."""
    return error.strerror or type(error).__name__
