"""What every ledger promises, checked against each implementation."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from daemon.ledger.interfaces import Lease, Ledger, LedgerError, LimitReachedError, Put, Renewal, WorkQueue
from tests.daemon.ledger.conftest import Open


async def take_keys(queue: WorkQueue, n: int = 100, **options: Any) -> list[str]:
    return [lease.key for lease in await queue.take(n, 0, **options)]


async def test_identical_puts_create_one_item(ledger: Ledger) -> None:
    puts = await asyncio.gather(*(ledger.streams.put("acme", "live", f"{n}".encode()) for n in range(200)))

    created = [n for n, put in enumerate(puts) if put.created]
    assert len(created) == 1
    assert {put.first_body for put in puts} == {f"{created[0]}".encode()}
    assert await ledger.streams.count("acme") == 1
    assert await take_keys(ledger.streams) == ["live"]


async def test_limit_holds_in_a_race(ledger: Ledger) -> None:
    async def put(n: int) -> Put | None:
        try:
            return await ledger.streams.put("acme", f"{n}", b"", limit=7)
        except LimitReachedError:
            return None

    puts = await asyncio.gather(*(put(n) for n in range(60)))

    assert sum(put is not None and put.created for put in puts) == 7
    assert sum(put is None for put in puts) == 53
    assert await ledger.streams.count("acme") == 7
    assert (await ledger.streams.put("other", "1", b"", limit=7)).created


async def test_a_known_key_is_found_even_at_the_limit(ledger: Ledger) -> None:
    await ledger.streams.put("acme", "live", b"first", limit=1)

    assert await ledger.streams.put("acme", "live", b"second", limit=1) == Put(False, b"first")
    with pytest.raises(LimitReachedError):
        await ledger.streams.put("acme", "more", b"", limit=1)


async def test_groups_and_queues_do_not_share_keys(ledger: Ledger) -> None:
    assert (await ledger.streams.put("a", "k", b"1")).created
    assert (await ledger.streams.put("b", "k", b"2")).created
    assert (await ledger.callbacks.put("a", "k", b"3")).created
    assert await ledger.streams.find("a", "k") == b"1"
    assert await ledger.callbacks.find("a", "k") == b"3"
    assert await ledger.callbacks.find("b", "k") is None
    assert (await ledger.streams.count(), await ledger.callbacks.count()) == (2, 1)


async def test_a_lease_tells_what_was_put(ledger: Ledger) -> None:
    body = bytes(range(256)) * 4000
    await ledger.callbacks.put("直播", "一", body, lane="https://a.example")

    [lease] = await ledger.callbacks.take(1, 0)

    assert (lease.group, lease.key, lease.lane, lease.body) == ("直播", "一", "https://a.example", body)
    assert (lease.progress, lease.attempt) == (b"", 0)
    assert await lease.renew() is Renewal.OK


async def test_unordered_items_are_taken_together_oldest_first(ledger: Ledger) -> None:
    for n in range(10):
        await ledger.streams.put("acme", f"{n}", b"")

    assert await take_keys(ledger.streams, 6) == ["0", "1", "2", "3", "4", "5"]
    assert await take_keys(ledger.streams, 6) == ["6", "7", "8", "9"]
    assert await take_keys(ledger.streams, 6) == []


async def test_an_ordered_group_is_worked_on_one_item_at_a_time(ledger: Ledger) -> None:
    for n in range(3):
        await ledger.callbacks.put("one", f"{n}", b"")
        await ledger.callbacks.put("two", f"{n}", b"")

    first, second = await ledger.callbacks.take(10, 0)
    assert [(first.group, first.key), (second.group, second.key)] == [("one", "0"), ("two", "0")]
    assert await take_keys(ledger.callbacks) == []

    await first.release()
    [first] = await ledger.callbacks.take(10, 0)
    assert (first.group, first.key) == ("one", "0")
    await first.done()
    [first] = await ledger.callbacks.take(10, 0)
    assert (first.group, first.key) == ("one", "1")


async def test_a_postponed_head_blocks_its_own_group_only(ledger: Ledger) -> None:
    for group in ("slow", "quick"):
        for n in range(2):
            await ledger.callbacks.put(group, f"{n}", b"")
    slow, quick = await ledger.callbacks.take(2, 0)
    await slow.release(3600, failed=True)
    await quick.done()

    assert [(lease.group, lease.key) for lease in await ledger.callbacks.take(10, 0)] == [("quick", "1")]


async def test_skipped_lanes_are_left_alone(ledger: Ledger) -> None:
    for n, lane in enumerate("abcabc"):
        await ledger.callbacks.put(f"stream {n}", f"{n}", b"", lane=lane)

    assert await take_keys(ledger.callbacks, skip_lanes={"a", "c"}) == ["1", "4"]
    assert await take_keys(ledger.callbacks, skip_lanes={"c"}) == ["0", "3"]
    assert await take_keys(ledger.callbacks) == ["2", "5"]


async def test_the_oldest_goes_first_whatever_its_lane(ledger: Ledger) -> None:
    for n, lane in enumerate("cabca"):
        await ledger.callbacks.put(f"stream {n}", f"{n}", b"", lane=lane)

    assert await take_keys(ledger.callbacks, 2) == ["0", "1"]
    assert await take_keys(ledger.callbacks) == ["2", "3", "4"]


async def test_a_postponed_item_comes_back_when_due(ledger: Ledger) -> None:
    await ledger.streams.put("acme", "live", b"")
    [lease] = await ledger.streams.take(1, 0)
    released_at = time.monotonic()
    await lease.release(0.3, failed=True)

    [lease] = await ledger.streams.take(1, 30)
    # Epoch seconds are rounded to a fraction of a microsecond.
    assert time.monotonic() - released_at > 0.3 - 1e-5
    assert lease.attempt == 1
    await lease.release(0)
    [lease] = await ledger.streams.take(1, 30)
    assert lease.attempt == 1


async def test_a_waiting_take_is_woken_by_put_release_and_done(ledger: Ledger) -> None:
    async def waiting() -> asyncio.Task[list[str]]:
        task = asyncio.create_task(take_later(), name="waiting take")
        await asyncio.sleep(0.05)
        assert not task.done()
        return task

    async def take_later() -> list[str]:
        return [lease.key for lease in await ledger.callbacks.take(1, 60)]

    take = await waiting()
    await ledger.callbacks.put("stream", "1", b"")
    assert await asyncio.wait_for(take, 20) == ["1"]

    await ledger.callbacks.put("other", "1", b"")
    await ledger.callbacks.put("other", "2", b"")
    [other] = await ledger.callbacks.take(1, 0)
    take = await waiting()
    await other.release()
    assert await asyncio.wait_for(take, 20) == ["1"]

    await ledger.callbacks.put("third", "1", b"")
    await ledger.callbacks.put("third", "2", b"")
    [third] = await ledger.callbacks.take(1, 0)
    take = await waiting()
    await third.done()
    assert await asyncio.wait_for(take, 20) == ["2"]


async def test_take_gives_up_after_its_wait(ledger: Ledger) -> None:
    assert await asyncio.wait_for(ledger.streams.take(1, 0.05), 20) == []


async def test_racing_takes_share_nothing(ledger: Ledger) -> None:
    await asyncio.gather(*(ledger.streams.put("acme", f"{n:03}", b"") for n in range(100)))

    taken = await asyncio.gather(*(take_keys(ledger.streams, 7) for _ in range(30)))

    keys = [key for part in taken for key in part]
    assert sorted(keys) == [f"{n:03}" for n in range(100)]


async def test_a_cancelled_take_leaves_nothing_leased(ledger: Ledger) -> None:
    for n in range(40):
        await ledger.streams.put("acme", f"{n}", b"")
    for turns in range(12):
        take = asyncio.create_task(ledger.streams.take(40, 60), name="cancelled take")
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        take.cancel()
        result = (await asyncio.gather(take, return_exceptions=True))[0]
        if not isinstance(result, BaseException):  # it was faster than its cancellation
            for lease in result:
                await lease.release()

    leases: list[Lease] = []
    while len(leases) < 40:
        leases += await asyncio.wait_for(ledger.streams.take(40, 20), 30)
    assert {lease.key for lease in leases} == {f"{n}" for n in range(40)}


async def test_stop_frees_the_key_while_the_holder_finishes(ledger: Ledger) -> None:
    await ledger.streams.put("acme", "live", b"first", limit=1)
    [first] = await ledger.streams.take(1, 0)

    assert await ledger.streams.stop("acme", "live") == b"first"
    assert await first.renew() is Renewal.STOP
    assert await ledger.streams.stop("acme", "live") is None
    assert await ledger.streams.find("acme", "live") is None
    assert await ledger.streams.count("acme") == 0

    assert (await ledger.streams.put("acme", "live", b"second", limit=1)).created
    [second] = await ledger.streams.take(10, 0)
    assert second.body == b"second"
    await first.done()
    assert await second.renew() is Renewal.OK
    assert await ledger.streams.find("acme", "live") == b"second"


async def test_a_stopped_item_without_a_holder_is_offered_at_once(ledger: Ledger) -> None:
    await ledger.streams.put("acme", "live", b"body")
    [lease] = await ledger.streams.take(1, 0)
    await lease.release(3600)

    assert await ledger.streams.stop("acme", "live") == b"body"

    [lease] = await ledger.streams.take(1, 0)
    assert await lease.renew() is Renewal.STOP
    await lease.done()
    assert await ledger.streams.take(1, 0) == []


async def test_stop_of_nothing_says_so(ledger: Ledger) -> None:
    assert await ledger.streams.stop("acme", "live") is None


async def test_progress_reaches_the_next_holder(ledger: Ledger) -> None:
    await ledger.streams.put("acme", "live", b"body")
    [lease] = await ledger.streams.take(1, 0)
    await lease.save(b"window 3")
    await lease.save(b"window 4")
    assert lease.progress == b"window 4"
    await lease.release()

    [lease] = await ledger.streams.take(1, 0)
    assert (lease.body, lease.progress) == (b"body", b"window 4")


async def test_a_lease_that_is_over_touches_nothing(ledger: Ledger) -> None:
    await ledger.callbacks.put("stream", "1", b"")
    [old] = await ledger.callbacks.take(1, 0)
    await old.release()
    [new] = await ledger.callbacks.take(1, 0)

    assert await old.renew() is Renewal.LOST
    await old.save(b"stale")
    await old.release(3600, failed=True)
    await old.done()
    await ledger.dead_letters.bury(old, "stale")

    assert await new.renew() is Renewal.OK
    assert await ledger.callbacks.count() == 1
    assert await ledger.dead_letters.count() == 0
    await new.release()
    [again] = await ledger.callbacks.take(1, 0)
    assert (again.progress, again.attempt) == (b"", 0)


async def test_burying_moves_the_item_and_offers_the_next(ledger: Ledger) -> None:
    for n in range(2):
        await ledger.callbacks.put("stream", f"{n}", f"body {n}".encode(), lane="https://a.example")
    [lease] = await ledger.callbacks.take(1, 0)
    await lease.release(0, failed=True)
    [lease] = await ledger.callbacks.take(1, 0)

    await ledger.dead_letters.bury(lease, "status 500")

    [letter] = await ledger.dead_letters.page(10)
    assert (letter.group, letter.key, letter.lane) == ("stream", "0", "https://a.example")
    assert (letter.body, letter.attempts, letter.reason) == (b"body 0", 2, "status 500")
    assert 0 < letter.put_at <= letter.buried_at
    assert await ledger.dead_letters.page(10, after=letter.number) == []
    assert await ledger.dead_letters.count() == 1
    assert await take_keys(ledger.callbacks) == ["1"]


async def test_a_closed_ledger_says_so(open_ledger: Open) -> None:
    ledger = await open_ledger()
    take = asyncio.create_task(ledger.streams.take(1, 60), name="take at close")
    await asyncio.sleep(0.05)
    await ledger.close()

    with pytest.raises(LedgerError, match="closed"):
        await asyncio.wait_for(take, 20)
    with pytest.raises(LedgerError, match="closed"):
        await ledger.streams.put("acme", "live", b"")
