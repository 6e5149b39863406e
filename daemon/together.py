"""Several pieces of work at once, of which none outlives the others' failure."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def together(name: str, work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Await all of it, in tasks of that name, and return the results in order.

    Raises the first failure; then, and after a cancellation, the rest has been cancelled and has ended.
    """
    tasks = [asyncio.create_task(each, name=name) for each in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
