"""What is enrolled: recordings by name, and their landmarks, sorted so that they are found quickly."""

from __future__ import annotations

import json
import os
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from config.taxonomy import RiskType
from models.enrolled_file import UnusableError, read_file, replace_file, valid_name
from models.errors import EnrolmentError
from models.songs.fingerprint import FRAME_RATE_HZ, Landmarks

FILE_NAME = "songs.index"
MAGIC = b"audiowarden songs 1\n"
"""The number is raised when landmarks are made in another way: old ones would find nothing."""
GAP_FRAMES = 2048
"""Between recordings, longer than anything asked for, so that a place in time belongs to one of them."""
MAX_FRAMES = 2**32 - 2**20
MAX_HEADER_BYTES = 1 << 26
RISKS = (RiskType.ANTHEN, RiskType.BANEDAUDIO, RiskType.COPYRIGHTSONGS)

Numbers = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording: whose name it bears, what it is, and which frames of the index are its own."""

    name: str
    risk: RiskType
    start: int
    frames: int

    @property
    def duration_s(self) -> float:
        """How long it plays."""
        return self.frames / FRAME_RATE_HZ


@dataclass(frozen=True, slots=True)
class NewRecording:
    """What is to be enrolled."""

    name: str
    risk: RiskType
    frames: int
    landmarks: Landmarks


class SongIndex:
    """Recordings and their landmarks. Immutable, so that any thread may ask while another makes the next one.

    `hashes` is sorted; `places` says for each in which frame of the index its anchor lies. Both are uint32,
    shape (landmarks,).
    """

    def __init__(
        self,
        recordings: Sequence[Recording] = (),
        hashes: Numbers | None = None,
        places: Numbers | None = None,
    ) -> None:
        self.recordings = tuple(sorted(recordings, key=lambda each: each.start))
        self.hashes = hashes if hashes is not None else np.zeros(0, np.uint32)
        self.places = places if places is not None else np.zeros(0, np.uint32)
        self.starts = np.array([each.start for each in self.recordings], np.int64)
        self.names = frozenset(each.name for each in self.recordings)

    def __len__(self) -> int:
        return len(self.recordings)

    @property
    def frames(self) -> int:
        """How many frames all recordings have together."""
        return sum(each.frames for each in self.recordings)

    def at(self, place: int) -> Recording:
        """Return the recording to which a place belongs; what lies before the first belongs to it."""
        return self.recordings[max(0, int(np.searchsorted(self.starts, place, side="right")) - 1)]

    def free_name(self, name: str, *, replace: bool = False) -> str:
        """Return a name as it is kept. Raises EnrolmentError: it is none, or taken and not to be replaced."""
        name = valid_name(name)
        if name in self.names and not replace:
            raise EnrolmentError(
                f"{name} is enrolled already: use --replace, or `audiowarden songs remove` first"
            )
        return name

    def enrol(self, news: Sequence[NewRecording]) -> SongIndex:
        """Return an index with more recordings; what is there is merged, not sorted again.

        Raises EnrolmentError when it would become too large.
        """
        start = max((each.start + each.frames for each in self.recordings), default=0)
        recordings, hashes, places = list(self.recordings), [], []
        for new in news:
            start += GAP_FRAMES
            recordings.append(Recording(new.name, new.risk, start, new.frames))
            hashes.append(new.landmarks.hashes)
            places.append(new.landmarks.anchors + start)
            start += new.frames
        if start > MAX_FRAMES:
            raise EnrolmentError("the index is full: remove what is not needed any more")
        added, at = (
            np.concatenate([*hashes, self.hashes[:0]]),
            np.concatenate([*places, np.zeros(0, np.int64)]),
        )
        order = np.argsort(added, kind="stable")
        added, at = added[order], at[order].astype(np.uint32)
        where = np.searchsorted(self.hashes, added)
        return SongIndex(recordings, np.insert(self.hashes, where, added), np.insert(self.places, where, at))

    def remove(self, name: str) -> SongIndex:
        """Return an index without the recordings of that name. Raises EnrolmentError when there are none."""
        name = unicodedata.normalize("NFC", name)
        if name not in self.names:
            raise EnrolmentError(f"nothing is enrolled as {name!r}: `audiowarden songs list` shows the names")
        kept = np.ones(len(self.places), bool)
        for each in self.recordings:
            if each.name == name:
                kept &= (self.places < each.start) | (self.places >= each.start + each.frames)
        recordings = [each for each in self.recordings if each.name != name]
        return SongIndex(recordings, self.hashes[kept], self.places[kept])

    @classmethod
    def read(cls, folder: Path) -> SongIndex:
        """Read the file in `folder` into memory; nothing is enrolled where there is none.

        It is not mapped: whoever cut a mapped file short would end the daemon. Raises EnrolmentError that
        names the file and what is wrong with it.
        """
        return read_file(folder / FILE_NAME, _parse, cls())

    def write(self, folder: Path) -> None:
        """Put the file in `folder`. Raises EnrolmentError."""
        hashes, places = self.hashes.astype("<u4"), self.places.astype("<u4")
        header = json.dumps(
            {
                "landmarks": len(hashes),
                "checksum": _checksum(hashes, places),
                "recordings": [asdict(each) for each in self.recordings],
            },
            ensure_ascii=False,
        ).encode()
        head = MAGIC + len(header).to_bytes(8, "little") + header
        replace_file(folder / FILE_NAME, [head, hashes.data, places.data])


def _checksum(hashes: Numbers, places: Numbers) -> int:
    return zlib.crc32(places.data, zlib.crc32(hashes.data))


def _parse(file: BinaryIO) -> SongIndex:
    """Raises OSError and UnusableError."""
    if file.read(len(MAGIC)) != MAGIC:
        raise UnusableError("it is no index of ours, or another version's")
    size = int.from_bytes(file.read(8), "little")
    if size > MAX_HEADER_BYTES:
        raise UnusableError("it is not whole")
    try:
        header: Any = json.loads(file.read(size))
        count, checksum = int(header["landmarks"]), int(header["checksum"])
        recordings = [_parse_recording(each) for each in header["recordings"]]
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError, EnrolmentError):
        raise UnusableError("it is not whole") from None
    if count < 0 or os.fstat(file.fileno()).st_size != file.tell() + 8 * count:
        raise UnusableError("it is not whole")
    hashes, places = np.fromfile(file, "<u4", count), np.fromfile(file, "<u4", count)
    if len(places) != count or _checksum(hashes, places) != checksum:
        raise UnusableError("it is not whole")
    return SongIndex(recordings, hashes, places)


def _parse_recording(entry: Any) -> Recording:
    """Raises what a wrong entry brings."""
    recording = Recording(
        valid_name(entry["name"]), RiskType(entry["risk"]), int(entry["start"]), int(entry["frames"])
    )
    if recording.risk not in RISKS or min(recording.start, recording.frames) < 0:
        raise ValueError("no recording")
    return recording
