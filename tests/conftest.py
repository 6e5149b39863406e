"""What every test is held to: no task is left behind, and no example is drawn by chance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck, settings

# The same examples each time, and none too slow: a run tells of what was changed, not of luck or the machine.
settings.register_profile(
    "house", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")

CLOSING_S = 1.0
"""What takes longer to end than this is not ending."""


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
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    if left:
        # Or wait for what another process or thread has yet to close at its end.
        _, left = await asyncio.wait(left, timeout=CLOSING_S)
    assert not left, f"tasks left behind: {[task.get_name() for task in left]}"
