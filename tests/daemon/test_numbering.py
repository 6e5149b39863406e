"""Sequence numbers: without a gap, none twice, over kill -9."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

from daemon.numbering import MAX_REMEMBERED, Numbering
from tests.support.outbox_house import house
from tests.support.recorder import Recorder
from tests.support.registry_process import SETTLED


def again(numbering: Numbering) -> Numbering:
    """What the next daemon makes of what was saved."""
    return Numbering.restore(json.loads(json.dumps(numbering.document())))


def test_numbers_go_up_by_one_over_settled_windows() -> None:
    numbering = Numbering.restore({})
    assert [numbering.number(key) for key in ("started", "0")] == [1, 2]
    numbering.settle()
    assert numbering.number("1") == 3
    numbering.settle()
    assert again(numbering).number("7") == 4


def test_what_is_sent_again_after_a_crash_has_its_number() -> None:
    numbering = Numbering()
    assert [numbering.number(key) for key in ("0", "gap")] == [1, 2]
    numbering = again(numbering)
    assert [numbering.number(key) for key in ("gap", "0", "1")] == [2, 1, 3]


def test_what_was_sent_before_a_crash_and_never_again_leaves_no_gap() -> None:
    numbering = Numbering()
    numbering.number("0")
    assert again(numbering).number("5") == 2


def test_what_is_remembered_is_bounded() -> None:
    numbering = Numbering()
    numbers = [numbering.number(f"{n}") for n in range(3 * MAX_REMEMBERED)]
    assert numbers == list(range(1, 3 * MAX_REMEMBERED + 1))
    assert len(numbering.document()["unsettled"]) == MAX_REMEMBERED


async def test_kill_minus_9_makes_no_gap_and_no_double(tmp_path: Path) -> None:
    """Each kill falls when a callback is stored and its window is not settled yet."""
    async with Recorder() as consumer:
        for _ in range(3):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.support.registry_process", str(tmp_path), consumer.url(),
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            assert await process.wait() == -signal.SIGKILL
        # How much of it is delivered before a kill depends on the machine.
        async with house(tmp_path) as made:
            await made.empty()

    deliveries: dict[int, str] = {}
    for attempt in consumer.attempts:
        number = int(attempt.request.headers["X-Audiowarden-Sequence"])
        assert deliveries.setdefault(number, attempt.delivery) == attempt.delivery, "one number, one callback"
    assert list(deliveries) == list(range(1, len(deliveries) + 1)), "in order and without a gap"
    assert len(set(deliveries.values())) == len(deliveries), "one callback, one number"
    assert len(deliveries) >= 3 * SETTLED
    events = [each for each in deliveries.values() if "_event-" in each]
    assert events, "the stream's events are counted among the windows"
