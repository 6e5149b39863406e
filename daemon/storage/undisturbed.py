"""Work that a cancellation must not leave half done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar


class Closable(Protocol):
    """What must be closed, and may block meanwhile."""

    def close(self) -> object:
        """Let go of it."""


T = TypeVar("T")
C = TypeVar("C", bound=Closable)


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


async def opened_in_thread(work: Callable[[], C]) -> C:
    """Run `work` in a thread and return what it has opened; a cancellation closes that."""
    opened: list[C] = []
    try:
        await in_thread(lambda: opened.append(work()))
    except BaseException:
        for each in opened:
            await in_thread(each.close)
        raise
    return opened[0]
