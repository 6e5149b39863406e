"""How late the event loop is: when threads take the interpreter from it, no new stream is taken on."""

from __future__ import annotations

import asyncio

from daemon.admission import Admission

EVERY_S = 0.25
WEIGHT = 0.1
"""Of the newest measurement: about the last two and a half seconds count."""
TOO_LATE_S = 0.25
"""An answer takes some four turns of the loop, and a platform waits one second for it."""
MOST_S = 1.0
"""A measurement counts as no more: one long stall (a machine that was asleep) is over when it is seen."""


class LoopLag:
    """Measures how long the loop's timers are overdue."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.lag_s = 0.0
        """Mean of the last seconds."""

    def note(self, late_s: float) -> None:
        """Take a measurement; close the door when streams that are taken on now would be served too late."""
        self.lag_s += WEIGHT * (min(max(0.0, late_s), MOST_S) - self.lag_s)
        if self.lag_s > TOO_LATE_S:
            self._admission.overloaded()

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + EVERY_S
            await asyncio.sleep(EVERY_S)
            self.note(loop.time() - due)
