"""Recordings that the tests share, and the library that has them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.folder_library import FolderLibrary
from tests.support.recordings import encryption, make_dash, make_film, make_hls


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one film, packed in many ways."""
    folder = tmp_path_factory.mktemp("recordings")
    film = make_film(folder)
    make_hls(film, folder / "ts")
    make_hls(film, folder / "fmp4", "-hls_segment_type", "fmp4")
    make_hls(film, folder / "ranges", "-hls_flags", "single_file")
    make_hls(film, folder / "fmp4-ranges", "-hls_flags", "single_file", "-hls_segment_type", "fmp4")
    make_hls(film, folder / "aes", *encryption(folder / "aes"))
    make_hls(film, folder / "aes-numbered", *encryption(folder / "aes-numbered", vector=None))
    make_dash(film, folder / "timeline")
    make_dash(film, folder / "numbered", "-use_timeline", "0")
    make_dash(film, folder / "list", "-single_file", "1")
    return folder


@pytest.fixture
def library(shelf: Path) -> FolderLibrary:
    return FolderLibrary(shelf)


@pytest.fixture
def own(tmp_path: Path) -> FolderLibrary:
    """A library with nothing in it yet, for one test."""
    return FolderLibrary(tmp_path)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("recording fetch")]
    assert not left
