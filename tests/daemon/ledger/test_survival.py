"""What a ledger keeps over a restart and over a kill, checked against each implementation."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from daemon.ledger.interfaces import Ledger, Renewal
from daemon.ledger.sqlite import SqliteLedger
from tests.daemon.ledger.conftest import Open


async def test_everything_survives_a_restart_and_leases_lapse(open_ledger: Open) -> None:
    ledger = await open_ledger()
    for n in range(3):
        await ledger.callbacks.put("stream", f"{n}", f"body {n}".encode(), lane="a")
    await ledger.streams.put("acme", "live", b"request")
    await ledger.streams.put("acme", "over", b"request")
    [callback] = await ledger.callbacks.take(1, 0)
    live, _ = await ledger.streams.take(2, 0)
    await live.save(b"window 9")
    await ledger.streams.stop("acme", "over")
    await ledger.close()
    assert await callback.renew() is Renewal.LOST

    ledger = await open_ledger()
    try:
        leases = await ledger.streams.take(9, 0)
        assert [(lease.key, lease.progress) for lease in leases] == [("live", b"window 9"), ("over", b"")]
        assert [await lease.renew() for lease in leases] == [Renewal.OK, Renewal.STOP]
        for n in range(3):
            [callback] = await ledger.callbacks.take(9, 0)
            assert callback.body == f"body {n}".encode()
            await callback.done()
    finally:
        await ledger.close()


async def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    for attempt in range(3):
        folder = tmp_path / f"{attempt}"
        put: dict[str, list[str]] = {}
        done: dict[str, list[str]] = {}
        for line in await _run_and_kill(folder):
            verb, group, key = line.split()
            {"put": put, "done": done}[verb].setdefault(group, []).append(key)
        assert len(put) == 4

        ledger = await SqliteLedger.open(folder)
        try:
            missing = await _missing(ledger, put, done)
        finally:
            await ledger.close()
        # The kill may fall between finishing an item and saying so.
        assert len(missing) <= 1, missing


async def _run_and_kill(folder: Path) -> list[str]:
    """Return the whole lines that a process printed that fills the ledger, after a kill -9."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.ledger_process", str(folder), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    lines = [await process.stdout.readline() for _ in range(300)]
    process.kill()
    lines += (await process.stdout.read()).splitlines(keepends=True)
    await process.wait()
    return [line.decode() for line in lines if line.endswith(b"\n")]


async def _missing(ledger: Ledger, put: dict[str, list[str]], done: dict[str, list[str]]) -> list[str]:
    """Work the ledger off in order; return what was acknowledged but is neither there nor finished."""
    found: dict[str, list[str]] = {}
    while leases := await ledger.callbacks.take(100, 0):
        for lease in leases:
            assert lease.body == f"{lease.group} {lease.key}".encode()
            found.setdefault(lease.group, []).append(lease.key)
            await lease.done()
    missing = []
    for group, keys in put.items():
        left = found.get(group, [])
        assert left == sorted(left, key=int)
        assert not set(left) & set(done.get(group, []))
        missing += [f"{group} {key}" for key in set(keys) - set(left) - set(done.get(group, []))]
    return missing
