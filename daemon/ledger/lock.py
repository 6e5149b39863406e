"""The lock that keeps a second daemon away from a data folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from daemon.ledger.interfaces import LedgerError


class FolderLock:
    """An advisory lock (flock) on a file in the folder; the kernel drops it when the process dies.

    The file stays when the lock is released: removing it would let two processes lock two different files.
    """

    def __init__(self, folder: Path) -> None:
        """Lock `folder`. Raises LedgerError that names the process that has it."""
        path = folder / "ledger.lock"
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerError(f"cannot use the folder {folder}: {error.strerror}") from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise LedgerError(
                f"another audiowarden (pid {holder}) already uses {folder}: stop it, or set another data_dir"
            ) from None
        except OSError as error:
            os.close(self._descriptor)
            raise LedgerError(f"cannot lock the folder {folder}: {error.strerror}") from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let others have the folder."""
        os.close(self._descriptor)
