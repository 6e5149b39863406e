"""The commands as a person types them: in a process of their own, with one sentence for each mistake."""

from __future__ import annotations

import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support.commands import ROOT, run
from tests.support.daemon_process import configuration
from tests.support.media_server import HttpServer
from tests.support.speech import fit, join, speech_pcm, write_wav

INSULT = "Oh shut up, you stupid idiot. You are a worthless piece of trash."


@pytest.fixture(name="insult", scope="module")
def _insult(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("media") / "insult.wav"
    return write_wav(path, fit(join(0.3, speech_pcm(INSULT)), 10))


def test_moderate_shows_a_file_as_a_table(insult: Path, tmp_path: Path) -> None:
    done = run("moderate", str(insult), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "REJECT" in done.stdout
    assert "ABUSE" in done.stdout
    assert "idiot" in done.stdout
    assert list(tmp_path.iterdir()) == [], "nothing is stored"


def test_moderate_takes_an_address_of_the_persons_own_network(insult: Path, tmp_path: Path) -> None:
    with HttpServer(insult.parent) as server:
        done = run("moderate", server.url(insult.name), "--lang", "en", "--policy", "game", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "REJECT" in done.stdout


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("no-such-file.wav", "audiowarden: no-such-file.wav: there is no such file"),
        (".", "audiowarden: .: it is a folder, not a recording"),
        ("ftp://host/x", "must begin with"),
        ("http://127.0.0.1:1/x.mp3", "refuses the connection"),
    ],
)
def test_moderate_says_what_is_wrong_in_one_sentence(source: str, said: str, tmp_path: Path) -> None:
    done = run("moderate", source, cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.startswith("audiowarden: ")
    assert done.stderr.count("\n") == 1


def test_check_names_everything_that_is_missing(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    good = run("check", "--config", str(config), cwd=tmp_path)
    assert good.returncode == 0, good.stdout
    assert "missing" not in good.stdout
    empty = tmp_path / "empty.toml"
    empty.write_text(f"[recogniser]\ncache_dir = '{tmp_path}/none'\n[server]\nport = 0\n", encoding="utf-8")
    bad = run("check", "--config", str(empty), cwd=tmp_path)
    assert bad.returncode == 1
    missing = [line for line in bad.stdout.splitlines() if line.startswith("missing")]
    assert [line.split()[1] for line in missing] == ["model:", "accounts:"]
    assert "`audiowarden models fetch base yamnet voiceprint gender`" in missing[0]


def test_check_runs_from_any_folder_with_the_environment_alone(tmp_path: Path) -> None:
    accounts = '[{"name": "a", "access_key": "k"}]'
    done = run("check", cwd=tmp_path, AUDIOWARDEN__ACCOUNTS=accounts, AUDIOWARDEN__SERVER__PORT="0")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[server]\nprt = 1\n", "server.prt: unknown key, did you mean port?"),
        ("[recogniser]\nmodel = '/no/such/folder'\n[server]\nport = 0\n", "/no/such/folder"),
        ("[server]\nhost = '203.0.113.1'\n", "cannot listen on 203.0.113.1 port 8080"),
        ("[server]\nhost = '..'\n", "it is no host name"),
        ("data_dir = '/proc/nothing'\n[server]\nport = 0\n", "/proc/nothing"),
    ],
)
def test_serve_does_not_start_on_a_mistake_and_names_it(text: str, said: str, tmp_path: Path) -> None:
    config = tmp_path / "audiowarden.toml"
    config.write_text(text, encoding="utf-8")
    done = run("serve", "--config", str(config), cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_said_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", cwd=tmp_path, AUDIOWARDEN__SERVER__PORT=str(port))
    assert done.returncode == 1
    assert done.stderr.endswith(
        f"\naudiowarden: cannot listen on 127.0.0.1 port {port}: Address already in use\n"
    )


def test_lists_are_read_and_searched(tmp_path: Path) -> None:
    (tmp_path / "brands.txt").write_text("acme\n坏词\n", encoding="utf-8")
    checked = run("lists", "check", str(tmp_path), cwd=tmp_path)
    assert "brands" in checked.stdout
    assert "2" in checked.stdout
    matched = run("lists", "match", str(tmp_path), "buy Acme now", cwd=tmp_path)
    assert matched.stdout.strip() == "brands: acme at 4-8"
    (tmp_path / "brands.txt").write_bytes(b"\xff")
    refused = run("lists", "check", str(tmp_path), cwd=tmp_path)
    assert refused.returncode == 1
    assert "brands.txt" in refused.stderr


def test_moderate_knows_its_languages(insult: Path, tmp_path: Path) -> None:
    done = run("moderate", str(insult), "--lang", "klingon", cwd=tmp_path)
    assert done.returncode == 2
    assert "klingon is not among" in done.stderr


def test_the_version_is_told() -> None:
    assert run("--version").stdout.strip() == f"audiowarden {version('audiowarden')}"


def test_a_command_loads_no_more_than_it_needs() -> None:
    """An operator who lists models does not wait for the recogniser's libraries."""
    script = (
        "import sys; from daemon.cli.main import app; app(['models', '--help'], standalone_mode=False); "
        "print({'av', 'faster_whisper', 'aiohttp', 'onnxruntime'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stderr.strip() == "set()"
