"""What is answered while a job goes on, and when it ends at an awkward moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from config.settings import S3Settings
from daemon.contracts.tvu.polling import ANEW_AFTER_S, PolledExports
from daemon.contracts.tvu.schema import ExportRequest
from daemon.contracts.tvu.translation import MediaExport, media_export
from daemon.jobs.interfaces import JobState, JobStatus
from daemon.storage.addresses import SignedAddresses
from daemon.storage.folder import FolderStore
from daemon.storage.s3.clients import S3Clients
from daemon.storage.stores import ConfiguredStores
from tests.daemon.contracts.tvu.documents import media_request, place, storage_info

WORKING, DONE = JobState(JobStatus.WORKING), JobState(JobStatus.DONE)


@dataclass
class EndsInBetween:
    """One job (a `Jobs`) that ends after it was looked at, and before it is submitted again."""

    end: JobState
    now: JobState | None = WORKING
    submitted: list[bool] = field(default_factory=list)

    async def state(self, kind: str, account: str, key: str) -> JobState | None:
        return self.now

    async def submit(
        self, kind: str, account: str, key: str, request: Mapping[str, Any], *, again: bool = False
    ) -> JobState:
        self.submitted.append(again)
        self.now = WORKING if again else self.end
        return self.now

    async def cancel(self, kind: str, account: str, key: str) -> bool:
        return False


@dataclass
class Asking:
    """Somebody who asks for one export that covers another, by a clock of his own."""

    polled: PolledExports
    export: MediaExport

    async def ask(self) -> int:
        return (await self.polled.answer("acme", self.export)).ErrorCode


class Clock:
    """Seconds, as the test wants them."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(name="clock")
def _clock() -> Clock:
    return Clock()


def asking(folder: Path, jobs: EndsInBetween, clock: Clock) -> Asking:
    """Somebody who asks for what lies in the folder already."""
    clients = S3Clients(S3Settings())
    stores = ConfiguredStores(FolderStore(folder, SignedAddresses("http://daemon.test", b"s" * 32)), clients)
    info = storage_info(
        place("ts", storage_type="LOCAL"), place("upload", storage_type="LOCAL", storage_path_id="out")
    )
    export = media_export(ExportRequest.model_validate(media_request(storage_info=info)))
    result = folder / export.export.target.key
    result.parent.mkdir(parents=True)
    result.write_bytes(b"media")
    return Asking(PolledExports(jobs, stores, clock=clock), export)


async def test_an_end_between_two_looks_is_first_told_then(tmp_path: Path, clock: Clock) -> None:
    jobs = EndsInBetween(DONE)
    somebody = asking(tmp_path, jobs, clock)
    assert await somebody.ask() == 5
    clock.now += ANEW_AFTER_S - 1
    assert await somebody.ask() == 5
    assert jobs.submitted == [False]
    clock.now += 2
    assert await somebody.ask() == 1
    assert jobs.submitted == [False, True]


async def test_what_was_made_anew_is_first_told_when_it_is_done(tmp_path: Path, clock: Clock) -> None:
    jobs = EndsInBetween(DONE, now=DONE)
    somebody = asking(tmp_path, jobs, clock)
    assert await somebody.ask() == 5
    clock.now += ANEW_AFTER_S + 1
    assert await somebody.ask() == 1
    clock.now += ANEW_AFTER_S + 1
    assert await somebody.ask() == 5
    assert jobs.submitted == [True, False]


async def test_a_failure_between_two_looks_is_told_once(tmp_path: Path, clock: Clock) -> None:
    jobs = EndsInBetween(JobState(JobStatus.FAILED, error="it cannot be read"))
    somebody = asking(tmp_path, jobs, clock)
    assert await somebody.ask() == -1
    clock.now += 1
    assert await somebody.ask() == 1
    assert jobs.submitted == [False, True]
