"""Runs one export for a command, with a progress bar."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import typer
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from config.errors import AudiowardenError
from config.load import load_settings
from config.settings import LogSettings, Settings
from daemon.cli.common import one_sentence, progress_bar
from daemon.cli.places import PlaceError, source_of, target_of, terminal_stores
from daemon.exports.export import Export, Exported, Form, Span
from daemon.exports.exporter import Exporter, is_missing
from daemon.exports.sources import Sources
from daemon.jobs.workshop import Workshop
from daemon.logs import configure_logging
from daemon.storage.interfaces import ObjectExistsError, StorageError
from pipeline.network.addresses import AddressPolicy
from pipeline.recording.recording import RecordingError
from pipeline.recording.web import WebLibrary

THREADS = 4
COLUMNS = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())


def export_now(
    source: str,
    target: str,
    span: Span,
    form: Form,
    config: Path | None,
    *,
    overwrite: bool,
    mono: bool = False,
    sample_rate_hz: int | None = None,
    join: bool = True,
) -> None:
    """Do an export and say what has become of it; exit status 1 and one sentence when it fails."""
    configure_logging(LogSettings(level="error", format="console"))
    with one_sentence():
        settings = load_settings(config)
        export = Export(
            sources=(source_of(source),),
            span=span,
            form=form,
            target=target_of(target),
            replace=overwrite,
            mono=mono,
            sample_rate_hz=sample_rate_hz,
            join=join,
        )
        exported = asyncio.run(_export(source, export, settings))
    typer.echo(f"{target}: {_told(exported, form)}")


def form_of(text: str | None, target: str, forms: tuple[Form, ...]) -> Form:
    """Return a format by its name, or by the target's suffix. Raises PlaceError."""
    name = (text or target.rpartition("/")[2].rpartition(".")[2]).lower()
    for form in forms:
        if name == form.value:
            return form
    known = ", ".join(form.value for form in forms)
    if text is None:
        raise PlaceError(f"{target} does not end with a format's suffix: name one with --format ({known})")
    raise PlaceError(f"{text} is no format; known: {known}")


async def _export(source: str, export: Export, settings: Settings) -> Exported:
    async with terminal_stores(settings) as stores:
        store = stores.at(export.target.location)
        # Also at the end, but it is better said before the work than after it.
        if not export.replace and await store.info(export.target.key) is not None:
            name = Path(export.target.key).name
            raise ObjectExistsError(f"{name} exists: choose another target, or --overwrite it")
        addresses = AddressPolicy(allow_private=True)
        sources = Sources(stores, lambda bench: WebLibrary(addresses, settings.network, bench))
        with (
            tempfile.TemporaryDirectory(prefix="audiowarden-") as scratch,
            progress_bar(*COLUMNS) as progress,
        ):
            task = progress.add_task(Path(export.target.key).name, total=1.0)
            workshop = Workshop(Path(scratch), THREADS, settings.jobs.max_result_bytes)
            try:
                return await Exporter(stores, sources, workshop, {}).export(
                    "", export, lambda share: progress.update(task, completed=share)
                )
            except (RecordingError, StorageError) as error:
                raise _named(error, source) from None
            finally:
                workshop.close()


def _named(error: RecordingError | StorageError, source: str) -> AudiowardenError:
    """Say which of the person's own words is meant."""
    return PlaceError(f"{source}: no such file or directory") if is_missing(error) else error


def _told(exported: Exported, form: Form) -> str:
    if form is Form.JPEG:
        return f"the picture at {exported.start_s:.3f} s"
    text = f"{exported.duration_s:.3f} s from {exported.start_s:.3f} s on"
    if exported.lacking_s >= 0.001:
        text += f"; the recording lacks {exported.lacking_s:.3f} s of what was asked for"
    return text
