"""Exports of media as jobs: the same request starts one, and is told how far it is."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from daemon.contracts.tvu import replies
from daemon.contracts.tvu.messages import MediaAnswer
from daemon.contracts.tvu.translation import MediaExport
from daemon.exports import Exported, Form
from daemon.jobs.interfaces import Jobs, JobsFullError, JobState, JobStatus
from daemon.logs import tell
from daemon.storage.interfaces import StorageError, Stores

KIND = "export"
"""Of jobs; their request is an `Export`, their result an `Exported`."""
MAX_TOLD = 10_000
LOOK_S = 10.0
"""How long a store may take to say whether the result is there: a client waits for the answer."""


class PolledExports:
    """Starts exports and tells how far they are."""

    def __init__(self, jobs: Jobs, stores: Stores) -> None:
        self._jobs = jobs
        self._stores = stores
        self._told: OrderedDict[tuple[str, str], None] = OrderedDict()
        """Failures that were answered: who asks again after one wants another try."""

    async def answer(self, account: str, asked: MediaExport) -> MediaAnswer:
        """Start an export, or tell how far it is. Raises LedgerError."""
        state = await self._jobs.state(KIND, account, asked.key)
        if state is None or state.over:
            finished = await self._finished(asked, state)
            if finished is not None:
                return finished
        if state is not None and state.status is JobStatus.FAILED and self._first_told(account, asked.key):
            return replies.failed(state.error)
        try:
            state = await self._jobs.submit(
                KIND,
                account,
                asked.key,
                asked.export.document(),
                again=state is not None and state.over,
            )
        except JobsFullError as error:
            # A client that polls comes back; an error would end its polling.
            return replies.working(
                asked.image_path, asked.video_path, f"work not finish. It has not begun: {error}."
            )
        if state.status is JobStatus.DONE:
            return _done(asked, state.result)
        if state.status is JobStatus.FAILED and self._first_told(account, asked.key):
            return replies.failed(state.error)
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

    def _first_told(self, account: str, key: str) -> bool:
        """Say whether a failure has not been answered yet; from then on it has."""
        if (account, key) in self._told:
            del self._told[account, key]
            return False
        self._told[account, key] = None
        while len(self._told) > MAX_TOLD:
            self._told.popitem(last=False)
        return True


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
