"""What every ledger promises of a stream's history, checked against each implementation."""

from __future__ import annotations

import pytest

from daemon.ledger.interfaces import HistoryPage, Ledger, LimitReachedError, Record, Saving
from tests.daemon.ledger.conftest import Open

AGES_S = 3600.0


async def put(ledger: Ledger, place: int, body: bytes = b"{}", account: str = "acme") -> Record:
    record = Record(account, "stream", place, body)
    await ledger.callbacks.put("stream", f"{place}", b"head " + body, record=record)
    return record


async def read(ledger: Ledger, start: int = 0, limit: int = 100, max_bytes: int = 10**6) -> HistoryPage:
    page = await ledger.history.page("acme", "stream", start, limit, max_bytes)
    assert page is not None
    return page


async def test_a_put_is_kept_when_it_is_long_delivered(ledger: Ledger) -> None:
    body = bytes(range(256)) * 50
    record = await put(ledger, 3, body)
    [lease] = await ledger.callbacks.take(1, 0)
    await lease.done()

    assert await read(ledger) == HistoryPage((record,), ended=False, more_from=None)


async def test_pages_go_by_place_and_say_where_to_go_on(ledger: Ledger) -> None:
    records = [await put(ledger, place) for place in (0, 1, 4, 9)]

    assert await read(ledger, limit=2) == HistoryPage(tuple(records[:2]), ended=False, more_from=4)
    assert await read(ledger, start=4, limit=2) == HistoryPage(
        tuple(records[2:]), ended=False, more_from=None
    )
    assert await read(ledger, start=10) == HistoryPage((), ended=False, more_from=None)


async def test_a_page_stays_below_its_size_but_is_never_empty_for_it(ledger: Ledger) -> None:
    records = [await put(ledger, place, bytes(1000)) for place in range(3)]

    assert await read(ledger, max_bytes=2500) == HistoryPage(tuple(records[:2]), ended=False, more_from=2)
    assert await read(ledger, max_bytes=10) == HistoryPage(tuple(records[:1]), ended=False, more_from=1)


async def test_another_accounts_stream_is_not_there(ledger: Ledger) -> None:
    await put(ledger, 0)
    await ledger.history.end("acme", "stream")

    assert await ledger.history.page("other", "stream", 0, 10, 1000) is None
    assert await ledger.history.page("acme", "unknown", 0, 10, 1000) is None


async def test_a_stream_that_ended_is_known_whether_it_said_anything_or_not(ledger: Ledger) -> None:
    await ledger.history.end("acme", "stream")
    await ledger.history.end("acme", "stream")
    assert await read(ledger) == HistoryPage((), ended=True, more_from=None)

    record = await put(ledger, 0)
    assert await read(ledger) == HistoryPage((record,), ended=True, more_from=None)


async def test_the_last_callback_ends_its_stream(ledger: Ledger) -> None:
    await put(ledger, 0)
    assert not (await read(ledger)).ended
    await ledger.callbacks.put("stream", "end", b"", record=Record("acme", "stream", 1, b"", last=True))
    assert (await read(ledger)).ended
    assert len((await read(ledger)).records) == 2


async def test_the_first_of_a_place_stays(ledger: Ledger) -> None:
    first = await put(ledger, 0, b"first")
    [lease] = await ledger.callbacks.take(1, 0)
    await lease.done()
    await put(ledger, 0, b"again")

    assert (await read(ledger)).records == (first,)


async def test_what_a_put_refuses_leaves_neither_record_nor_progress(ledger: Ledger) -> None:
    await ledger.streams.put("acme", "live", b"")
    [lease] = await ledger.streams.take(1, 0)
    await ledger.callbacks.put("stream", "0", b"")

    with pytest.raises(LimitReachedError):
        await ledger.callbacks.put(
            "stream", "1", b"", limit=1, record=Record("acme", "stream", 1, b""), saving=Saving(lease, b"1")
        )

    assert await ledger.history.page("acme", "stream", 0, 10, 1000) is None
    await lease.release()
    [lease] = await ledger.streams.take(1, 0)
    assert lease.progress == b""


async def test_progress_is_saved_with_a_put_whether_the_key_was_there_or_not(open_ledger: Open) -> None:
    ledger = await open_ledger()
    await ledger.streams.put("acme", "live", b"")
    [lease] = await ledger.streams.take(1, 0)
    await ledger.callbacks.put("stream", "1", b"", saving=Saving(lease, b"first"))
    assert lease.progress == b"first"
    await ledger.callbacks.put("stream", "1", b"", saving=Saving(lease, b"second"))
    await ledger.close()

    ledger = await open_ledger()
    [lease] = await ledger.streams.take(1, 0)
    assert lease.progress == b"second"
    assert await ledger.callbacks.count("stream") == 1
    await ledger.close()


async def test_old_records_are_forgotten_in_steps(ledger: Ledger) -> None:
    for place in range(5):
        await put(ledger, place)

    assert await ledger.history.expire(AGES_S, 10) == 0
    assert await ledger.history.expire(-AGES_S, 3) == 3
    assert [record.place for record in (await read(ledger)).records] == [3, 4]
    assert await ledger.history.expire(-AGES_S, 3) == 2
    assert await ledger.callbacks.count() == 5, "what waits to be delivered stays"
