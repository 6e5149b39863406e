"""`audiowarden voices`: enrol people whose voices are to be recognised, show them, and let them go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from config.load import load_settings
from config.settings import LogSettings, Settings
from daemon.cli.common import ConfigOption, one_sentence, said_of
from daemon.cli.recording import read_recording
from daemon.listening import load_senses
from daemon.logs import configure_logging
from models.enrolled_file import locked
from models.errors import EnrolmentError
from models.sound.spans import OmniSpanDetector
from models.voice.enrolled import REVIEW_COSINE
from models.voice.enrolment import Enrolment, Recording, one_speaker
from models.voice.index import VoiceIndex
from models.voice.voiceprint import unit

app = typer.Typer(
    name="voices", help="People whose voices are recognised.", no_args_is_help=True, add_completion=False
)

MAX_MINUTES = 10

NameArgument = Annotated[str, typer.Argument(help="Whose voice it is: 1 to 64 printable characters.")]
FolderOption = Annotated[
    Path | None, typer.Option("--dir", help="Folder of what is enrolled; default: the configuration's.")
]


@app.command("enrol")
def enrol(
    name: NameArgument,
    files: Annotated[
        list[Path],
        typer.Argument(help=f"Recordings of this person alone, up to {MAX_MINUTES} minutes each."),
    ],
    replace: Annotated[bool, typer.Option("--replace", help="Forget the voice enrolled before.")] = False,
    config: ConfigOption = None,
    folder: FolderOption = None,
) -> None:
    """Enrol a person's voice from recordings; a running daemon takes note within seconds."""
    configure_logging(LogSettings(level="error", format="console"))
    with one_sentence():
        settings = load_settings(config)
        folder = folder or settings.enrolled_folder
        # Said before minutes are spent on listening.
        name = VoiceIndex.read(folder).free_name(name, replace=replace)
        recordings = _take(files, settings)
        speech_s = sum(each.speech_s for each in recordings)
        voiceprints = [each.voiceprint for each in recordings]
        with locked(folder):
            index = VoiceIndex.read(folder)
            others = index.remove(name) if name in index else index
            index.enrol(name, voiceprints, speech_s=speech_s, replace=replace).write(folder)
    typer.echo(f"{name}: enrolled from {speech_s:.0f} s of speech, kept in {folder}")
    if len(others):
        other, cosine = others.nearest(unit(np.mean(voiceprints, axis=0)))
        if cosine >= REVIEW_COSINE:
            typer.echo(f"note: {other} sounds much the same (cosine {cosine:.2f}); both may be reported")


@app.command("list")
def list_voices(config: ConfigOption = None, folder: FolderOption = None) -> None:
    """Show who is enrolled, and from how much speech."""
    with one_sentence():
        folder = _folder(config, folder)
        index = VoiceIndex.read(folder)
    table = Table("name", "files", "speech")
    for voice in index.voices:
        table.add_row(Text(voice.name), str(voice.files), f"{voice.speech_s:.0f} s")
    if len(index):
        Console().print(table)
    else:
        typer.echo(f"nobody is enrolled in {folder}")


@app.command("remove")
def remove(name: NameArgument, config: ConfigOption = None, folder: FolderOption = None) -> None:
    """Forget a person's voice; a running daemon takes note within seconds."""
    with one_sentence():
        folder = _folder(config, folder)
        # First without the lock, which would make the folder.
        _without(name, folder)
        with locked(folder):
            _without(name, folder).write(folder)
    typer.echo(f"{name}: forgotten")


def _without(name: str, folder: Path) -> VoiceIndex:
    """Raises EnrolmentError that names the folder in which nothing bears the name."""
    enrolled = VoiceIndex.read(folder)
    with said_of(folder):
        return enrolled.remove(name)


def _folder(config: Path | None, folder: Path | None) -> Path:
    return folder if folder is not None else load_settings(config).enrolled_folder


def _take(files: list[Path], settings: Settings) -> list[Recording]:
    """Raises EnrolmentError that names the file which cannot be used."""
    enrolment = Enrolment(load_senses(settings, OmniSpanDetector()))
    recordings: dict[str, Recording] = {}
    for path in files:
        if str(path) in recordings:
            raise EnrolmentError(f"{path}: given twice")
        with said_of(path):
            recordings[str(path)] = enrolment.take(read_recording(path, settings.network, MAX_MINUTES))
    one_speaker(recordings)
    return list(recordings.values())
