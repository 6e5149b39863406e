"""Callbacks with a real ledger and real consumers: in order, again and again, never lost, nobody delayed."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from pathlib import Path

import structlog
from aiohttp import web

from daemon.outbox import Delivery
from tests.support.outbox_house import house
from tests.support.recorder import Attempt, Recorder, accept, fail_first, never


async def test_a_callback_arrives_as_it_was_sent(tmp_path: Path) -> None:
    body = '{"文字": "一\\n二"}\n'.encode() + bytes(range(256))
    async with Recorder() as consumer, house(tmp_path) as made:
        await made.outbox.send(Delivery("abc", "00000007", consumer.url(path="hook?token=t%20t"), body))
        await made.empty()

    [attempt] = consumer.attempts
    assert attempt.body == body
    assert attempt.delivery == "abc_00000007"
    assert attempt.request.raw_path == "/hook?token=t%20t"
    assert attempt.request.headers["Content-Type"] == "application/json; charset=utf-8"
    assert made.observer.outcomes == {"delivered": 1}


async def test_the_same_delivery_sent_twice_waits_once(tmp_path: Path) -> None:
    async with Recorder() as consumer, house(tmp_path, started=False) as made:
        for _ in range(2):
            await made.send(consumer.url())
        assert await made.ledger.callbacks.count() == 1


async def test_retries_keep_the_order_of_each_stream(tmp_path: Path) -> None:
    async with Recorder(fail_first(2)) as consumer, house(tmp_path) as made:
        await made.send(consumer.url(), streams=5, each=6)
        await made.empty()

    for s in range(5):
        mine = [delivery for delivery in consumer.taken if delivery.startswith(f"s{s}_")]
        assert mine == [f"s{s}_{n:03}" for n in range(6)]
    assert set(Counter(attempt.delivery for attempt in consumer.attempts).values()) == {3}
    assert made.observer.outcomes == {"failed": 60, "delivered": 30}


async def test_only_200_is_success_and_redirects_are_not_followed(tmp_path: Path) -> None:
    async def answer(attempt: Attempt) -> web.Response:
        statuses = [201, 204, 307, 404, 500, 200]
        return web.Response(status=statuses[attempt.number - 1], headers={"Location": "/elsewhere"})

    async with Recorder(answer) as consumer, house(tmp_path) as made:
        await made.send(consumer.url())
        await made.empty()

    assert [attempt.request.path for attempt in consumer.attempts] == ["/callback"] * 6
    assert consumer.taken == ["s0_000"]


async def test_the_last_attempt_ends_in_the_dead_letters_and_the_stream_goes_on(tmp_path: Path) -> None:
    async def answer(attempt: Attempt) -> web.Response:
        return web.Response(status=503 if attempt.delivery.endswith("_000") else 200)

    async with Recorder(answer) as consumer:
        with structlog.testing.capture_logs() as logs:
            async with house(tmp_path, attempts=4) as made:
                url = consumer.url(path="private-path?key=private-key").replace("//", "//user:private-word@")
                await made.outbox.send(Delivery("s0", "000", url, b"private-body"))
                await made.outbox.send(Delivery("s0", "001", url, b"private-body"))
                await made.empty()
                [letter] = await made.ledger.dead_letters.page(10)

    assert [attempt.delivery for attempt in consumer.attempts] == ["s0_000"] * 4 + ["s0_001"]
    assert (letter.group, letter.key, letter.attempts, letter.reason) == ("s0", "000", 4, "status 503")
    assert b"private-body" in letter.body
    assert letter.lane == f"http://127.0.0.1:{consumer.port}"
    assert made.observer.outcomes == {"failed": 3, "dead": 1, "delivered": 1}
    [given_up] = [entry for entry in logs if entry["event"] == "callback_given_up"]
    assert (given_up["request_id"], given_up["attempt"], given_up["reason"]) == ("s0", 4, "status 503")
    assert "private" not in str(logs)


async def test_no_answer_in_time_is_a_failure(tmp_path: Path) -> None:
    async with Recorder(never) as consumer, house(tmp_path, timeout_s=0.1, attempts=1000) as made:
        await made.send(consumer.url())
        await consumer.wait_for(lambda: len(consumer.attempts) >= 3)
        consumer.answer = accept
        await made.empty()

    # On a busy machine an answer may come too late, and then there is another attempt.
    assert set(consumer.taken) == {"s0_000"}


async def test_a_consumer_that_is_not_there_yet(tmp_path: Path) -> None:
    async with house(tmp_path, attempts=1000) as made:
        # Nobody listens there, and nobody else may.
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            port = reserved.getsockname()[1]
            await made.send(f"http://127.0.0.1:{port}/", each=3)
            while made.observer.outcomes["failed"] < 5:
                await made.observer.next()
        async with Recorder(port=port) as consumer:
            await made.empty()

    assert consumer.taken == ["s0_000", "s0_001", "s0_002"]


async def test_an_endless_answer_is_a_success_by_its_status(tmp_path: Path) -> None:
    async def answer(attempt: Attempt) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(attempt.request)
        try:
            while True:
                await response.write(bytes(10_000))
        except ConnectionError:
            consumer.taken.append(attempt.delivery)
            raise

    async with Recorder(answer) as consumer, house(tmp_path) as made:
        await made.send(consumer.url(), each=2)
        await made.empty()
    assert made.observer.outcomes == {"delivered": 2}


async def test_a_body_that_never_comes_is_a_success_by_its_status(tmp_path: Path) -> None:
    async def answer(attempt: Attempt) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 10
        await response.prepare(attempt.request)
        await asyncio.sleep(60)
        return response

    async with Recorder(answer) as consumer, house(tmp_path, timeout_s=0.9, attempts=20) as made:
        await made.send(consumer.url())
        await made.empty()
    # The status itself may come too late on a busy machine; not each time.
    assert made.observer.outcomes["delivered"] == 1


async def test_a_consumer_that_never_answers_delays_nobody_else(tmp_path: Path) -> None:
    async with (
        Recorder(never) as dead,
        Recorder() as alive,
        house(tmp_path, flush_s=0.1, timeout_s=300, connections_per_consumer=4) as made,
    ):
        await made.send(dead.url(), streams=300, each=2, name="dead")
        await dead.wait_for(lambda: dead.open == 4)
        await made.send(alive.url(), streams=30, each=5, name="alive")
        await alive.wait_for(lambda: len(alive.taken) == 150)

        assert dead.most_open.total() == 4
        assert len(dead.attempts) == 4
    assert alive.most_open.total() <= 4


async def test_many_consumers_that_are_down_leave_room(tmp_path: Path) -> None:
    hosts = tuple(f"127.0.0.{n}" for n in range(1, 11))

    async def answer(attempt: Attempt) -> web.Response:
        return web.Response(status=500) if attempt.number == 1 else await never(attempt)

    async with (
        Recorder(answer, hosts=hosts) as dead,
        Recorder() as alive,
        house(tmp_path, flush_s=0.1, timeout_s=300, connections_per_consumer=60) as made,
    ):
        for number, host in enumerate(hosts):
            await made.send(dead.url(host), streams=60, name=f"dead{number}-")
        await dead.wait_for(lambda: dead.open >= 250)
        await made.send(alive.url(), streams=100, name="alive")
        await alive.wait_for(lambda: len(alive.taken) == 100)
        assert dead.open < 400


async def test_a_stored_callback_that_makes_no_sense_does_not_hold_up_its_stream(tmp_path: Path) -> None:
    async with Recorder() as consumer, house(tmp_path, attempts=2) as made:
        for body in (
            b"",
            b"[]\n",
            b"{}\n",
            b'{"url": 1}\n',
            b'{"url": "no address"}\n',
            b'{"url": "\xff"}\n',
        ):
            await made.ledger.callbacks.put("s0", f"{body!r}", body, lane="nowhere")
        await made.send(consumer.url())
        await made.empty()
        assert await made.ledger.dead_letters.count() == 6

    assert consumer.taken == ["s0_000"]
