"""What is kept of every job: how far it is, and when somebody last asked for it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from functools import partial

from pydantic import TypeAdapter
from pydantic_core import from_json

from config.settings import JobSettings
from daemon.jobs.interfaces import JobState, JobStatus, NotUnderstoodError
from daemon.jobs.item import JobName, group_of
from daemon.ledger.interfaces import Documents
from daemon.unreadable import Unreadable
from daemon.upkeep import DAY_S, STEP, in_steps

ASKED_STEP = 20
"""An asking is written down when the last one is older than this part of what counts as abandoned."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the ledger keeps of a job."""

    run: int
    """Counts from 1; one more each time it is started anew."""
    begun: int = 0
    """How often its work began in this run without any end: the daemon died."""
    state: JobState = field(default_factory=lambda: JobState(JobStatus.WAITING))

    @classmethod
    def read(cls, body: bytes) -> Stored:
        """Read what `write` wrote, whatever a later version has added. Raises NotUnderstoodError."""
        try:
            document = from_json(body)
            return _STORED.validate_python({each: document[each] for each in _NEEDED})
        except (ValueError, LookupError, TypeError):
            raise NotUnderstoodError from None

    def write(self) -> bytes:
        """Return it as JSON. Raises TypeError and ValueError when the job's result is none."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False).encode()


_STORED = TypeAdapter(Stored)
_NEEDED = ("run", "begun", "state")


class JobBook:
    """The documents of all jobs. Everything raises LedgerError."""

    def __init__(
        self, documents: Documents, settings: JobSettings, wall: Callable[[], float] = time.time
    ) -> None:
        """`wall` gives seconds since the epoch."""
        self._documents = documents
        self._settings = settings
        self._wall = wall
        self.unreadable = Unreadable("stored_job_not_understood")

    async def read(self, name: JobName) -> Stored | None:
        """Return what is known of a job; of one that cannot be read, that it failed, in a run before all."""
        body = await self._documents.get(_state_kind(name.kind), name.account, name.key)
        try:
            return None if body is None else Stored.read(body)
        except NotUnderstoodError as error:
            self.unreadable.note(group_of(name.kind, name.account), name.key)
            return Stored(0, state=JobState(JobStatus.FAILED, error=str(error), error_code=error.code))

    async def write(self, name: JobName, stored: Stored) -> None:
        """Keep what is known of a job."""
        await self._put(_state_kind(name.kind), name, stored.write())

    async def asked(self, name: JobName) -> None:
        """Take note that somebody asks for a job now."""
        kind = _asked_kind(name.kind)
        last = await self._last_asked(name)
        if last is None or abs(self._wall() - last) > self._settings.abandon_s / ASKED_STEP:
            await self._put(kind, name, f"{self._wall():.3f}".encode())

    async def abandoned(self, name: JobName) -> bool:
        """Say whether nobody has asked for a job for so long that nobody will."""
        last = await self._last_asked(name)
        return last is not None and self._wall() - last > self._settings.abandon_s

    async def expire(self, kinds: Iterable[str]) -> None:
        """Forget what was last written down too long ago."""
        age_s = self._settings.keep_days * DAY_S
        for kind in kinds:
            for each in (_state_kind(kind), _asked_kind(kind)):
                await in_steps(partial(self._documents.expire, each, age_s, STEP))

    async def _last_asked(self, name: JobName) -> float | None:
        body = await self._documents.get(_asked_kind(name.kind), name.account, name.key)
        try:
            return None if body is None else float(body)
        except ValueError:
            return None

    async def _put(self, kind: str, name: JobName, body: bytes) -> None:
        if not await self._documents.replace(kind, name.account, name.key, body):
            await self._documents.create(kind, name.account, name.key, body)


def _state_kind(kind: str) -> str:
    return f"job {kind}"


def _asked_kind(kind: str) -> str:
    return f"job asked {kind}"
