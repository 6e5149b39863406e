"""`audiowarden voices` as a person types it: one sentence for each mistake, and nothing changed by it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from models.voice.index import FILE_NAME, VoiceIndex
from tests.support import commands
from tests.support.speech import join, raised, speech_pcm, write_wav

ROOT = Path(__file__).parents[3]
FIRST = "The bakery on the corner opens at six, and the first bread is gone before seven."
SECOND = "In spring the river comes up to the garden fence, but the house has always stayed dry."


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return commands.run("voices", *arguments, "--dir", str(folder))


@pytest.fixture(name="media", scope="module")
def _media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    write_wav(folder / "first.wav", speech_pcm(FIRST))
    write_wav(folder / "second.wav", speech_pcm(SECOND))
    write_wav(folder / "other.wav", raised(join(FIRST, SECOND)))
    write_wav(folder / "short.wav", speech_pcm(FIRST)[:40_000])
    commands.write_unusable(folder)
    return folder


@pytest.fixture(name="enrolled_once", scope="module")
def _enrolled_once(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("enrolled")
    done = run(folder, "enrol", "Joe", str(media / "first.wav"), str(media / "second.wav"))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(name="enrolled")
def _enrolled(enrolled_once: Path, tmp_path: Path) -> Path:
    """A folder in which Joe is enrolled."""
    return shutil.copytree(enrolled_once, tmp_path / "enrolled")


def test_a_person_is_enrolled_shown_and_forgotten(media: Path, enrolled: Path) -> None:
    assert [(each.name, each.files) for each in VoiceIndex.read(enrolled).voices] == [("Joe", 2)]
    second = run(enrolled, "enrol", "刘 <b>", str(media / "other.wav"))
    assert second.returncode == 0, second.stderr
    assert second.stdout.startswith("刘 <b>: enrolled from ")
    assert second.stdout.endswith(f" s of speech, kept in {enrolled}\n")
    shown = run(enrolled, "list")
    assert "Joe" in shown.stdout
    assert "刘 <b>" in shown.stdout
    assert run(enrolled, "remove", "Joe").stdout == "Joe: forgotten\n"
    assert [each.name for each in VoiceIndex.read(enrolled).voices] == ["刘 <b>"]
    again = run(enrolled, "remove", "Joe")
    assert again.returncode == 1
    assert again.stderr == (
        f"audiowarden: {enrolled}: nobody is enrolled as 'Joe': `audiowarden voices list` shows the names\n"
    )


def test_an_empty_list_says_where_it_looked(tmp_path: Path) -> None:
    assert run(tmp_path, "list").stdout == f"nobody is enrolled in {tmp_path}\n"


@pytest.mark.parametrize(
    ("name", "files", "said"),
    [
        ("Ann", ["silence.wav"], "silence.wav: it is silent"),
        ("Ann", ["noise.wav"], "noise.wav: nobody speaks in it"),
        ("Ann", ["text.wav"], "text.wav: the data is in no format that can be read"),
        ("Ann", ["none.wav"], "none.wav: there is no such file"),
        ("Ann", ["first.wav", "short.wav"], "s of speech, at least 3 s are needed"),
        ("Ann", ["two hours.wav"], "two hours.wav: it lasts longer than 10 minutes: cut out what is meant"),
        ("Ann", ["first.wav", "other.wav"], "other.wav: not the voice of the other file"),
        ("Ann", ["first.wav", "first.wav"], "first.wav: given twice"),
        (
            "Joe",
            ["other.wav"],
            "Joe is enrolled already: use --replace, or `audiowarden voices remove` first",
        ),
        ("a\nb", ["first.wav"], "a name has 1 to 64 printable characters"),
    ],
)
def test_a_mistake_is_one_sentence_and_changes_nothing(
    media: Path, enrolled: Path, name: str, files: list[str], said: str
) -> None:
    before = (enrolled / FILE_NAME).read_bytes()
    done = run(enrolled, "enrol", name, *(str(media / file) for file in files))
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stdout == ""
    assert (enrolled / FILE_NAME).read_bytes() == before
    assert [path.name for path in enrolled.iterdir()] == [FILE_NAME]


def test_a_voice_is_replaced_on_request(media: Path, enrolled: Path) -> None:
    [before] = VoiceIndex.read(enrolled).voices
    done = run(enrolled, "enrol", "--replace", "Joe", str(media / "other.wav"))
    assert done.returncode == 0, done.stderr
    [after] = VoiceIndex.read(enrolled).voices
    assert float(before.voiceprint @ after.voiceprint) < 0.6


def test_a_voice_under_two_names_is_remarked(media: Path, enrolled: Path) -> None:
    done = run(enrolled, "enrol", "Joseph", str(media / "second.wav"))
    assert done.returncode == 0, done.stderr
    assert "note: Joe sounds much the same" in done.stdout


def test_a_damaged_file_is_named_and_left_alone(media: Path, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"{")
    for arguments in (["list"], ["remove", "Joe"], ["enrol", "Joe", str(media / "first.wav")]):
        done = run(tmp_path, *arguments)
        assert done.returncode == 1
        assert done.stderr.startswith(f"audiowarden: {tmp_path / FILE_NAME} cannot be used, it is not whole")
    assert (tmp_path / FILE_NAME).read_bytes() == b"{"


def test_the_folder_is_the_configurations(tmp_path: Path) -> None:
    config = tmp_path / "audiowarden.toml"
    config.write_text("enrolled_dir = 'people'\n", encoding="utf-8")
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / FILE_NAME).write_bytes(b"{")
    done = commands.run("voices", "list", "--config", str(config))
    assert str(tmp_path / "people" / FILE_NAME) in done.stderr
