"""Bytes that are here already, as stores take them."""

from __future__ import annotations

from collections.abc import AsyncIterator


async def once(data: bytes) -> AsyncIterator[bytes]:
    """Yield `data`, all at once."""
    yield data
