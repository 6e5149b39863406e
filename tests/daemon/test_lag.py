"""The event loop's lag, and what follows from it."""

from __future__ import annotations

import asyncio
import contextlib
import time

from daemon.admission import Admission, Load, demand_of
from daemon.lag import EVERY_S, TOO_LATE_S, LoopLag
from tests.support.streams import FakeRecognition, spec


async def test_a_loop_that_is_kept_from_its_turn_takes_no_stream() -> None:
    admission = Admission(FakeRecognition(cost_s=0.1), max_load=0.85)
    watch = LoopLag(admission)
    task = asyncio.create_task(watch.run(), name="lag")
    await asyncio.sleep(2.5 * EVERY_S)
    assert admission.admits(Load(), demand_of(spec()))
    assert watch.lag_s < TOO_LATE_S
    for _ in range(4):
        time.sleep(5 * TOO_LATE_S)  # noqa: ASYNC251 - the fault that is looked for
        await asyncio.sleep(0.01)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert watch.lag_s > TOO_LATE_S
    assert not admission.admits(Load(), demand_of(spec()))
