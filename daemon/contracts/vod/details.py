"""Describes an asset as the vendor's clients read it."""

from __future__ import annotations

import time
from collections.abc import Collection

from daemon.contracts.vod.assets import UNREADABLE_ASSET, Asset, AssetStatus
from daemon.contracts.vod.messages import (
    AssetDetails,
    BaseInfo,
    FileAddressAnswer,
    MetaData,
    Output,
    ReviewInfo,
    ThumbnailInfo,
    TranscodeInfo,
    TranscodeStatus,
)
from daemon.jobs.interfaces import NOT_UNDERSTOOD, JobState, JobStatus
from daemon.logs import tell
from daemon.storage.interfaces import Place, StorageError, Stores

CATEGORIES = ("base_info", "transcode_info", "thumbnail_info", "review_info")
ADDRESS_S = 86_400
"""How long an address in the details is good."""
OF_JOB = {
    JobStatus.WAITING: AssetStatus.WAITING,
    JobStatus.WORKING: AssetStatus.WORKING,
    JobStatus.CANCELLED: AssetStatus.CANCELLED,
}
KEPT = {JobStatus.DONE: AssetStatus.SUCCEEDED, JobStatus.FAILED: AssetStatus.FAILED}
"""What is kept of an asset, with all that belongs to it, a moment after its job has ended."""
TRANSCODE_STATUS: dict[AssetStatus, TranscodeStatus] = {
    AssetStatus.CREATED: "UN_TRANSCODE",
    AssetStatus.CANCELLED: "UN_TRANSCODE",
    AssetStatus.WAITING: "WAITING_TRANSCODE",
    AssetStatus.WORKING: "TRANSCODING",
    AssetStatus.SUCCEEDED: "TRANSCODE_SUCCEED",
    AssetStatus.FAILED: "TRANSCODE_FAILED",
}


async def describe(
    asset: Asset, job: JobState | None, stores: Stores, categories: Collection[str]
) -> AssetDetails:
    """Return an asset's details; `job`: how far its extraction is, if it has one."""
    status = asset.status if job is None else _status(asset, job)
    address = await _address(asset, status, stores)
    working = job is not None and status is AssetStatus.WORKING
    return AssetDetails(
        asset_id=asset.asset_id,
        status=status.value,
        progress=round(job.progress * 100) if job is not None and working else None,
        base_info=_base_info(asset, address) if "base_info" in categories else None,
        transcode_info=_transcode_info(asset, status, address) if "transcode_info" in categories else None,
        thumbnail_info=ThumbnailInfo() if "thumbnail_info" in categories else None,
        review_info=ReviewInfo() if "review_info" in categories else None,
    )


def _status(asset: Asset, job: JobState) -> AssetStatus:
    # While it is being extracted anew, the job knows better than what is kept of the last time.
    if job.status in OF_JOB:
        return OF_JOB[job.status]
    if job.error_code == UNREADABLE_ASSET:
        # Whoever can read the asset finds it as it was before: nothing else will become of it.
        return AssetStatus.FAILED
    # A job that cannot be read says nothing of the asset.
    kept = asset.status is KEPT[job.status] or job.error_code == NOT_UNDERSTOOD
    return asset.status if kept else AssetStatus.WORKING


async def _address(asset: Asset, status: AssetStatus, stores: Stores) -> str | None:
    """Return where the asset can be fetched; None: nowhere, or not just now."""
    if asset.place is None:
        return asset.url
    if asset.made_from and status is not AssetStatus.SUCCEEDED:
        return None
    try:
        return await stores.at(asset.place.location).address(asset.place.key, ADDRESS_S)
    except StorageError as error:
        tell("no_address_for_details", error, asset=asset.asset_id)
        return None


def _base_info(asset: Asset, address: str | None) -> BaseInfo:
    place = None if asset.place is None else _file(asset.place)
    return BaseInfo(
        title=asset.title,
        video_name=asset.name,
        description=asset.description,
        category_id=asset.category_id,
        create_time=_time(asset.created_at),
        last_modified=_time(asset.modified_at),
        video_type=asset.video_type,
        tags=asset.tags,
        meta_data=MetaData(**asset.meta_data) if asset.meta_data else None,
        video_url=address,
        sign_url=address if asset.place is not None else None,
        source_path=None if asset.made_from else place,
        output_path=place if asset.made_from else None,
    )


def _transcode_info(asset: Asset, status: AssetStatus, address: str | None) -> TranscodeInfo:
    output = []
    if asset.made_from and address is not None and asset.meta_data:
        meta_data = MetaData(**asset.meta_data)
        output.append(Output(play_type=meta_data.pack_type.lower(), url=address, meta_data=meta_data))
    failed = status is AssetStatus.FAILED
    reason = f"{asset.error_code} {asset.error_msg}" if failed else ""
    return TranscodeInfo(transcode_status=TRANSCODE_STATUS[status], exec_desc=reason, output=output)


def _file(place: Place) -> FileAddressAnswer:
    location = place.location
    return FileAddressAnswer(bucket=location.bucket, location=location.region, object=place.key)


def _time(epoch_s: float) -> str:
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(epoch_s))
