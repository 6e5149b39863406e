"""Work that a cancellation must not leave half done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def undisturbed(work: Coroutine[Any, Any, T]) -> T:
    """Await `work`, which has a deadline of its own; a cancellation takes effect when it has ended."""
    task = asyncio.create_task(work, name="undisturbed work")
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        # Else its failure would be told as one that nobody asked about.
        task.cancelled() or task.exception()
        raise asyncio.CancelledError
    return task.result()


async def in_thread(work: Callable[[], T]) -> T:
    """Run `work` in a thread; a cancellation takes effect when it has ended, so that it can be undone."""
    return await undisturbed(asyncio.to_thread(work))
