"""The manifest: what it may say, and one sentence with its line for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.taxonomy import RiskType, load_taxonomy
from daemon.evaluation.manifest import Entry, Event, ManifestError, read_manifest

HEADER = "file,text,language,gender,speaker,events\n"


def read(folder: Path, text: str | bytes, *files: str) -> list[Entry]:
    for name in files or ("a.wav", "b.wav"):
        (folder / name).touch()
    (folder / "manifest.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_manifest(folder, load_taxonomy())


def test_a_line_says_what_is_known(tmp_path: Path) -> None:
    text = HEADER + 'a.wav,"Good evening, everybody",en,male,joe,ABUSE; gunshot;AD\nb.wav,-,,,,none\n'
    first, second = read(tmp_path, text)
    assert (first.path, first.file) == (tmp_path / "a.wav", "a.wav")
    assert (first.text, first.language, first.gender, first.speaker) == (
        "Good evening, everybody",
        "en",
        "male",
        "joe",
    )
    assert first.events == (
        Event(RiskType.ABUSE),
        Event(RiskType.VIOLENT, "gunshot"),
        Event(RiskType.AD),
    )
    assert (second.text, second.events) == ("", ())
    assert (second.language, second.gender, second.speaker) == ("", "", "")


def test_what_is_not_written_is_not_known(tmp_path: Path) -> None:
    [entry] = read(tmp_path, "\ufefffile , language\r\na.wav\r\n\r\n", "a.wav")
    assert entry == Entry(tmp_path / "a.wav", "a.wav")


def test_a_label_of_several_types_is_written_with_its_type(tmp_path: Path) -> None:
    [entry] = read(tmp_path, "file,events\na.wav,BAN.firearm;POLITICS.organisation\n")
    assert entry.events is not None
    assert [event.name for event in entry.events] == ["BAN.firearm", "POLITICS.organisation"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"manifest\.csv line 1: the header must name file"),
        ("name,text\n", "line 1: the header must name file"),
        ("file,file\n", "line 1: the header must name file"),
        ("file\n", "names no recording"),
        ("file\na.wav\nb.wav,x\n", "line 3: 2 cells under 1 headings"),
        ("file,text\n,hello\n", "line 2: the cell under file is empty"),
        ("file\na.wav\nb.wav\na.wav\n", "line 4: a.wav stands there a second time"),
        ("file,language\na.wav,English\n", "line 2: English is no language"),
        ("file,gender\na.wav,man\n", "line 2: man is no gender that can be told: write male or female"),
        ("file,events\na.wav,MOANS\n", "line 2: MOANS is neither .*, did you mean MOAN?"),
        ("file,events\na.wav,GENDER\n", "line 2: GENDER is neither"),
        ("file,events\na.wav,organisation\n", "POLITICS.organisation or VIOLENT.organisation"),
        ('file,text\na.wav,"open\n', "line 2: unexpected end of data"),
        (b"file\n\xff.wav\n", "is not UTF-8 text"),
        ("file\na.wav\nx.wav\nsub/y.wav\n", r"files that are not there: x\.wav, sub/y\.wav$"),
        ("file\n" + "".join(f"{n}.wav\n" for n in range(7)), r"0\.wav, .*4\.wav and 2 more"),
    ],
)
def test_a_mistake_is_named(text: str | bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=said):
        read(tmp_path, text)


def test_a_folder_without_one_is_told_its_header(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="its header is file,text,language,gender,speaker,events"):
        read_manifest(tmp_path / "nowhere", load_taxonomy())
