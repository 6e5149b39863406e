"""`audiowarden songs` as a person types it: one sentence for each mistake, and nothing changed by it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from models.songs.index import FILE_NAME, SongIndex
from tests.support import commands
from tests.support.music import music, to_pcm
from tests.support.speech import write_wav

ROOT = Path(__file__).parents[3]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return commands.run("songs", *arguments, "--dir", str(folder))


@pytest.fixture(name="media", scope="module")
def _media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    write_wav(folder / "first.wav", to_pcm(music(1)))
    write_wav(folder / "second.wav", to_pcm(music(2)))
    write_wav(folder / "short.wav", to_pcm(music(1)[:60_000]))
    commands.write_unusable(folder)
    return folder


@pytest.fixture(name="enrolled_once", scope="module")
def _enrolled_once(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("enrolled")
    done = run(folder, "enrol", "--label", "banned", "First", str(media / "first.wav"))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(name="enrolled")
def _enrolled(enrolled_once: Path, tmp_path: Path) -> Path:
    """A folder in which the first song is enrolled."""
    return shutil.copytree(enrolled_once, tmp_path / "enrolled")


def test_songs_are_enrolled_shown_and_forgotten(media: Path, enrolled: Path) -> None:
    done = run(enrolled, "import", "--label", "copyright", str(media / "second.wav"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("second: enrolled, ")
    assert done.stdout.endswith(f"\nkept in {enrolled}\n")
    shown = run(enrolled, "list").stdout
    assert "First" in shown
    assert "banned" in shown
    assert "second" in shown
    assert run(enrolled, "remove", "First").stdout == "First: forgotten\n"
    assert SongIndex.read(enrolled).names == {"second"}
    again = run(enrolled, "remove", "First")
    assert again.returncode == 1
    assert again.stderr == (
        f"audiowarden: {enrolled}: nothing is enrolled as 'First': `audiowarden songs list` shows the names\n"
    )


def test_an_empty_list_says_where_it_looked(tmp_path: Path) -> None:
    assert run(tmp_path, "list").stdout == f"nothing is enrolled in {tmp_path}\n"


@pytest.mark.parametrize(
    ("name", "files", "said"),
    [
        ("Song", ["silence.wav"], "silence.wav: it is silent"),
        ("Song", ["noise.wav"], "noise.wav: nothing in it could be recognised again"),
        ("Song", ["text.wav"], "text.wav: the data is in no format that can be read"),
        ("Song", ["none.wav"], "none.wav: there is no such file"),
        ("Song", ["short.wav"], "short.wav: it lasts 3.8 s, at least 5 s are needed"),
        ("Song", ["two hours.wav"], "two hours.wav: it lasts longer than 20 minutes"),
        ("Song", ["second.wav", "second.wav"], "second.wav: given twice"),
        ("Song", ["second.wav", "text.wav"], "text.wav: the data is in no format that can be read"),
        ("First", ["second.wav"], "First is enrolled already: use --replace"),
        ("a\nb", ["second.wav"], "a name has 1 to 64 printable characters"),
    ],
)
def test_a_mistake_is_one_sentence_and_changes_nothing(
    media: Path, enrolled: Path, name: str, files: list[str], said: str
) -> None:
    before = (enrolled / FILE_NAME).read_bytes()
    done = run(enrolled, "enrol", "--label", "anthem", name, *(str(media / file) for file in files))
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stdout == ""
    assert (enrolled / FILE_NAME).read_bytes() == before
    assert [path.name for path in enrolled.iterdir()] == [FILE_NAME]


def test_a_song_is_replaced_on_request(media: Path, enrolled: Path) -> None:
    before = SongIndex.read(enrolled)
    done = run(enrolled, "enrol", "--label", "anthem", "--replace", "First", str(media / "second.wav"))
    assert done.returncode == 0, done.stderr
    after = SongIndex.read(enrolled)
    assert after.names == before.names
    assert [each.risk.value for each in after.recordings] == ["ANTHEN"]


def test_a_recording_under_two_names_is_remarked(media: Path, enrolled: Path) -> None:
    done = run(enrolled, "enrol", "--label", "banned", "Again", str(media / "first.wav"))
    assert done.returncode == 0, done.stderr
    assert "first.wav is enrolled already as First" in done.stdout
