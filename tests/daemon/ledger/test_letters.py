"""What every ledger promises of its dead letters, checked against each implementation."""

from __future__ import annotations

from daemon.ledger.interfaces import Ledger

AGES_S = 3600.0


async def bury(ledger: Ledger, group: str, *keys: str) -> None:
    """Put callbacks and give them up at their second try."""
    for key in keys:
        await ledger.callbacks.put(group, key, f"body {key}".encode(), lane="https://a.example")
        [lease] = [lease for lease in await ledger.callbacks.take(9, 0) if lease.group == group]
        await lease.release(0, failed=True)
        [lease] = [lease for lease in await ledger.callbacks.take(9, 0) if lease.group == group]
        await ledger.dead_letters.bury(lease, "status 500")


async def work_off(ledger: Ledger) -> list[tuple[str, str]]:
    done = []
    while leases := await ledger.callbacks.take(1, 0):
        for lease in leases:
            done.append((lease.group, lease.key))
            await lease.done()
    return done


async def test_what_is_put_back_is_as_new_and_in_its_order(ledger: Ledger) -> None:
    await bury(ledger, "stream", "1", "2", "3")
    through = await ledger.dead_letters.last()

    numbers = await ledger.dead_letters.replay(2, through=through)
    assert numbers == sorted(numbers)
    assert len(numbers) == 2
    assert await ledger.dead_letters.count() == 1
    [lease] = await ledger.callbacks.take(9, 0)
    assert (lease.group, lease.key, lease.lane) == ("stream", "1", "https://a.example")
    assert (lease.body, lease.attempt, lease.progress) == (b"body 1", 0, b"")
    await lease.release()
    await ledger.dead_letters.replay(2, through=through)
    assert await ledger.dead_letters.replay(2, through=through) == []

    assert await work_off(ledger) == [("stream", "1"), ("stream", "2"), ("stream", "3")]
    assert await ledger.dead_letters.last() == 0


async def test_what_is_put_back_goes_behind_what_waits_and_one_at_a_time(ledger: Ledger) -> None:
    await bury(ledger, "stream", "1")
    for key in ("2", "3"):
        await ledger.callbacks.put("stream", key, b"")
    [head] = await ledger.callbacks.take(9, 0)

    await ledger.dead_letters.replay(9, through=await ledger.dead_letters.last())

    assert await ledger.callbacks.take(9, 0) == [], "the stream's oldest is being worked on"
    await head.done()
    assert await work_off(ledger) == [("stream", "3"), ("stream", "1")]


async def test_one_that_waits_already_is_not_put_twice(ledger: Ledger) -> None:
    await bury(ledger, "stream", "1")
    await ledger.callbacks.put("stream", "1", b"again")

    assert len(await ledger.dead_letters.replay(9, through=await ledger.dead_letters.last())) == 1

    [lease] = await ledger.callbacks.take(9, 0)
    assert lease.body == b"again"
    assert await ledger.callbacks.count() == 1
    assert await ledger.dead_letters.count() == 0


async def test_a_choice_by_group_and_by_number(ledger: Ledger) -> None:
    for key in ("1", "2"):
        await bury(ledger, "one", key)
        await bury(ledger, "two", key)
    page = await ledger.dead_letters.page(9, group="two")
    assert [(letter.group, letter.key) for letter in page] == [("two", "1"), ("two", "2")]
    assert await ledger.dead_letters.page(9, page[0].number, group="two") == page[1:]

    number = page[1].number
    assert await ledger.dead_letters.replay(1, after=number - 1, through=number) == [number]
    assert await ledger.dead_letters.replay(1, after=number - 1, through=number) == []
    assert await ledger.dead_letters.replay(9, through=number, group="two") == [page[0].number]

    assert [letter.group for letter in await ledger.dead_letters.page(9)] == ["one", "one"]
    assert await work_off(ledger) == [("two", "2"), ("two", "1")]


async def test_old_ones_are_forgotten_in_steps(ledger: Ledger) -> None:
    await bury(ledger, "stream", "1", "2", "3")

    assert await ledger.dead_letters.expire(AGES_S, 9) == 0
    assert await ledger.dead_letters.expire(-AGES_S, 2) == 2
    assert [letter.key for letter in await ledger.dead_letters.page(9)] == ["3"]
