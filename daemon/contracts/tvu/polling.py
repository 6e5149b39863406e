"""Exports of media as jobs: the same request starts one, and is told how far it is."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from daemon.contracts.tvu import replies
from daemon.contracts.tvu.messages import MediaAnswer
from daemon.contracts.tvu.translation import MediaExport
from daemon.exports.export import Exported, Form
from daemon.jobs.interfaces import Jobs, JobsFullError, JobState, JobStatus
from daemon.logs import tell
from daemon.storage.interfaces import StorageError, Stores

KIND = "export"
"""Of jobs; their request is an `Export`, their result an `Exported`."""
MAX_TOLD = 10_000
LOOK_S = 10.0
"""How long a store may take to say whether the result is there: a client waits for the answer."""
ANEW_AFTER_S = 60.0
"""So long after it was first answered that an export is done, another request to cover it is a new one."""


class PolledExports:
    """Starts exports and tells how far they are."""

    def __init__(self, jobs: Jobs, stores: Stores, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._jobs = jobs
        self._stores = stores
        self._clock = clock
        self._first_told: OrderedDict[tuple[str, str], float] = OrderedDict()
        """When outcomes were first answered: who asks again for what failed, or covers, wants another try."""

    async def answer(self, account: str, asked: MediaExport) -> MediaAnswer:
        """Start an export, or tell how far it is. Raises LedgerError."""
        name = (account, asked.key)
        state = await self._jobs.state(KIND, *name)
        if state is None or state.over:
            finished = await self._finished(asked, state)
            if finished is not None and (state is None or not self._wanted_anew(name, asked, state)):
                return finished
        if state is not None and state.status is JobStatus.FAILED and self._told_for_s(name) == 0.0:
            return replies.failed(state.error)
        try:
            state = await self._jobs.submit(
                KIND,
                *name,
                asked.export.document(),
                again=state is not None and state.over,
            )
        except JobsFullError as error:
            # A client that polls comes back; an error would end its polling.
            return replies.working(
                asked.image_path, asked.video_path, f"work not finish. It has not begun: {error}."
            )
        return self._told(name, asked, state)

    def _told(self, name: tuple[str, str], asked: MediaExport, state: JobState) -> MediaAnswer:
        """Answer what a job has come to, which may have ended since the first look at it."""
        if state.status is JobStatus.DONE:
            self._told_for_s(name)
            return _done(asked, state.result)
        if state.status is JobStatus.FAILED and self._told_for_s(name) == 0.0:
            return replies.failed(state.error)
        self._first_told.pop(name, None)
        return replies.working(asked.image_path, asked.video_path)

    async def _finished(self, asked: MediaExport, state: JobState | None) -> MediaAnswer | None:
        """Answer that the result is there, if it is, and may be taken for what is asked for."""
        done = state is not None and state.status is JobStatus.DONE
        if not done and asked.export.replace:
            return None
        result = state.result if state is not None and done else {}
        target = asked.export.target
        try:
            async with asyncio.timeout(LOOK_S):
                there = await self._stores.at(target.location).info(target.key) is not None
        except StorageError as error:
            tell("export_not_looked_for", error)
            there = done
        except TimeoutError:
            tell("export_not_looked_for", StorageError(f"no answer within {LOOK_S:g} s"))
            there = done
        return _done(asked, result) if there else None

    def _wanted_anew(self, name: tuple[str, str], asked: MediaExport, state: JobState) -> bool:
        covers = asked.export.replace and state.status is JobStatus.DONE
        return covers and self._told_for_s(name) > ANEW_AFTER_S

    def _told_for_s(self, name: tuple[str, str]) -> float:
        """Return how long ago the outcome of a job was first answered; 0: that is now."""
        now = self._clock()
        told_at = self._first_told.setdefault(name, now)
        while len(self._first_told) > MAX_TOLD:
            self._first_told.popitem(last=False)
        return now - told_at


def _done(asked: MediaExport, result: Mapping[str, Any]) -> MediaAnswer:
    thumbnail = asked.export.form is Form.JPEG
    exported = Exported.of(result) if result else None
    return MediaAnswer(
        ErrorCode=replies.DONE if thumbnail else replies.FINISHED,
        ErrorMessage="" if thumbnail else "Work Finish",
        Status=replies.STATUS_DONE,
        TimeWait=0,
        ImagePath=asked.image_path,
        VideoPath=asked.video_path,
        LackLength=None if exported is None or thumbnail else _ms(exported.lacking_s),
        StartPos=None if exported is None or exported.began_at is None else _ms(exported.began_at),
        Duration=None if exported is None or thumbnail else _ms(exported.duration_s),
    )


def _ms(seconds: float) -> int:
    return math.floor(seconds * 1000 + 0.5)
