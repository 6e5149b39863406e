"""`audiowarden evaluate`: how right the detectors are on recordings of which the truth is known."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from config.errors import AudiowardenError
from config.load import load_settings
from config.settings import LogSettings, Settings
from daemon.analysis import loaded_analysis, taxonomy_of
from daemon.cli.common import ConfigOption, one_sentence, progress_bar, run_until_interrupted
from daemon.evaluation.evaluation import Evaluation, sum_up
from daemon.evaluation.manifest import Entry, read_manifest
from daemon.evaluation.measure import Measurer
from daemon.evaluation.tables import as_json, tables
from daemon.listening import load_senses
from daemon.logs import configure_logging
from models.sound.spans import OmniSpanDetector

INCOMPLETE = 3
"""Exit status when some recordings could not be measured; 1 is a mistake, 2 the shell's."""


def evaluate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Recordings and a manifest.csv.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write counts and rates there, too.")
    ] = None,
    detect: Annotated[
        bool, typer.Option("--detect", help="Read words in the language that is heard, not the manifest's.")
    ] = False,
    policy: Annotated[str, typer.Option(help="Thresholds to judge by, as an eventId.")] = "default",
    config: ConfigOption = None,
) -> None:
    """Measure the detectors on a folder of recordings; docs/accuracy.md describes its manifest.csv.

    Exit status 0: all were measured; 3: some could not be, and are named; 1: nothing was measured.
    """
    configure_logging(LogSettings(level="warning", format="console"))
    with one_sentence():
        settings = load_settings(config)
        entries = read_manifest(folder, taxonomy_of(settings))
        if json_file is not None:
            _write(json_file, "", mode="a")  # what cannot be written is said before the work is done
        evaluation = run_until_interrupted(_evaluate(entries, settings, policy=policy, detect=detect))
        _show(evaluation)
        if json_file is not None:
            _write(json_file, json.dumps(as_json(evaluation), ensure_ascii=False, indent=2) + "\n")
    if evaluation.failed:
        raise typer.Exit(INCOMPLETE)


async def _evaluate(entries: list[Entry], settings: Settings, *, policy: str, detect: bool) -> Evaluation:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with progress_bar(*columns) as progress:
        task = progress.add_task("loading models", total=len(entries))
        async with loaded_analysis(settings, lambda _: None) as analysis:
            senses = await asyncio.to_thread(lambda: load_senses(settings, OmniSpanDetector()))
            measurer = Measurer(analysis.analyser, senses, settings.network, policy=policy, detect=detect)
            progress.update(task, description="measuring")
            outcomes = await measurer.measure(
                entries, analysis.recognition.workers, lambda _: progress.advance(task)
            )
            return sum_up(entries, outcomes, analysis.analyser.risks)


def _show(evaluation: Evaluation) -> None:
    console = Console()
    for table in tables(evaluation):
        console.print(table)
    if evaluation.unlistened:
        console.print(f"nothing listens for {', '.join(evaluation.unlistened)}")
    told = evaluation.recordings.values()
    seconds, took_s = sum(each.seconds for each in told), sum(each.took_s for each in told)
    console.print(f"{len(told)} recordings, {seconds:.0f} s of sound, {took_s:.0f} s of analysis")


def _write(path: Path, text: str, *, mode: Literal["a", "w"] = "w") -> None:
    try:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise AudiowardenError(f"cannot write {path}: {error.strerror or error}") from None
