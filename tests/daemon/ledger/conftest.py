"""The implementations that every ledger test runs against."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from daemon.ledger.interfaces import Ledger
from daemon.ledger.sqlite import SqliteLedger

Open = Callable[[], Awaitable[Ledger]]
IMPLEMENTATIONS: dict[str, Callable[[Path], Awaitable[Ledger]]] = {"sqlite": SqliteLedger.open}


@pytest.fixture(params=list(IMPLEMENTATIONS))
def open_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    implementation = IMPLEMENTATIONS[request.param]
    return lambda: implementation(tmp_path / "ledger")


@pytest.fixture
async def ledger(open_ledger: Open) -> AsyncIterator[Ledger]:
    opened = await open_ledger()
    yield opened
    await opened.close()
