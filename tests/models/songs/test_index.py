"""The file of what is enrolled: merged, cut, written and read back, and never half of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from config.taxonomy import RiskType
from models.errors import EnrolmentError
from models.songs.fingerprint import Fingerprint
from models.songs.index import FILE_NAME, NewRecording, SongIndex


def new(name: str, seed: int, count: int = 500) -> NewRecording:
    random = np.random.default_rng(seed)
    anchors = np.sort(random.integers(0, 1000, count))
    hashes = random.integers(0, 2**32, count).astype(np.uint32)
    levels = random.integers(0, 20_000, count).astype(np.uint16)
    return NewRecording(name, RiskType.BANEDAUDIO, 1000, Fingerprint(hashes, anchors, anchors, levels))


def contents(index: SongIndex) -> list[bytes]:
    arrays = (index.table.hashes, index.table.places, index.peak_places, index.peak_levels)
    return [each.tobytes() for each in arrays]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    index = SongIndex().enrol([new("a", 1), new("国歌", 2)]).enrol([new("c", 3)])
    index.write(tmp_path)
    again = SongIndex.read(tmp_path)
    assert again.recordings == index.recordings
    assert [each.name for each in again.recordings] == ["a", "国歌", "c"]
    assert contents(again) == contents(index)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_merging_is_as_sorting_anew() -> None:
    merged = SongIndex().enrol([new("a", 1)]).enrol([new("b", 2)])
    at_once = SongIndex().enrol([new("a", 1), new("b", 2)])
    assert contents(merged) == contents(at_once)
    assert np.array_equal(merged.table.hashes, np.sort(merged.table.hashes))
    assert np.array_equal(merged.peak_places, np.sort(merged.peak_places))


def test_what_is_removed_leaves_nothing_behind() -> None:
    index = SongIndex().enrol([new("a", 1), new("b", 2), new("c", 3)]).remove("b")
    assert sorted(index.names) == ["a", "c"]
    assert {index.at(int(place)).name for place in index.table.places} == {"a", "c"}
    assert {index.at(int(place)).name for place in index.peak_places} == {"a", "c"}
    assert len(index.table) == len(index.table.hashes) == len(index.peak_levels) == 1000
    with pytest.raises(EnrolmentError, match="nothing is enrolled as 'b'"):
        index.remove("b")


@pytest.mark.parametrize("cut", [0, 10, 25, 60, -1])
def test_a_file_that_is_not_whole_is_named(tmp_path: Path, cut: int) -> None:
    SongIndex().enrol([new("a", 1)]).write(tmp_path)
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(EnrolmentError, match=f"{path} cannot be used"):
        SongIndex.read(tmp_path)


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    SongIndex().enrol([new("a", 1)]).write(tmp_path)
    path = tmp_path / FILE_NAME
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    with pytest.raises(EnrolmentError, match="it is not whole"):
        SongIndex.read(tmp_path)


def test_every_entry_of_a_hash_is_in_its_row() -> None:
    recording = new("a", 1, 300_000)
    index = SongIndex().enrol([recording])
    table, start = index.table, index.recordings[0].start
    assert table.bits == 18
    hashes, places = recording.fingerprint.hashes, recording.fingerprint.anchors
    shift = np.uint32(32 - table.bits)
    for hashed in hashes[:50]:
        first, last = table.starts[hashed >> shift], table.starts[(hashed >> shift) + 1]
        found = table.places[first:last][table.rests[first:last] == hashed % (np.uint32(1) << shift)]
        assert sorted(found) == sorted(places[hashes == hashed] + start)


def test_a_file_of_another_version_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(b"audiowarden songs 1\n" + bytes(100))
    with pytest.raises(EnrolmentError, match=r"another version .* delete it and enrol its recordings again"):
        SongIndex.read(tmp_path)


def test_a_name_is_free_once() -> None:
    index = SongIndex().enrol([new("a", 1)])
    assert index.free_name("b") == "b"
    assert index.free_name("a", replace=True) == "a"
    with pytest.raises(EnrolmentError, match="a is enrolled already: use --replace"):
        index.free_name("a")
