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


def test_one_long_stall_closes_no_door_and_some_do() -> None:
    admission = Admission(FakeRecognition(cost_s=0.1), max_load=0.85)
    watch = LoopLag(admission)
    for late_s in (0.0, 60.0, 0.0, 60.0):
        watch.note(late_s)
    assert 0.0 < watch.lag_s < TOO_LATE_S
    assert admission.admits(Load(), demand_of(spec()))
    for _ in range(2):
        watch.note(60.0)
    assert watch.lag_s > TOO_LATE_S
    assert not admission.admits(Load(), demand_of(spec()))
