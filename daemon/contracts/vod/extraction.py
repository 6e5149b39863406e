"""The work of an extraction: from the asset's file to its audio in a store, and the event of its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from config.errors import AudiowardenError
from daemon.contracts.vod import replies
from daemon.contracts.vod.access import Projects
from daemon.contracts.vod.assets import (
    UNREADABLE_ASSET,
    Asset,
    Assets,
    AssetStatus,
    UnreadableAssetError,
)
from daemon.contracts.vod.formats import FORMS, container_of
from daemon.contracts.vod.messages import AudioExtractComplete, AudioExtractInfo, EventMetaData, MetaData
from daemon.exports.sources import Sources
from daemon.exports.storing import MADE, store_file
from daemon.exports.whole_audio import MakeAudio, WholeAudio
from daemon.jobs.interfaces import Job, JobFailedError, JobKind, JobState, JobStatus, NotUnderstoodError
from daemon.jobs.workshop import TooLargeError, Workshop
from daemon.ledger.interfaces import LedgerError
from daemon.outbox import Delivery, Outbox
from daemon.storage.interfaces import MissingObjectError, Place, RefusedError, StorageError, Stores
from pipeline.audio_forms import AudioForm
from pipeline.recording.recording import RecordingError, RecordingFault

log = structlog.get_logger()

KIND = "vod.extract"
ADDRESS_S = 7 * 86_400
"""How long the address in an event is good: as long as an S3 signature can be."""
FAULTS = {
    RecordingFault.MISSING: replies.NOT_FOUND,
    RecordingFault.INVALID: replies.UNSUPPORTED,
    RecordingFault.OUTSIDE: replies.UNSUPPORTED,
    RecordingFault.UNSUPPORTED: replies.UNSUPPORTED,
    RecordingFault.REFUSED: replies.FORBIDDEN,
}


class Extraction:
    """Does extractions, and tells of their ends."""

    def __init__(
        self,
        assets: Assets,
        projects: Projects,
        stores: Stores,
        outbox: Outbox,
        workshop: Workshop,
        sources: Sources,
        make: MakeAudio,
    ) -> None:
        self._assets = assets
        self._projects = projects
        self._stores = stores
        self._outbox = outbox
        self._workshop = workshop
        self._sources = sources
        self._make = make

    @property
    def kind(self) -> JobKind:
        """What does these jobs. Nobody polls an extraction: its end is told."""
        return JobKind(self.work, polled=False, ended=self.ended)

    async def work(self, job: Job) -> Mapping[str, Any]:
        """Extract, store whole or not at all, and return what is known of the audio."""
        asset_id, audio_format = job.request.get("asset_id"), job.request.get("format")
        if not isinstance(asset_id, str) or audio_format not in FORMS:
            raise NotUnderstoodError
        try:
            source = await self._assets.get(job.account, asset_id)
            audio = await self._assets.get(job.account, job.key)
        except UnreadableAssetError as error:
            raise JobFailedError(str(error), UNREADABLE_ASSET, retryable=error.retryable) from None
        if source is None or audio is None or audio.place is None:
            raise JobFailedError(replies.NOT_FOUND.english, replies.NOT_FOUND.code)
        try:
            return await self._extract(job, source, audio.place, audio_format)
        except (RecordingError, StorageError) as error:
            raise JobFailedError(_sentence(error), _fault(error).code, retryable=error.retryable) from None
        except TooLargeError as error:
            raise JobFailedError(_sentence(error), replies.UNSUPPORTED.code) from None
        except LedgerError:
            raise
        except AudiowardenError as error:
            raise JobFailedError(_sentence(error), replies.INTERNAL.code, retryable=error.retryable) from None

    async def _extract(self, job: Job, source: Asset, place: Place, audio_format: str) -> Mapping[str, Any]:
        form = FORMS[audio_format]
        store = self._stores.at(place.location)
        async with self._workshop.bench() as bench:
            library, name = self._sources.open(source.source, bench)
            target = bench / place.key.rpartition("/")[2]
            make = partial(
                self._make,
                library,
                name,
                target,
                AudioForm(form.value),
                lambda share: job.tell_progress(share * MADE),
            )
            try:
                made = await self._workshop.run(make, library.cancel, target)
            finally:
                library.cancel()
            size = await store_file(target, store, place.key, form.content_type, job.tell_progress)
        return _meta_data(audio_format, made, size).model_dump(exclude_none=True)

    async def ended(self, job: Job, state: JobState) -> None:
        """Keep what has become of the asset, and send the event of it."""
        try:
            asset = await self._assets.get(job.account, job.key)
        except UnreadableAssetError as error:
            # Left as it is to the version that can read it; whoever waits for the end hears of it.
            if state.status is not JobStatus.CANCELLED:
                await self._tell(job, _unreadable(job.key, str(error)))
            return
        if asset is None:
            return
        if state.status is JobStatus.CANCELLED:
            await self._assets.change(job.account, replace(asset, status=AssetStatus.CANCELLED))
            return
        if state.status is JobStatus.DONE:
            asset = replace(
                asset, status=AssetStatus.SUCCEEDED, meta_data=state.result, error_code="", error_msg=""
            )
        else:
            known = {each.code for each in (*FAULTS.values(), replies.INTERNAL)}
            code = state.error_code if state.error_code in known else replies.INTERNAL.code
            asset = replace(asset, status=AssetStatus.FAILED, error_code=code, error_msg=state.error)
        await self._assets.change(job.account, asset)
        await self._tell(job, asset)

    async def _tell(self, job: Job, asset: Asset) -> None:
        vod = self._projects.vod_of(job.account)
        if not vod.notification_url:
            return
        event = AudioExtractComplete(audio_extract_info=await self._info(asset))
        delivery = Delivery(
            stream_id=f"vod.{vod.project_id}",
            sequence=f"{asset.asset_id}.{job.run}",
            url=vod.notification_url,
            body=event.model_dump_json(exclude_none=True).encode(),
            account=job.account,
        )
        await self._outbox.send(delivery)

    async def _info(self, asset: Asset) -> AudioExtractInfo:
        if asset.status is AssetStatus.FAILED or asset.place is None:
            return AudioExtractInfo(
                status="FAILED",
                asset_id=asset.asset_id,
                error_code=asset.error_code,
                error_msg=asset.error_msg,
            )
        try:
            url = await self._stores.at(asset.place.location).address(asset.place.key, ADDRESS_S)
        except StorageError as error:
            # The details give one once the store is back.
            log.warning("no_address_for_event", asset=asset.asset_id, reason=str(error))
            url = ""
        meta_data = MetaData(**asset.meta_data)
        return AudioExtractInfo(
            status="SUCCEED",
            asset_id=asset.asset_id,
            title=asset.title,
            url=url,
            meta_data=EventMetaData(play_type=meta_data.pack_type.lower(), **asset.meta_data),
        )


def _unreadable(asset_id: str, reason: str) -> Asset:
    """Return what is known of audio whose document cannot be read."""
    code = replies.UNREADABLE.code
    return Asset(asset_id, "", 0.0, 0.0, AssetStatus.FAILED, error_code=code, error_msg=reason)


def _meta_data(audio_format: str, made: WholeAudio, size: int) -> MetaData:
    return MetaData(
        pack_type=container_of(audio_format),
        codec=audio_format,
        audio_codec=audio_format,
        # As the vendor's: whole seconds, rounded down, but 1 at least.
        duration=max(1, int(made.duration_s)),
        duration_ms=round(made.duration_s * 1000),
        video_size=size,
        bit_rate=round(size * 8 / 1000 / made.duration_s) if made.duration_s > 0 else 0,
        audio_channels=made.channels,
    )


def _fault(error: RecordingError | StorageError) -> replies.Fault:
    if isinstance(error, RecordingError):
        return FAULTS.get(error.fault, replies.INTERNAL)
    if isinstance(error, MissingObjectError):
        return replies.NOT_FOUND
    return replies.FORBIDDEN if isinstance(error, RefusedError) else replies.INTERNAL


def _sentence(error: AudiowardenError) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
