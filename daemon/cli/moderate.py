"""`audiowarden moderate`: one file or stream, moderated here and now, shown as a table."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from config.errors import AudiowardenError
from config.load import load_settings
from config.settings import LogSettings, Settings
from config.taxonomy import TEXT_RISKS, Taxonomy
from daemon.analysis import loaded_analysis
from daemon.cli.common import ConfigOption, one_sentence, progress_bar, run_until_interrupted
from daemon.logs import configure_logging
from models.recognition.languages import DETECTABLE_LANGUAGES
from pipeline.audio import WINDOW_S, LostWindow
from pipeline.network.addresses import AddressPolicy
from pipeline.playback import Played, play
from pipeline.pull import PulledSource
from pipeline.report import RiskLevel, StreamSpec
from pipeline.source import Position, Source, SourceError

COLOURS = {RiskLevel.PASS: "green", RiskLevel.REVIEW: "yellow", RiskLevel.REJECT: "red"}


class FileError(AudiowardenError):
    """A file cannot be moderated; the text names it."""


def moderate(
    source: Annotated[str, typer.Argument(help="A media file, or an rtmp(s) or http(s) address.")],
    language: Annotated[
        str, typer.Option("--lang", help="Spoken language (zh, en, ar, fr ...) or auto.")
    ] = "auto",
    policy: Annotated[str, typer.Option(help="Thresholds to judge by, as an eventId.")] = "default",
    config: ConfigOption = None,
) -> None:
    """Moderate one file or stream and show its windows; nothing is stored and nobody is called back."""
    if language != "auto" and language not in DETECTABLE_LANGUAGES:
        known = " ".join(sorted(DETECTABLE_LANGUAGES))
        raise typer.BadParameter(f"{language} is not among: auto {known}", param_hint="--lang")
    # To standard error, and without local variables: the table alone is the output.
    configure_logging(LogSettings(level="warning", format="console"))
    with one_sentence():
        run_until_interrupted(_moderate(source, language, policy, load_settings(config)))


async def _moderate(source: str, language: str, policy: str, settings: Settings) -> None:
    spec = StreamSpec(
        stream_id="moderate",
        account="",
        url=source,
        risks=TEXT_RISKS,
        language=None if language == "auto" else language,
        policy=policy,
    )
    console = Console()
    table = Table("window", "time", "level", "labels", "language", Column("text", overflow="fold"), "took")
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with progress_bar(*columns) as progress:
        task = progress.add_task("loading models")
        async with loaded_analysis(settings, lambda _: None) as analysis:
            progress.update(task, description="opening")
            try:
                async with aclosing(play(_open(source, settings), spec, analysis.analyser)) as played:
                    async for each in played:
                        if isinstance(each, LostWindow):
                            table.add_row(*_times(each.index), "", "", "", "(lost: the host is too slow)", "")
                            continue
                        table.add_row(*_row(each, analysis.taxonomy))
                        index = each.window.index
                        progress.update(task, description=f"window {index}, {index * WINDOW_S} s")
            except SourceError as error:
                raise error if _is_address(source) else FileError(f"{source}: {error}") from None
            finally:
                progress.stop()
                if table.row_count:
                    console.print(table)


def _open(source: str, settings: Settings) -> Source:
    """Open a file of this machine or an address; the person at the terminal may read his own network."""
    if not _is_address(source):
        return PulledSource.of_file(Path(source), settings.network)
    return PulledSource(
        source, Position(), AddressPolicy(allow_private=True), settings.network, name="moderate"
    )


def _is_address(source: str) -> bool:
    return "://" in source


def _row(played: Played, taxonomy: Taxonomy) -> list[Text]:
    window, found = played.window, played.analysis
    labels = [
        f"{finding.label.risk.value}: {taxonomy.describe(finding.label, 'en')[2]} {finding.probability:.2f}"
        for finding in found.findings
    ]
    text = Text(found.text)
    for finding in found.findings:
        for span in finding.spans:
            text.stylize(f"bold {COLOURS[finding.level]}", span.start, span.end)
    transcript = found.transcript
    if found.silent:
        text = Text("(silence)", style="dim")
    elif transcript.invention is not None:
        text = Text(f"(dropped as invented: {transcript.invention.value})", style="dim")
    return [
        *map(Text, _times(window.index)),
        Text(found.level.value, style=COLOURS[found.level]),
        Text("\n".join(labels)),
        Text(transcript.language),
        text,
        Text(f"{played.took_s * 1000:.0f} ms"),
    ]


def _times(index: int) -> tuple[str, str]:
    minutes, seconds = divmod(index * WINDOW_S, 60)
    return str(index), f"{minutes:02d}:{seconds:02d}"
