"""Does exports: finds the recording, makes of it what is asked for, and stores that."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from config.errors import AudiowardenError
from daemon.exports.export import AUDIO_FORMS, Export, Exported, Form, MediaSource
from daemon.exports.joining import check_reach, joinable, pieces_of
from daemon.exports.making import Cut, Making
from daemon.exports.playlists import playlist_document
from daemon.exports.sealing import seal
from daemon.exports.sources import OpenLibrary, Sources
from daemon.exports.storing import MADE, store_file
from daemon.jobs.interfaces import Job, JobFailedError, NotUnderstoodError
from daemon.jobs.workshop import Workshop
from daemon.storage.interfaces import (
    CannotJoinError,
    MissingObjectError,
    ObjectStore,
    Place,
    StorageError,
    Stores,
)
from daemon.storage.once import once
from pipeline.recording.opening import open_recording
from pipeline.recording.recording import Recording, RecordingError, RecordingFault

log = structlog.get_logger()

Tell = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class _Opened:
    """A recording that is being read."""

    source: MediaSource
    library: OpenLibrary
    recording: Recording


class Exporter:
    """Does exports, each in a thread while it computes."""

    def __init__(
        self, stores: Stores, sources: Sources, workshop: Workshop, keys: Mapping[str, bytes]
    ) -> None:
        """`keys`: of encrypted playlists, by account."""
        self._stores = stores
        self._sources = sources
        self._workshop = workshop
        self._keys = keys

    async def work(self, job: Job) -> Mapping[str, Any]:
        """Do an export as a job (a `JobWork`)."""
        try:
            export = Export.of(job.request)
        except ValueError:
            raise NotUnderstoodError from None
        try:
            exported = await self.export(job.account, export, job.tell_progress)
        except (RecordingError, StorageError) as error:
            raise JobFailedError(why(error, export), retryable=error.retryable) from None
        return exported.document()

    async def export(self, account: str, export: Export, tell_progress: Tell) -> Exported:
        """Do an export; when it fails or is cancelled, nothing is left behind.

        Raises RecordingError, StorageError, EncodeError, WorkshopError, TooLargeError, JobFailedError.
        """
        async with self._workshop.bench() as bench:
            opened = await self._open(export, bench)
            try:
                cut = _cut_of(opened.recording, export)
                if export.form in (Form.PLAYLIST, Form.SEALED_PLAYLIST):
                    exported = await self._playlist(account, export, opened, cut)
                else:
                    exported = await self._join(export, opened, cut) or await self._make(
                        export, opened, cut, bench, tell_progress
                    )
            finally:
                opened.library.cancel()
        tell_progress(1.0)
        return exported

    async def _open(self, export: Export, bench: Path) -> _Opened:
        """Open the first source that is there. Raises the first one's error when none is."""
        missing: AudiowardenError | None = None
        for source in export.sources:
            try:
                return await self._open_source(source, bench, picture=export.form not in AUDIO_FORMS)
            except (RecordingError, StorageError) as error:
                if missing is None and not is_missing(error):
                    raise
                if missing is not None:
                    # It was only looked at because what is asked for is not there.
                    log.warning("other_source_not_opened", reason=str(error))
                missing = missing or error
        raise missing or RecordingError(RecordingFault.MISSING, "no source is named")

    async def _open_source(self, source: MediaSource, bench: Path, *, picture: bool) -> _Opened:
        library, name = self._sources.open(source, bench)
        try:
            recording = await self._workshop.run(
                lambda _: open_recording(library, name, picture=picture), library.cancel
            )
        except BaseException:
            library.cancel()
            raise
        return _Opened(source, library, recording)

    async def _playlist(self, account: str, export: Export, opened: _Opened, cut: Cut) -> Exported:
        location = opened.source.location if isinstance(opened.source, Place) else None
        # A day of segments takes a while to write down.
        document = await asyncio.to_thread(
            playlist_document,
            opened.recording,
            cut.start_s,
            cut.end_s,
            location,
            cut.recording_began_at,
            export.notes,
        )
        if export.form is Form.SEALED_PLAYLIST:
            if account not in self._keys:
                raise JobFailedError("the account has no key for encrypted playlists any more")
            document = seal(self._keys[account], document)
        await self._store_of(export).put(
            export.target.key,
            once(document),
            content_type=export.form.content_type,
            replace=export.replace,
        )
        return cut.exported(cut.start_s, cut.duration_s)

    async def _join(self, export: Export, opened: _Opened, cut: Cut) -> Exported | None:
        """Let the store join whole segments; None: it cannot, or shall not."""
        source = opened.source
        if export.form is not Form.TS or not export.join or not isinstance(source, Place):
            return None
        try:
            check_reach(source.location, export.target.location)
            segments = joinable(opened.recording, cut.start_s, cut.end_s)
            pieces = await pieces_of(self._stores.at(source.location), source.location, segments)
            self._workshop.check_size(sum(piece.length for piece in pieces))
            await self._store_of(export).join(
                export.target.key, pieces, content_type=export.form.content_type, replace=export.replace
            )
        except CannotJoinError as error:
            log.info("export_not_joined", reason=str(error))
            return None
        start_s, end_s = segments[0].start_s, segments[-1].end_s
        return cut.exported(start_s, end_s - start_s, joined=True)

    async def _make(
        self, export: Export, opened: _Opened, cut: Cut, bench: Path, tell_progress: Tell
    ) -> Exported:
        target = bench / f"result.{export.form.value}"

        def make(cancelled: Callable[[], bool]) -> Exported:
            return Making(
                export,
                opened.recording,
                opened.library,
                cut,
                target,
                lambda share: tell_progress(share * MADE),
                cancelled,
            ).make()

        exported = await self._workshop.run(make, opened.library.cancel, target)
        await store_file(
            target,
            self._store_of(export),
            export.target.key,
            export.form.content_type,
            tell_progress,
            replace=export.replace,
        )
        return exported

    def _store_of(self, export: Export) -> ObjectStore:
        return self._stores.at(export.target.location)


def _cut_of(recording: Recording, export: Export) -> Cut:
    """Return the part of the span that the recording may hold, and what it lacks for certain."""
    start_s, end_s = export.span.on(recording)
    length_s = recording.duration_s
    first_s, last_s = max(0.0, start_s), min(end_s, length_s)
    one_moment = export.form is Form.JPEG and 0 <= start_s < length_s
    if not one_moment and last_s <= first_s:
        length = f", which lasts {length_s:.3f} s" if math.isfinite(length_s) else ""
        text = f"the span begins {start_s:.3f} s after the beginning of the recording{length}"
        raise RecordingError(RecordingFault.OUTSIDE, text)
    wanted_s = export.span.duration_s
    lacking_s = 0.0 if wanted_s is None else max(0.0, wanted_s - (last_s - first_s))
    return Cut(first_s, last_s, lacking_s, export.span.began_at(recording, first_s))


def why(error: AudiowardenError, export: Export) -> str:
    """Say why an export failed; that something is missing with the name it was asked for by."""
    source = export.sources[0]
    if is_missing(error) and isinstance(source, Place):
        return f"open {source.key}: no such file or directory"
    return str(error)


def is_missing(error: AudiowardenError) -> bool:
    """Whether what is asked for, or a file of it, is not there."""
    if isinstance(error, RecordingError):
        return error.fault is RecordingFault.MISSING
    return isinstance(error, MissingObjectError)
