"""How an asset is, between what its job says and what is kept of it."""

from __future__ import annotations

import pytest

from config.settings import S3Settings
from daemon.contracts.vod.assets import UNREADABLE_ASSET, Asset, AssetStatus
from daemon.contracts.vod.details import CATEGORIES, describe
from daemon.jobs.interfaces import NOT_UNDERSTOOD, JobState, JobStatus
from daemon.storage.s3.clients import S3Clients
from daemon.storage.stores import ConfiguredStores

DONE, FAILED = JobState(JobStatus.DONE, 1.0), JobState(JobStatus.FAILED, error="It is no film.")
OF_UNREADABLE = JobState(JobStatus.FAILED, error_code=UNREADABLE_ASSET)
UNREADABLE = JobState(JobStatus.FAILED, error_code=NOT_UNDERSTOOD)


@pytest.mark.parametrize(
    ("kept", "job", "told"),
    [
        (AssetStatus.CREATED, None, "CREATED"),
        (AssetStatus.SUCCEEDED, None, "TRANSCODE_SUCCEED"),
        (AssetStatus.FAILED, JobState(JobStatus.WAITING), "WAITING_TRANSCODE"),
        (AssetStatus.FAILED, JobState(JobStatus.WORKING, 0.5), "TRANSCODING"),
        (AssetStatus.WAITING, JobState(JobStatus.CANCELLED), "CANCELLED"),
        (AssetStatus.SUCCEEDED, DONE, "TRANSCODE_SUCCEED"),
        (AssetStatus.FAILED, FAILED, "TRANSCODE_FAILED"),
        # The job has ended, and the asset does not say so yet.
        (AssetStatus.WAITING, DONE, "TRANSCODING"),
        (AssetStatus.FAILED, DONE, "TRANSCODING"),
        (AssetStatus.CANCELLED, DONE, "TRANSCODING"),
        (AssetStatus.WAITING, FAILED, "TRANSCODING"),
        (AssetStatus.SUCCEEDED, FAILED, "TRANSCODING"),
        # The asset is left to the version that can read it: it will never say so.
        (AssetStatus.WAITING, OF_UNREADABLE, "TRANSCODE_FAILED"),
        (AssetStatus.SUCCEEDED, OF_UNREADABLE, "TRANSCODE_FAILED"),
        (AssetStatus.SUCCEEDED, UNREADABLE, "TRANSCODE_SUCCEED"),
        (AssetStatus.WAITING, UNREADABLE, "WAITING_TRANSCODE"),
    ],
)
async def test_no_outcome_of_an_earlier_time_is_told(
    kept: AssetStatus, job: JobState | None, told: str
) -> None:
    asset = Asset("a1", "film", 1.0, 2.0, kept, url="https://example.com/film.mp4")
    clients = S3Clients(S3Settings())
    details = await describe(asset, job, ConfiguredStores(None, clients), CATEGORIES)
    await clients.close()
    assert details.status == told
