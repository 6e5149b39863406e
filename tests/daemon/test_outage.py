"""A consumer that is down for half an hour by the contract's schedule; an hour of it is seconds here."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from aiohttp import web

from daemon.ledger.sqlite import dead_letters_beside
from daemon.outbox import Delivery
from pipeline.retry import Backoff
from tests.support.outbox_house import House, house
from tests.support.recorder import Attempt, Recorder

SECOND_S = 0.001
"""A simulated second."""
OUTAGE_S = 30 * 60
CONTRACT = Backoff(first_s=5.0, step_s=5.0, max_s=60.0, attempts=19)
SCALED: dict[str, Any] = {"first_retry_s": 5 * SECOND_S, "max_retry_s": 60 * SECOND_S, "attempts": 20}
STREAMS, EACH = 3, 12


def tries_during_the_outage() -> tuple[int, int]:
    """Count a stream's tries while its consumer is down, and the callbacks that are given up meanwhile."""
    passed_s, tries = 0.0, 0
    for given_up in itertools.count():
        for attempt in itertools.count(1):
            tries += 1
            if (delay_s := CONTRACT.delay_s(attempt)) is None:
                break
            passed_s += delay_s
            if passed_s > OUTAGE_S:
                return tries, given_up
    raise AssertionError


TRIES, GIVEN_UP = tries_during_the_outage()


def down_for_half_an_hour() -> Recorder:
    """A consumer whose outage is told by a stream's tries, so that a slow machine changes nothing."""
    tries: dict[str, int] = {}

    async def answer(attempt: Attempt) -> web.Response:
        stream = attempt.delivery.partition("_")[0]
        tries[stream] = tries.get(stream, 0) + 1
        return web.Response(status=503 if tries[stream] <= TRIES else 200)

    return Recorder(answer)


async def send_all(made: House, url: str) -> None:
    for number in range(EACH):
        for stream in range(STREAMS):
            body = f"{stream} {number}".encode()
            await made.outbox.send(
                Delivery(f"s{stream}", f"{number:03}", url, body, "acme", number + 1, number)
            )


def taken(consumer: Recorder, stream: int) -> list[int]:
    """Return the sequence numbers that a stream's consumer took, in the order of their arrival."""
    sequence = {each.delivery: each.request.headers["X-Audiowarden-Sequence"] for each in consumer.attempts}
    return [int(sequence[each]) for each in consumer.taken if each.startswith(f"s{stream}_")]


def test_half_an_hour_is_longer_than_a_callbacks_tries() -> None:
    assert (TRIES, GIVEN_UP) == (49, 2)


async def test_a_consumer_that_was_down_for_half_an_hour_catches_up_in_order(tmp_path: Path) -> None:
    async with down_for_half_an_hour() as consumer, house(tmp_path, keeps=True, **SCALED) as made:
        await send_all(made, consumer.url())
        await made.empty()
        for stream in range(STREAMS):
            assert taken(consumer, stream) == list(range(GIVEN_UP + 1, EACH + 1)), "in order; the gap shows"
            page = await made.ledger.history.page("acme", f"s{stream}", 0, GIVEN_UP, 1000)
            assert page is not None
            assert [record.body for record in page.records] == [
                f"{stream} {number}".encode() for number in range(GIVEN_UP)
            ], "what was given up can be asked for"
        assert await made.ledger.dead_letters.count() == STREAMS * GIVEN_UP

        async with dead_letters_beside(tmp_path) as letters:
            await letters.replay(100, through=await letters.last(), group="s0")
        await consumer.wait_for(lambda: len(taken(consumer, 0)) == EACH)
        await made.empty()
        assert await made.ledger.dead_letters.count() == (STREAMS - 1) * GIVEN_UP

    assert taken(consumer, 0) == [*range(GIVEN_UP + 1, EACH + 1), *range(1, GIVEN_UP + 1)]
    assert len(taken(consumer, 1)) == EACH - GIVEN_UP
    replayed = [each for each in consumer.attempts if each.delivery.startswith("s0_")][-GIVEN_UP:]
    assert [each.request.headers["X-Audiowarden-Attempt"] for each in replayed] == ["1", "1"]
    assert [each.body for each in replayed] == [b"0 0", b"0 1"]
