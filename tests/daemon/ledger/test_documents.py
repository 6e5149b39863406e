"""What every ledger promises of its documents, checked against each implementation."""

from __future__ import annotations

import asyncio

from daemon.ledger.interfaces import Ledger
from tests.daemon.ledger.conftest import Open

AGES_S = 3600.0


async def test_a_document_is_created_once_replaced_and_deleted(ledger: Ledger) -> None:
    documents = ledger.documents
    body = bytes(range(256)) * 400
    assert await documents.get("asset", "acme", "一") is None
    assert await documents.replace("asset", "acme", "一", b"nothing to replace") is False
    assert await documents.create("asset", "acme", "一", body)
    assert await documents.create("asset", "acme", "一", b"late") is False
    assert await documents.get("asset", "acme", "一") == body

    assert await documents.replace("asset", "acme", "一", b"new")
    assert await documents.get("asset", "acme", "一") == b"new"
    assert await documents.delete("asset", "acme", "一")
    assert await documents.delete("asset", "acme", "一") is False
    assert await documents.get("asset", "acme", "一") is None


async def test_of_many_that_create_one_succeeds(ledger: Ledger) -> None:
    created = await asyncio.gather(
        *(ledger.documents.create("asset", "acme", "1", f"{n}".encode()) for n in range(50))
    )
    assert created.count(True) == 1
    assert await ledger.documents.get("asset", "acme", "1") == f"{created.index(True)}".encode()


async def test_kinds_and_accounts_share_no_keys(ledger: Ledger) -> None:
    for kind, account in (("asset", "acme"), ("asset", "other"), ("job", "acme")):
        assert await ledger.documents.create(kind, account, "1", f"{kind} {account}".encode())
    await ledger.documents.delete("asset", "other", "1")
    assert await ledger.documents.get("asset", "acme", "1") == b"asset acme"
    assert await ledger.documents.get("job", "acme", "1") == b"job acme"


async def test_pages_are_by_key(ledger: Ledger) -> None:
    for key in ("b", "d", "a", "c"):
        await ledger.documents.create("asset", "acme", key, key.encode())
    await ledger.documents.create("asset", "other", "a2", b"")

    first = await ledger.documents.page("asset", "acme", 3)
    assert first == [("a", b"a"), ("b", b"b"), ("c", b"c")]
    assert await ledger.documents.page("asset", "acme", 3, after="c") == [("d", b"d")]
    assert await ledger.documents.page("asset", "nobody", 3) == []


async def test_old_ones_of_a_kind_are_forgotten_in_steps(ledger: Ledger) -> None:
    for key in ("1", "2", "3"):
        await ledger.documents.create("job", "acme", key, b"")
    await ledger.documents.create("asset", "acme", "1", b"")

    assert await ledger.documents.expire("job", AGES_S, 9) == 0
    assert await ledger.documents.expire("job", -AGES_S, 2) == 2
    assert len(await ledger.documents.page("job", "acme", 9)) == 1
    assert await ledger.documents.expire("job", -AGES_S, 2) == 1
    assert len(await ledger.documents.page("asset", "acme", 9)) == 1


async def test_documents_and_jobs_survive_a_restart(open_ledger: Open) -> None:
    ledger = await open_ledger()
    await ledger.documents.create("asset", "acme", "1", b"kept")
    await ledger.jobs.put("extract acme", "1", b"work", lane="acme")
    assert len(await ledger.jobs.take(1, 0)) == 1
    await ledger.close()

    ledger = await open_ledger()
    try:
        assert await ledger.documents.get("asset", "acme", "1") == b"kept"
        [lease] = await ledger.jobs.take(1, 0)
        assert (lease.group, lease.key, lease.lane, lease.body) == ("extract acme", "1", "acme", b"work")
        assert await ledger.streams.count() == 0
    finally:
        await ledger.close()
