"""What is enrolled is noticed by a daemon that runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from daemon.enrolled import Enrolled
from models.errors import EnrolmentError
from models.interfaces import Voiceprint
from models.voice.index import FILE_NAME, VoiceIndex


def axis(place: int) -> Voiceprint:
    return np.array([float(each == place) for each in range(256)], np.float32)


def names(enrolled: Enrolled[VoiceIndex]) -> list[str]:
    return [voice.name for voice in enrolled.current().voices]


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[Enrolled[VoiceIndex]]:
    path = folder / FILE_NAME
    enrolled = await asyncio.to_thread(Enrolled, "voices", path, VoiceIndex.read, check_every_s=0.02)
    task = asyncio.create_task(enrolled.watch(), name="enrolled voices")
    try:
        yield enrolled
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a file's change has no event
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("nothing_blocks")
async def test_who_is_enrolled_or_removed_counts_without_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "enrolled"
    async with watched(folder) as enrolled:
        assert names(enrolled) == []
        await asyncio.to_thread(folder.mkdir)
        anna = VoiceIndex().enrol("anna", [axis(0)], speech_s=5.0)
        await asyncio.to_thread(anna.write, folder)
        await until(lambda: names(enrolled) == ["anna"])
        await asyncio.to_thread(anna.enrol("ben", [axis(1)], speech_s=5.0).write, folder)
        await until(lambda: names(enrolled) == ["anna", "ben"])
        await asyncio.to_thread((folder / FILE_NAME).unlink)
        await until(lambda: names(enrolled) == [])


async def test_a_damaged_file_leaves_the_last_good_one_in_force_and_is_said_once(tmp_path: Path) -> None:
    anna = VoiceIndex().enrol("anna", [axis(0)], speech_s=5.0)
    anna.write(tmp_path)
    async with watched(tmp_path) as enrolled:
        with capture_logs() as logs:
            # Not written in place: nobody may see it empty first.
            (tmp_path / "damaged").write_bytes(b"{")
            (tmp_path / "damaged").replace(tmp_path / FILE_NAME)
            await until(lambda: bool(logs))
            await asyncio.sleep(0.2)
        assert [(line["event"], line["kind"]) for line in logs] == [("enrolled_not_reloaded", "voices")]
        assert "voices.json cannot be used" in logs[0]["reason"]
        assert names(enrolled) == ["anna"]
        anna.remove("anna").write(tmp_path)
        await until(lambda: names(enrolled) == [])


def test_a_damaged_file_at_the_start_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"{")
    with pytest.raises(EnrolmentError, match=r"voices\.json cannot be used"):
        Enrolled("voices", tmp_path / FILE_NAME, VoiceIndex.read)
