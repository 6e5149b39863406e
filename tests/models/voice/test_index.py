"""Who is enrolled: names, the file they are in, and what is said of a file that cannot be used."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.enrolled_file import locked
from models.errors import EnrolmentError
from models.interfaces import Voiceprint
from models.voice.index import FILE_NAME, VoiceIndex
from models.voice.voiceprint import unit


def voice(seed: int) -> Voiceprint:
    return unit(np.random.default_rng(seed).standard_normal(256).astype(np.float32))


def enrolled(**seeds: int) -> VoiceIndex:
    index = VoiceIndex()
    for name, seed in seeds.items():
        index = index.enrol(name, [voice(seed)], speech_s=10.0)
    return index


def test_the_nearest_voice_is_named() -> None:
    index = enrolled(anna=1, ben=2, carl=3)
    name, cosine = index.nearest(unit(voice(2) + 0.3 * voice(9)))
    assert name == "ben"
    assert cosine == pytest.approx(1 / np.sqrt(1 + 0.09), abs=0.05)


def test_nobody_is_nearest_where_nobody_is_enrolled() -> None:
    with pytest.raises(LookupError):
        VoiceIndex().nearest(voice(1))


def test_a_voice_is_the_mean_of_its_recordings() -> None:
    index = VoiceIndex().enrol("anna", [voice(1), voice(2)], speech_s=12.0)
    [anna] = index.voices
    assert float(np.linalg.norm(anna.voiceprint)) == pytest.approx(1.0, abs=1e-5)
    assert float(anna.voiceprint @ voice(1)) == pytest.approx(float(anna.voiceprint @ voice(2)), abs=1e-5)
    assert anna.files == 2


def test_a_name_is_taken_once() -> None:
    index = enrolled(anna=1)
    with pytest.raises(EnrolmentError, match=r"anna is enrolled already: use --replace, or .* remove"):
        index.enrol("anna", [voice(2)], speech_s=5.0)
    with pytest.raises(EnrolmentError, match="enrolled already"):
        VoiceIndex().enrol("Zoe\u0308", [voice(1)], speech_s=5.0).enrol("Zo\u00eb", [voice(2)], speech_s=5.0)
    [anna] = index.enrol("anna", [voice(2)], speech_s=5.0, replace=True).voices
    assert np.array_equal(anna.voiceprint, voice(2))
    assert index.nearest(voice(1))[1] == pytest.approx(1.0, abs=1e-5), "the first index is as it was"


@pytest.mark.parametrize("name", ["", "  ", "a" * 65, "a\nb", "a\x00", "a\x1b[31mb", "\u202eanna"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(EnrolmentError, match="a name has 1 to 64 printable characters"):
        VoiceIndex().enrol(name, [voice(1)], speech_s=5.0)


def test_names_of_any_script_are_kept(tmp_path: Path) -> None:
    names = {"刘晓明": 1, "أحمد": 2, "O'Brien <b>": 3, "a" * 64: 4}
    enrolled(**names).write(tmp_path)
    assert {each.name for each in VoiceIndex.read(tmp_path).voices} == set(names)


def test_a_removed_voice_is_not_found_again() -> None:
    index = enrolled(anna=1, ben=2).remove("anna")
    assert index.nearest(voice(1))[0] == "ben"
    with pytest.raises(EnrolmentError, match="nobody is enrolled as 'anna'"):
        index.remove("anna")


def test_what_was_written_is_read(tmp_path: Path) -> None:
    assert len(VoiceIndex.read(tmp_path / "none")) == 0
    index = enrolled(anna=1, ben=2)
    index.write(tmp_path)
    again = VoiceIndex.read(tmp_path)
    assert [(each.name, each.files, each.speech_s) for each in again.voices] == [
        ("anna", 1, 10.0),
        ("ben", 1, 10.0),
    ]
    assert again.nearest(voice(2)) == index.nearest(voice(2))
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME], "no leftovers"
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o077 == 0, "voices are their owners'"


def test_a_file_that_cannot_be_replaced_stays(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(EnrolmentError, match=r"voices\.json cannot be written"):
        enrolled(anna=1).write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    with pytest.raises(EnrolmentError, match=r"voices\.json cannot be read"):
        VoiceIndex.read(tmp_path)


def spoilt(tmp_path: Path, **changes: Any) -> None:
    enrolled(anna=1, ben=2).write(tmp_path)
    document = json.loads((tmp_path / FILE_NAME).read_bytes())
    document["voices"][1].update(changes.pop("voice", {}))
    document.update(changes)
    (tmp_path / FILE_NAME).write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"voices": {}}, "it holds no list of voices"),
        ({"voices": [1]}, "an entry in it is not that of a voice"),
        ({"embedder": "another"}, "its voiceprints were made by another version"),
        ({"format": 2}, "its voiceprints were made by another version"),
        ({"voice": {"name": "anna"}}, "a name stands in it twice"),
        ({"voice": {"name": "b\nb"}}, "an entry in it is not that of a voice"),
        ({"voice": {"files": "many"}}, "an entry in it is not that of a voice"),
        ({"voice": {"voiceprint": "?"}}, "an entry in it is not that of a voice"),
        ({"voice": {"voiceprint": "AAAAAA=="}}, "the voiceprint of ben in it is none"),
        ({"voice": {"voiceprint": "AADAfwAAwH8="}}, "the voiceprint of ben in it is none"),
    ],
)
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    spoilt(tmp_path, **changes)
    with pytest.raises(EnrolmentError) as caught:
        VoiceIndex.read(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / FILE_NAME} cannot be used, {said}")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"null", b'{"voices": ['])
def test_a_file_of_anything_else_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(EnrolmentError, match=r"voices\.json cannot be used, it .*: restore it from a copy"):
        VoiceIndex.read(tmp_path)


def test_a_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / FILE_NAME).open("wb") as file:
        file.truncate(2**33)
    with pytest.raises(EnrolmentError, match="it is too large"):
        VoiceIndex.read(tmp_path)


def test_two_who_enrol_at_once_are_both_enrolled(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "enrolled"

    def enrol(name: str, seed: int) -> None:
        with locked(folder):
            VoiceIndex.read(folder).enrol(name, [voice(seed)], speech_s=5.0).write(folder)

    names = {f"person {number}": number for number in range(12)}
    threads = [threading.Thread(target=enrol, args=each) for each in names.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.name for each in VoiceIndex.read(folder).voices} == set(names)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EnrolmentError, match=r"the folder .*/file cannot be used"), locked(tmp_path / "file"):
        pass
