"""What a job is, to those who submit it and to those who do it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from config.errors import AudiowardenError


class JobStatus(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OVER = frozenset({JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class JobState:
    """What is known of a job."""

    status: JobStatus
    progress: float = 0.0
    """0..1; an estimate."""
    result: Mapping[str, Any] = field(default_factory=dict)
    """What its work returned; JSON."""
    error: str = ""
    """Why it failed: one sentence for whoever asked for it."""
    error_code: str = ""
    """Which kind of failure, in words of the work (for a contract's own codes)."""

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to the job, unless it is started anew."""
        return self.status in OVER


class JobFailedError(AudiowardenError):
    """The work cannot be done; `retryable`: it is tried again a few times before that counts."""

    def __init__(self, message: str, code: str = "", *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


NOT_UNDERSTOOD = "not understood"
"""The `error_code` of a job that cannot be read."""


class NotUnderstoodError(JobFailedError):
    """Another version of the program wrote down what was asked for, and this one cannot read it.

    It is tried again like others: another daemon of a cluster may be of the version that can.
    """

    def __init__(self) -> None:
        super().__init__(
            "It was asked for in another version of this program, in a form that this one does not know.",
            NOT_UNDERSTOOD,
            retryable=True,
        )


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work, as those see it who do it."""

    kind: str
    account: str
    key: str
    """Its identity within kind and account: who asks for the same gets the same job."""
    request: Mapping[str, Any]
    """What was submitted; JSON, without secrets."""
    tell_progress: Callable[[float], None]
    """0..1; may be called from any thread, and as often as one likes."""
    run: int = 1
    """Counts from 1; one more each time it is started anew."""


JobWork = Callable[[Job], Awaitable[Mapping[str, Any]]]
"""Does a job and returns its result. Raises JobFailedError, and NotUnderstoodError for its request.

Cancelled when nobody wants it any more, or when the daemon stops (then it is done again, from its beginning,
after the next start): it must leave nothing half done behind. Any other expected error of ours counts as a
failure too, with its text and its `retryable`."""


JobEnded = Callable[[Job, JobState], Awaitable[None]]
"""Told that a job is over: done, failed or cancelled. Called again after a crash in the middle, and while it
raises LedgerError; what else it raises is logged and counts for nothing."""


@dataclass(frozen=True, slots=True)
class JobKind:
    """One kind of jobs: what does them."""

    work: JobWork
    polled: bool = True
    """Whether somebody asks for it until it is done; such a job is cancelled when nobody does any more."""
    ended: JobEnded | None = None


class Jobs(Protocol):
    """All jobs of this daemon."""

    async def submit(
        self, kind: str, account: str, key: str, request: Mapping[str, Any], *, again: bool = False
    ) -> JobState:
        """Start a job, or tell how far the one of the same identity is; durable when this returns.

        Asking counts as polling: a polled job is cancelled when nobody has asked for an hour. `again` starts
        one that is over (done, failed, cancelled) anew. Raises LedgerError; JobsFullError when too many wait.
        """

    async def state(self, kind: str, account: str, key: str) -> JobState | None:
        """Tell how far a job is, without polling it; None: there is none."""

    async def cancel(self, kind: str, account: str, key: str) -> bool:
        """Cancel a job that still waits; False: there is none, or it has begun."""


class JobsFullError(AudiowardenError):
    """Too many jobs of the account wait: try later."""

    retryable = True
