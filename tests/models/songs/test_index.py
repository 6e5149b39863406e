"""The file of what is enrolled: merged, cut, written and read back, and never half of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from config.taxonomy import RiskType
from models.errors import EnrolmentError
from models.songs.fingerprint import Landmarks
from models.songs.index import FILE_NAME, NewRecording, SongIndex


def new(name: str, seed: int, count: int = 500) -> NewRecording:
    random = np.random.default_rng(seed)
    anchors = np.sort(random.integers(0, 1000, count))
    hashes = random.integers(0, 2**24, count).astype(np.uint32)
    return NewRecording(name, RiskType.BANEDAUDIO, 1000, Landmarks(hashes, anchors))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    index = SongIndex().enrol([new("a", 1), new("国歌", 2)]).enrol([new("c", 3)])
    index.write(tmp_path)
    again = SongIndex.read(tmp_path)
    assert again.recordings == index.recordings
    assert [each.name for each in again.recordings] == ["a", "国歌", "c"]
    assert np.array_equal(again.hashes, index.hashes)
    assert np.array_equal(again.places, index.places)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_merging_is_as_sorting_anew() -> None:
    merged = SongIndex().enrol([new("a", 1)]).enrol([new("b", 2)])
    at_once = SongIndex().enrol([new("a", 1), new("b", 2)])
    assert np.array_equal(merged.hashes, np.sort(at_once.hashes))
    assert np.array_equal(merged.places, at_once.places)


def test_what_is_removed_leaves_nothing_behind() -> None:
    index = SongIndex().enrol([new("a", 1), new("b", 2), new("c", 3)]).remove("b")
    assert sorted(index.names) == ["a", "c"]
    assert {index.at(int(place)).name for place in index.places} == {"a", "c"}
    assert len(index.hashes) == len(index.places) == 1000
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


def test_a_name_is_free_once() -> None:
    index = SongIndex().enrol([new("a", 1)])
    assert index.free_name("b") == "b"
    assert index.free_name("a", replace=True) == "a"
    with pytest.raises(EnrolmentError, match="a is enrolled already: use --replace"):
        index.free_name("a")
