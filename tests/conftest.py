"""What every test is held to: no task is left behind, and no example is drawn by chance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck, settings

# The same examples each time, on a machine of any speed: a test fails for what was changed.
settings.register_profile(
    "house", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")


@pytest.fixture
def nothing_blocks() -> Iterator[None]:
    """Any blocking call that our own code makes on the event loop raises."""
    with blockbuster_ctx(scanned_modules=["daemon", "pipeline", "models"]):
        yield


@pytest_asyncio.fixture(autouse=True)
async def _no_leaked_tasks() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    # Callbacks of what has just been closed may need a few turns of the loop.
    for _ in range(5):
        await asyncio.sleep(0)
    own = {asyncio.current_task()}
    leaked = [task.get_name() for task in asyncio.all_tasks() - before - own if not task.done()]
    assert not leaked, f"tasks left behind: {leaked}"
