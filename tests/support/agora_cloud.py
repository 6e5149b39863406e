"""The fake AGORA cloud of tests: a folder with scripts, and the fake SDK where it can be imported."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from pipeline.audio import Pcm
from pipeline.rooms.agora import NATIVE_LIBRARY
from pipeline.rooms.channel import Channel
from tests.support.speech import write_wav

PACKAGE = Path(__file__).parent / "agora_sdk" / "agora"


def install(folder: Path) -> Path:
    """Put the fake SDK into `folder`, with a native library; return what belongs on the import path."""
    site = folder / "site"
    shutil.copytree(PACKAGE, site / "agora", ignore=shutil.ignore_patterns("__pycache__"))
    library = site / "agora" / NATIVE_LIBRARY
    library.parent.mkdir()
    library.touch()
    return site


class Cloud:
    """Channels whose scripts lie in a folder; the application id is that folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def channel(self, name: str, **script: Any) -> None:
        """Write a channel's script; users' voices are samples."""
        users = {}
        for user, each in script.pop("users", {}).items():
            pcm: Pcm = each.pop("pcm")
            wav = write_wav(self.folder / f"{name}-{user}.wav", pcm).name
            users[user] = {"wav": wav, **each}
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps({"users": users, **script}), encoding="utf-8")

    def asked(self, name: str, **changes: Any) -> Channel:
        """Return what a request for a channel asks for: a mix of everybody, unless changed."""
        fields: dict[str, Any] = {
            "app_id": str(self.folder),
            "name": name,
            "token": "",
            "uid": 0,
            "mixed": True,
            "broadcast": True,
        }
        return Channel(**{**fields, **changes})
