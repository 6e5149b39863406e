"""The clip store protocol: local folder today, object storage behind the same calls."""

from __future__ import annotations

from typing import Protocol

from config.errors import AudiowardenError


class StorageError(AudiowardenError):
    """A clip could not be stored or read."""

    retryable = True


class ClipStore(Protocol):
    """Keeps evidence clips for a while and hands out addresses that nobody can guess."""

    async def put(self, name: str, data: bytes) -> str:
        """Store `data` under `name` (such as `<stream id>_<n>.mp3`) and return its expiring URL.

        Raises StorageError when it cannot be stored.
        """

    async def expire(self) -> int:
        """Delete what is older than the retention; return how many clips went."""
