"""When to try again: the contract's pauses, and when a source has earned a fresh count."""

from __future__ import annotations

from dataclasses import dataclass

WORKED_S = 30.0
"""Audio that a pull must have given, since its last failure, to count as having worked for a while: three
windows. A stream that flaps faster than that uses its tries up."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """`attempts` pauses that grow evenly: `first_s`, then `step_s` more each time, at most `max_s`."""

    first_s: float
    step_s: float
    max_s: float
    attempts: int

    def delay_s(self, failures: int) -> float | None:
        """Return the pause after so many failures (from 1), or None when no try is left."""
        if failures > self.attempts:
            return None
        return min(self.max_s, self.first_s + (failures - 1) * self.step_s)


PULL_BACKOFF = Backoff(first_s=5.0, step_s=5.0, max_s=60.0, attempts=12)
"""The contract's for pulled addresses: 12 tries after 5, 10, 15 … 60 s."""


class RetryBudget:
    """The tries of one stream; audio that arrives for a while gives all of them back."""

    def __init__(self, backoff: Backoff, worked_s: float = WORKED_S) -> None:
        self._backoff = backoff
        self._worked_s = worked_s
        self._failures = 0
        self._heard_s = 0.0

    def worked(self, heard_s: float) -> None:
        """Count audio that arrived."""
        self._heard_s += heard_s
        if self._heard_s >= self._worked_s:
            self._failures = 0

    def next_delay_s(self) -> float | None:
        """Count a failure; return the pause before the next try, or None when there is none left."""
        self._failures += 1
        self._heard_s = 0.0
        return self._backoff.delay_s(self._failures)
