"""Admission and batching: order, fairness, bounds, deadlines, failures, second tries, closing."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from models.errors import OverloadedError, RecognitionError
from models.recognition.batcher import SECOND_TRIES_PER_WORKER, Batcher
from models.recognition.seats import Seats
from models.results import Transcript
from tests.support.recogniser import PATIENCE_S, NumberRecogniser, window

Answer = asyncio.Task[Transcript]


@asynccontextmanager
async def batching(recogniser: NumberRecogniser, *, queue_size: int = 64) -> AsyncIterator[Batcher]:
    batcher = Batcher(recogniser, queue_size=queue_size)
    try:
        yield batcher
    finally:
        recogniser.let_go()
        assert await batcher.close(PATIENCE_S)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110  # the state is changed by threads that know no events of the loop
            await asyncio.sleep(0.002)


def ask(batcher: Batcher, stream: str, *numbers: int, deadline: float | None = None) -> list[Answer]:
    return [
        asyncio.create_task(
            batcher.transcribe(stream, window(number), deadline=deadline), name=f"{stream}-{number}"
        )
        for number in numbers
    ]


async def busy(batcher: Batcher, recogniser: NumberRecogniser, number: int = 99) -> Answer:
    """Occupy one worker with a window of its own."""
    begun = len(recogniser.calls)
    [answer] = ask(batcher, "blocker", number)
    await until(lambda: len(recogniser.calls) > begun)
    return answer


async def texts(answers: list[Answer]) -> list[str]:
    async with asyncio.timeout(PATIENCE_S):
        return [answer.text for answer in await asyncio.gather(*answers)]


async def test_every_window_gets_its_own_words() -> None:
    recogniser = NumberRecogniser(workers=3)
    async with batching(recogniser) as batcher:
        answers = [answer for stream in range(10) for answer in ask(batcher, f"s{stream}", *range(5))]
        assert await texts(answers) == [f"window {number}" for _ in range(10) for number in range(5)]
        assert all(len(call) <= recogniser.batch_size for call in recogniser.calls)
        assert batcher.waiting == 0


async def test_who_asks_for_the_language_gets_it_in_either_try() -> None:
    recogniser = NumberRecogniser()
    recogniser.doubtful = {2}
    async with batching(recogniser) as batcher:
        asked = [dataclasses.replace(window(number), identify=number > 0) for number in range(3)]
        answers = await asyncio.gather(
            *(batcher.transcribe("s", utterance, deadline=None) for utterance in asked)
        )
    assert [answer.spoken for answer in answers] == ["", "en", "en"]
    assert answers[2].second_try


async def test_a_lone_window_waits_for_no_company() -> None:
    recogniser = NumberRecogniser()
    async with batching(recogniser) as batcher:
        assert await texts(ask(batcher, "a", 1)) == ["window 1"]
        assert recogniser.calls == [[1]]


async def test_streams_take_turns() -> None:
    recogniser = NumberRecogniser(batch_size=4, held=True)
    async with batching(recogniser) as batcher:
        first = await busy(batcher, recogniser)
        answers = ask(batcher, "greedy", 1, 2, 3, 4, 5, 6) + ask(batcher, "b", 21, 22) + ask(batcher, "c", 31)
        await until(lambda: batcher.waiting == 9)
        recogniser.let_go()
        await texts([first, *answers])
        assert recogniser.calls[1:] == [[1, 21, 31, 2], [22, 3, 4, 5], [6]]


async def test_free_workers_share_what_waits() -> None:
    recogniser = NumberRecogniser(workers=2, batch_size=8, held=True)
    async with batching(recogniser) as batcher:
        blockers = [await busy(batcher, recogniser, 98), await busy(batcher, recogniser, 99)]
        answers = ask(batcher, "a", 1, 2, 3, 4)
        await until(lambda: batcher.waiting == 4)
        recogniser.allow(1)
        await until(lambda: len(recogniser.calls) == 3)
        assert recogniser.calls[2] == [1, 2]
        recogniser.let_go()
        await texts(blockers + answers)


async def test_a_full_queue_refuses() -> None:
    recogniser = NumberRecogniser(held=True)
    async with batching(recogniser, queue_size=2) as batcher:
        answers = [await busy(batcher, recogniser), *ask(batcher, "a", 1, 2)]
        await until(lambda: batcher.waiting == 2)
        with pytest.raises(OverloadedError) as caught:
            await batcher.transcribe("b", window(3), deadline=None)
        assert caught.value.retryable
        recogniser.let_go()
        assert await texts(answers) == ["window 99", "window 1", "window 2"]
        assert await texts(ask(batcher, "b", 3)) == ["window 3"]


async def test_a_window_whose_deadline_passes_is_not_read() -> None:
    recogniser = NumberRecogniser(held=True)
    async with batching(recogniser) as batcher:
        first = await busy(batcher, recogniser)
        now = asyncio.get_running_loop().time()
        [late] = ask(batcher, "a", 1, deadline=now + 0.01)
        [in_time] = ask(batcher, "a", 2, deadline=now + 1000)
        with pytest.raises(OverloadedError):
            await late
        assert batcher.waiting == 1
        recogniser.let_go()
        assert await texts([first, in_time]) == ["window 99", "window 2"]
        assert recogniser.calls == [[99], [2]]


async def test_a_deadline_does_not_stop_what_has_begun() -> None:
    recogniser = NumberRecogniser(held=True)
    async with batching(recogniser) as batcher:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 2.0
        [answer] = ask(batcher, "a", 1, deadline=deadline)
        await until(lambda: recogniser.calls == [[1]] and loop.time() > deadline + 0.05)
        assert not answer.done()
        recogniser.let_go()
        assert await texts([answer]) == ["window 1"]


async def test_a_cancelled_caller_takes_its_window_back() -> None:
    recogniser = NumberRecogniser(held=True)
    async with batching(recogniser) as batcher:
        first = await busy(batcher, recogniser)
        [cancelled, kept] = ask(batcher, "a", 1, 2)
        await until(lambda: batcher.waiting == 2)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert batcher.waiting == 1
        recogniser.let_go()
        await texts([first, kept])
        assert recogniser.calls == [[99], [2]]


async def test_a_cancelled_caller_leaves_no_second_try() -> None:
    recogniser = NumberRecogniser(held=True)
    recogniser.doubtful = {99}
    async with batching(recogniser) as batcher:
        first = await busy(batcher, recogniser)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        recogniser.let_go()
        assert await texts(ask(batcher, "a", 1)) == ["window 1"]
        assert recogniser.calls == [[99], [1]]


@pytest.mark.parametrize("failure", [RecognitionError("no"), RuntimeError("said: secret"), ValueError()])
async def test_a_bad_window_fails_alone(failure: Exception) -> None:
    recogniser = NumberRecogniser(held=True)
    recogniser.failing, recogniser.failure = {2}, failure
    async with batching(recogniser) as batcher:
        first = await busy(batcher, recogniser)
        answers = ask(batcher, "a", 1, 2, 3)
        await until(lambda: batcher.waiting == 3)
        recogniser.let_go()
        with pytest.raises(RecognitionError) as caught:
            await answers[1]
        assert "secret" not in str(caught.value)
        assert await texts([first, answers[0], answers[2]]) == ["window 99", "window 1", "window 3"]
        assert recogniser.calls[1:] == [[1, 2, 3], [1], [2], [3]]


async def test_a_failing_second_try_fails_its_window_only() -> None:
    recogniser = NumberRecogniser()
    recogniser.doubtful, recogniser.failing = {1}, {-1}
    recogniser.failure = RuntimeError("out of memory")
    async with batching(recogniser) as batcher:
        with pytest.raises(RecognitionError):
            await batcher.transcribe("a", window(1), deadline=None)
        assert await texts(ask(batcher, "a", 2)) == ["window 2"]


async def test_doubtful_windows_are_read_again_in_turn_with_new_ones() -> None:
    recogniser = NumberRecogniser(batch_size=2, held=True)
    recogniser.doubtful = {1, 2, 3}
    async with batching(recogniser) as batcher:
        first = await busy(batcher, recogniser)
        answers = ask(batcher, "a", 1, 2, 3, 4, 5, 6, 7, 8)
        await until(lambda: batcher.waiting == 8)
        recogniser.let_go()
        await texts([first, *answers])
        assert [answer.result().second_try for answer in answers] == [True] * 3 + [False] * 5
        assert answers[0].result().text == "window 1 again"
        assert recogniser.calls[1:] == [[1, 2], [-1], [3, 4], [-2], [5, 6], [-3], [7, 8]]


async def test_second_tries_are_bounded() -> None:
    many = SECOND_TRIES_PER_WORKER + 3
    recogniser = NumberRecogniser(batch_size=many, held=True)
    recogniser.doubtful = set(range(1, many + 1))
    async with batching(recogniser) as batcher:
        first = await busy(batcher, recogniser)
        answers = ask(batcher, "a", *range(1, many + 1))
        await until(lambda: batcher.waiting == many)
        recogniser.let_go()
        await texts([first, *answers])
        again = [answer.result().second_try for answer in answers]
        assert again == [True] * SECOND_TRIES_PER_WORKER + [False] * 3


async def test_no_time_for_a_second_try_gives_the_first_reading() -> None:
    recogniser = NumberRecogniser(held=True)
    recogniser.doubtful = {1, 2}
    async with batching(recogniser) as batcher:
        first = await busy(batcher, recogniser)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 3.0
        answers = ask(batcher, "a", 1) + ask(batcher, "b", 2, deadline=deadline)
        await until(lambda: batcher.waiting == 2)
        recogniser.allow(2)
        await until(lambda: recogniser.calls[1:] == [[1, 2], [-1]])
        assert (await asyncio.wait_for(answers[1], PATIENCE_S)).text == "window 2"
        recogniser.let_go()
        assert await texts([first, answers[0]]) == ["window 99", "window 1 again"]
        assert [-2] not in recogniser.calls


async def test_closing_fails_what_waits_and_ends_what_runs() -> None:
    recogniser = NumberRecogniser(held=True)
    batcher = Batcher(recogniser)
    first = await busy(batcher, recogniser)
    answers = ask(batcher, "a", 1, 2)
    await until(lambda: batcher.waiting == 2)
    closing = asyncio.create_task(batcher.close(PATIENCE_S), name="closing")
    for answer in answers:
        with pytest.raises(OverloadedError):
            await answer
    recogniser.let_go()
    assert await closing
    assert (await first).text == "window 99"
    with pytest.raises(OverloadedError):
        await batcher.transcribe("a", window(3), deadline=None)
    assert recogniser.calls == [[99]]


async def test_closing_does_not_wait_for_a_stuck_model() -> None:
    recogniser = NumberRecogniser(held=True)
    batcher = Batcher(recogniser)
    first = await busy(batcher, recogniser)
    assert not await batcher.close(0.05)
    with pytest.raises(OverloadedError):
        await first
    recogniser.let_go()
    assert await batcher.close(PATIENCE_S)


async def test_the_cost_of_a_window_is_measured() -> None:
    recogniser = NumberRecogniser(held=True)
    async with batching(recogniser) as batcher:
        assert (batcher.cost_s, batcher.delay_s) == (None, 0)
        first = await busy(batcher, recogniser)
        assert (batcher.reading, batcher.workers) == (1, 1)
        recogniser.let_go()
        await first
        await until(lambda: batcher.reading == 0)
        assert (batcher.cost_s or 0) > 0
        assert batcher.delay_s == 0


async def test_without_second_tries_a_doubtful_reading_is_the_answer_and_says_so() -> None:
    recogniser = NumberRecogniser()
    recogniser.doubtful = {2}
    batcher = Batcher(recogniser, second_tries=False)
    sure, doubtful = await asyncio.gather(*ask(batcher, "a", 1, 2))
    assert (sure.doubtful, doubtful.doubtful, doubtful.text) == (False, True, "window 2")
    assert recogniser.calls == [[1, 2]] or recogniser.calls == [[1], [2]]
    assert await batcher.close(PATIENCE_S)


async def test_what_was_read_again_is_not_doubtful_any_more() -> None:
    recogniser = NumberRecogniser()
    recogniser.doubtful = {2}
    async with batching(recogniser) as batcher:
        [answer] = await asyncio.gather(*ask(batcher, "a", 2))
    assert (answer.text, answer.doubtful) == ("window 2 again", False)


async def test_batchers_that_share_a_seat_take_turns() -> None:
    seats = Seats(1)
    small, large = NumberRecogniser(held=True), NumberRecogniser(held=True)
    first, second = Batcher(small, seats=seats), Batcher(large, seats=seats)
    blocker = await busy(first, small)
    beside = ask(second, "a", 1)
    await until(lambda: seats.waiting == 1)
    behind = ask(first, "b", 2)
    assert large.calls == [], "the seat is taken"
    small.allow()
    await until(lambda: large.calls == [[1]])
    assert small.calls == [[99]], "who came later waits, though it read before"
    large.let_go()
    small.let_go()
    assert await texts([blocker, *beside, *behind]) == ["window 99", "window 1", "window 2"]
    assert await first.close(PATIENCE_S)
    assert await second.close(PATIENCE_S)
