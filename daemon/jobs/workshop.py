"""Where jobs do what blocks: threads of their own, and a folder each for what they make."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

import structlog

from config.errors import AudiowardenError
from daemon.storage.undisturbed import in_thread, undisturbed

log = structlog.get_logger()

FOLDER = "jobs"
GB = 10**9
LOOK_S = 0.5
"""How often the size of what is being written is looked at: it may exceed its limit by what is written in
that time."""
READ_BYTES = 1024 * 1024
NICE = 10
"""A tenth of the weight of other threads (sched(7)): windows are due within two seconds, jobs are not."""

T = TypeVar("T")


class WorkshopError(AudiowardenError):
    """The folder of a job's files cannot be made: the disk is full, or not ours."""

    retryable = True


class TooLargeError(AudiowardenError):
    """A result is larger than any may be."""


class Workshop:
    """Threads and folders for the jobs of one daemon."""

    def __init__(self, data_dir: Path, at_once: int, max_result_bytes: int) -> None:
        """Throw away what a daemon that died left in `data_dir/jobs`; blocks. Raises WorkshopError."""
        self._max_result_bytes = max_result_bytes
        self._folder = data_dir / FOLDER
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="job", initializer=_step_back)
        try:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise WorkshopError(f"cannot use the folder {self._folder}: {error.strerror}") from None

    def close(self) -> None:
        """Let the threads end; their work has."""
        self._threads.shutdown(wait=False)

    @asynccontextmanager
    async def bench(self) -> AsyncIterator[Path]:
        """Make a folder that is gone afterwards. Raises WorkshopError."""
        made: list[str] = []
        try:
            # Without the path: the text is for whoever asked for the job.
            try:
                await in_thread(lambda: made.append(tempfile.mkdtemp(dir=self._folder)))
            except OSError as error:
                raise WorkshopError(f"the daemon has no place for a job's files: {error.strerror}") from None
            yield Path(made[0])
        finally:
            for each in made:
                await in_thread(partial(shutil.rmtree, each, ignore_errors=True))

    def check_size(self, size: int) -> None:
        """Raise TooLargeError when a result must not have so many bytes."""
        if size > self._max_result_bytes:
            limit_gb = self._max_result_bytes / GB
            raise TooLargeError(f"the result is larger than {limit_gb:g} GB, the most that it may have here")

    async def run(
        self,
        work: Callable[[Callable[[], bool]], T],
        cancel: Callable[[], None],
        result: Path | None = None,
    ) -> T:
        """Run `work` in a thread and return what it returns; `result`: the file that it writes.

        When this is cancelled, or the file is found to be too large, the function that `work` got says True
        from then on, `cancel` is called to end what blocks, and this goes on when the thread has ended.
        Raises TooLargeError.
        """
        unwanted = threading.Event()
        running = asyncio.get_running_loop().run_in_executor(self._threads, work, unwanted.is_set)
        try:
            ended: set[asyncio.Future[T]] = set()
            while not ended:
                ended, _ = await asyncio.wait((running,), timeout=None if result is None else LOOK_S)
                if result is not None:
                    self.check_size(await in_thread(partial(_size, result)))
            return running.result()
        except (asyncio.CancelledError, TooLargeError):
            unwanted.set()
            cancel()
            try:
                # A cancellation meanwhile counts for more than a result that is too large.
                await undisturbed(asyncio.wait((running,)))
            finally:
                if not running.cancelled() and (error := running.exception()) is not None:
                    log.debug("job_thread_ended", error=type(error).__name__)
            raise


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        # It is not there yet; or the disk is away, which the thread that writes hears of.
        return 0


def _step_back() -> None:
    """Let the calling thread have what the live streams leave of the processor (Linux: it alone)."""
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, max(NICE, os.getpriority(os.PRIO_PROCESS, thread)))


async def chunks_of(path: Path, told: Callable[[int], None]) -> AsyncGenerator[bytes, None]:
    """Yield a file's bytes; `told` gets how many have been yielded so far."""
    given = 0
    opened: list[BinaryIO] = []
    try:
        await in_thread(lambda: opened.append(path.open("rb")))
        while data := await in_thread(partial(opened[0].read, READ_BYTES)):
            yield data
            given += len(data)
            told(given)
    finally:
        for file in opened:
            file.close()
