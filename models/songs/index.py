"""What is enrolled: recordings by name, where their hashes occur, and their peaks."""

from __future__ import annotations

import json
import os
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from config.taxonomy import RiskType
from models.enrolled_file import UnusableError, read_file, replace_file, valid_name
from models.errors import EnrolmentError
from models.songs.fingerprint import TICK_RATE_HZ, Fingerprint
from models.songs.table import MAX_BITS, MIN_BITS, HashTable, Numbers, rests_type

FILE_NAME = "songs.index"
FAMILY = b"audiowarden songs "
MAGIC = FAMILY + b"2\n"
"""The number is raised when fingerprints are made in another way: old ones would find nothing."""
GAP_TICKS = 4096
"""Between recordings: 33 s, longer than anything asked for, so that a place belongs to one of them."""
MAX_TICKS = 2**32 - 2**20
MAX_HEADER_BYTES = 1 << 26
RISKS = (RiskType.ANTHEN, RiskType.BANEDAUDIO, RiskType.COPYRIGHTSONGS)

Levels = NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording: whose name it bears, what it is, and which ticks of the index are its own."""

    name: str
    risk: RiskType
    start: int
    ticks: int

    @property
    def duration_s(self) -> float:
        """How long it plays."""
        return self.ticks / TICK_RATE_HZ


@dataclass(frozen=True, slots=True)
class NewRecording:
    """What is to be enrolled; `ticks` is how long it plays."""

    name: str
    risk: RiskType
    ticks: int
    fingerprint: Fingerprint


class SongIndex:
    """Recordings and their fingerprints. Immutable, so that any thread may ask while another makes the next.

    `table` finds where a hash occurs. `peak_places` (uint32, ascending) and `peak_levels` (uint16) are the
    peaks of all recordings, shape (peaks,).
    """

    def __init__(
        self,
        recordings: Sequence[Recording] = (),
        table: HashTable | None = None,
        peak_places: Numbers | None = None,
        peak_levels: Levels | None = None,
    ) -> None:
        self.recordings = tuple(sorted(recordings, key=lambda each: each.start))
        nothing = np.zeros(0, np.uint32)
        self.table = table if table is not None else HashTable.of(nothing, nothing)
        self.peak_places = peak_places if peak_places is not None else nothing
        self.peak_levels = peak_levels if peak_levels is not None else np.zeros(0, np.uint16)
        self.starts = np.array([each.start for each in self.recordings], np.int64)
        self.names = frozenset(each.name for each in self.recordings)

    def __len__(self) -> int:
        return len(self.recordings)

    @property
    def ticks(self) -> int:
        """How long all recordings play together."""
        return sum(each.ticks for each in self.recordings)

    @property
    def nbytes(self) -> int:
        """What fingerprints take of memory."""
        return self.table.nbytes + self.peak_places.nbytes + self.peak_levels.nbytes

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
        start = max((each.start + each.ticks for each in self.recordings), default=0)
        recordings, hashes, places = list(self.recordings), [], []
        peak_places, peak_levels = [self.peak_places], [self.peak_levels]
        for new in news:
            start += GAP_TICKS
            recordings.append(Recording(new.name, new.risk, start, new.ticks))
            hashes.append(new.fingerprint.hashes)
            places.append(new.fingerprint.anchors + start)
            peak_places.append((new.fingerprint.ticks + start).astype(np.uint32))
            peak_levels.append(new.fingerprint.levels)
            start += new.ticks
        if start > MAX_TICKS:
            raise EnrolmentError("the index is full: remove what is not needed any more")
        return SongIndex(
            recordings,
            self.table.merged(hashes, places),
            np.concatenate(peak_places),
            np.concatenate(peak_levels),
        )

    def remove(self, name: str) -> SongIndex:
        """Return an index without the recordings of that name. Raises EnrolmentError when there are none."""
        name = unicodedata.normalize("NFC", name)
        if name not in self.names:
            raise EnrolmentError(f"nothing is enrolled as {name!r}: `audiowarden songs list` shows the names")
        gone = [each for each in self.recordings if each.name == name]
        peaks = _outside(self.peak_places, gone)
        return SongIndex(
            [each for each in self.recordings if each.name != name],
            self.table.kept(_outside(self.table.places, gone)),
            self.peak_places[peaks],
            self.peak_levels[peaks],
        )

    @classmethod
    def read(cls, folder: Path) -> SongIndex:
        """Read the file in `folder` into memory; nothing is enrolled where there is none.

        It is not mapped: whoever cut a mapped file short would end the daemon. Raises EnrolmentError that
        names the file and what is wrong with it.
        """
        return read_file(folder / FILE_NAME, _parse, cls())

    def write(self, folder: Path) -> None:
        """Put the file in `folder`. Raises EnrolmentError."""
        arrays = [
            each.astype(each.dtype.newbyteorder("<"), copy=False)
            for each in (*self.table.arrays, self.peak_places, self.peak_levels)
        ]
        header = json.dumps(
            {
                "bits": self.table.bits,
                "hashes": len(self.table),
                "peaks": len(self.peak_places),
                "checksum": _checksum(arrays),
                "recordings": [asdict(each) for each in self.recordings],
            },
            ensure_ascii=False,
        ).encode()
        head = MAGIC + len(header).to_bytes(8, "little") + header
        replace_file(folder / FILE_NAME, [head, *(each.data for each in arrays)])


def _outside(places: Numbers, recordings: Sequence[Recording]) -> NDArray[np.bool_]:
    kept = np.ones(len(places), bool)
    for each in recordings:
        kept &= (places < each.start) | (places >= each.start + each.ticks)
    return kept


def _checksum(arrays: Iterable[NDArray[Any]]) -> int:
    checksum = 0
    for each in arrays:
        checksum = zlib.crc32(each.data, checksum)
    return checksum


def _parse(file: BinaryIO) -> SongIndex:
    """Raises OSError and UnusableError."""
    magic = file.read(len(MAGIC))
    if magic != MAGIC and magic.startswith(FAMILY):
        raise UnusableError(
            "another version of audiowarden wrote it, with fingerprints that this one cannot compare",
            "delete it and enrol its recordings again",
        )
    if magic != MAGIC:
        raise UnusableError("it is no index of ours")
    size = int.from_bytes(file.read(8), "little")
    if size > MAX_HEADER_BYTES:
        raise UnusableError("it is not whole")
    try:
        header: Any = json.loads(file.read(size))
        bits, hashes, peaks = int(header["bits"]), int(header["hashes"]), int(header["peaks"])
        checksum = int(header["checksum"])
        recordings = [_parse_recording(each) for each in header["recordings"]]
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError, EnrolmentError):
        raise UnusableError("it is not whole") from None
    if not MIN_BITS <= bits <= MAX_BITS or min(hashes, peaks) < 0:
        raise UnusableError("it is not whole")
    shapes = [
        (2**bits + 1, "<u4"),
        (hashes, rests_type(bits)),
        (hashes, "<u4"),
        (peaks, "<u4"),
        (peaks, "<u2"),
    ]
    expected = sum(count * np.dtype(kind).itemsize for count, kind in shapes)
    if os.fstat(file.fileno()).st_size != file.tell() + expected:
        raise UnusableError("it is not whole")
    arrays = [np.fromfile(file, kind, count) for count, kind in shapes]
    if any(len(each) != count for each, (count, _) in zip(arrays, shapes, strict=True)):
        raise UnusableError("it is not whole")
    if _checksum(arrays) != checksum:
        raise UnusableError("it is not whole")
    starts, rests, places, peak_places, peak_levels = arrays
    return SongIndex(recordings, HashTable(bits, starts, rests, places), peak_places, peak_levels)


def _parse_recording(entry: Any) -> Recording:
    """Raises what a wrong entry brings."""
    recording = Recording(
        valid_name(entry["name"]), RiskType(entry["risk"]), int(entry["start"]), int(entry["ticks"])
    )
    if recording.risk not in RISKS or min(recording.start, recording.ticks) < 0:
        raise ValueError("no recording")
    return recording
