"""`audiowarden songs`: enrol recordings that are to be recognised, show them, and let them go."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from config.load import load_settings
from config.settings import LogSettings, NetworkSettings
from config.taxonomy import RiskType
from daemon.cli.common import ConfigOption, one_sentence, said_of
from daemon.cli.recording import read_recording
from daemon.logs import configure_logging
from models.enrolled_file import locked
from models.errors import EnrolmentError
from models.songs.enrolment import known_as, new_recording
from models.songs.index import NewRecording, SongIndex

app = typer.Typer(
    name="songs", help="Recordings that are recognised.", no_args_is_help=True, add_completion=False
)

MAX_MINUTES = 20


class Kind(StrEnum):
    """What a recording is."""

    ANTHEM = "anthem"
    BANNED = "banned"
    COPYRIGHT = "copyright"


RISKS = {
    Kind.ANTHEM: RiskType.ANTHEN,
    Kind.BANNED: RiskType.BANEDAUDIO,
    Kind.COPYRIGHT: RiskType.COPYRIGHTSONGS,
}
KINDS = {risk: kind for kind, risk in RISKS.items()}

NameArgument = Annotated[str, typer.Argument(help="What is reported: 1 to 64 printable characters.")]
FilesArgument = Annotated[list[Path], typer.Argument(help=f"Recordings of up to {MAX_MINUTES} minutes each.")]
LabelOption = Annotated[Kind, typer.Option("--label", help="ANTHEN, BANEDAUDIO or COPYRIGHTSONGS.")]
ReplaceOption = Annotated[bool, typer.Option("--replace", help="Forget what bore the name before.")]
FolderOption = Annotated[
    Path | None, typer.Option("--dir", help="Folder of what is enrolled; default: the configuration's.")
]


@app.command("enrol")
def enrol(
    name: NameArgument,
    files: FilesArgument,
    label: LabelOption,
    replace: ReplaceOption = False,
    config: ConfigOption = None,
    folder: FolderOption = None,
) -> None:
    """Enrol one song from one or more recordings; a running daemon takes note within seconds."""
    _enrol([(name, path) for path in files], RISKS[label], replace, config, folder)


@app.command("import")
def import_files(
    files: FilesArgument,
    label: LabelOption,
    replace: ReplaceOption = False,
    config: ConfigOption = None,
    folder: FolderOption = None,
) -> None:
    """Enrol many songs, each named as its file; where one cannot be used, none is enrolled."""
    _enrol([(path.stem, path) for path in files], RISKS[label], replace, config, folder)


@app.command("list")
def list_songs(config: ConfigOption = None, folder: FolderOption = None) -> None:
    """Show what is enrolled, and how long it plays."""
    with one_sentence():
        folder = _folder(config, folder)
        index = SongIndex.read(folder)
    table = Table("name", "label", "duration")
    for each in sorted(index.recordings, key=lambda each: each.name):
        table.add_row(Text(each.name), KINDS[each.risk].value, f"{each.duration_s:.0f} s")
    if len(index):
        Console().print(table)
    else:
        typer.echo(f"nothing is enrolled in {folder}")


@app.command("remove")
def remove(name: NameArgument, config: ConfigOption = None, folder: FolderOption = None) -> None:
    """Forget a song; a running daemon takes note within seconds."""
    with one_sentence():
        folder = _folder(config, folder)
        # First without the lock, which would make the folder.
        _without(name, folder)
        with locked(folder):
            _without(name, folder).write(folder)
    typer.echo(f"{name}: forgotten")


def _without(name: str, folder: Path) -> SongIndex:
    """Raises EnrolmentError that names the folder in which nothing bears the name."""
    enrolled = SongIndex.read(folder)
    with said_of(folder):
        return enrolled.remove(name)


def _folder(config: Path | None, folder: Path | None) -> Path:
    return folder if folder is not None else load_settings(config).enrolled_folder


def _enrol(
    wanted: list[tuple[str, Path]], risk: RiskType, replace: bool, config: Path | None, folder: Path | None
) -> None:
    configure_logging(LogSettings(level="error", format="console"))
    with one_sentence():
        settings = load_settings(config)
        folder = folder or settings.enrolled_folder
        index = SongIndex.read(folder)
        _no_file_twice([path for _, path in wanted])
        # Said before minutes are spent on listening.
        named = [(index.free_name(name, replace=replace), path) for name, path in wanted]
        news, notes = _take(named, risk, index, settings.network)
        with locked(folder):
            index = SongIndex.read(folder)
            for name in sorted({new.name for new in news}):
                index.free_name(name, replace=replace)
                index = index.remove(name) if name in index.names else index
            index.enrol(news).write(folder)
    for note in notes:
        typer.echo(note)
    for new in news:
        typer.echo(f"{new.name}: enrolled, {len(new.fingerprint.hashes)} hashes")
    typer.echo(f"kept in {folder}")


def _no_file_twice(paths: list[Path]) -> None:
    seen: set[Path] = set()
    for path in paths:
        if path in seen:
            raise EnrolmentError(f"{path}: given twice")
        seen.add(path)


def _take(
    named: list[tuple[str, Path]], risk: RiskType, index: SongIndex, network: NetworkSettings
) -> tuple[list[NewRecording], list[str]]:
    """Keep fingerprints, and one recording's audio at a time. Raises EnrolmentError that names the file."""
    news: list[NewRecording] = []
    notes: list[str] = []
    console = Console(stderr=True)
    for name, path in track(
        named, "listening", console=console, transient=True, disable=not console.is_terminal or len(named) < 2
    ):
        with said_of(path):
            samples = read_recording(path, network, MAX_MINUTES)
            news.append(new_recording(name, risk, samples))
        known = known_as(index, samples)
        if known is not None and known != name:
            notes.append(f"note: {path} is enrolled already as {known}; either name may be reported")
    return news, notes
