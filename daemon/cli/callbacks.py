"""`audiowarden callbacks`: look at callbacks that were given up, and put them back into the queue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from config.load import load_settings
from config.settings import Settings
from daemon.cli.common import ConfigOption, one_sentence
from daemon.ledger.interfaces import DeadLetter, DeadLetters
from daemon.ledger.sqlite import dead_letters_beside
from daemon.outbox import Head

app = typer.Typer(
    name="callbacks",
    help="Callbacks that consumers did not take (dead letters).",
    no_args_is_help=True,
    add_completion=False,
)

PAGE = 20
"""Dead letters read at once: each may hold a megabyte."""
STEP = 50
"""Dead letters put back at once: the running daemon waits for the file meanwhile."""
PAUSE_S = 0.05
MAX_ROWS = 1000
"""Rows of a table; beyond, `--json` prints line by line."""
MAX_COLUMNS = 1000
"""Characters of a row."""

StreamOption = Annotated[str | None, typer.Option("--stream", help="Only those of this requestId.")]
AccountOption = Annotated[str | None, typer.Option("--account", help="Only those of this account.")]
IdOption = Annotated[
    list[int] | None,
    typer.Option("--id", min=1, max=2**63 - 1, help="Number from the list; may be repeated."),
]


@app.command("list")
def list_(
    stream: StreamOption = None,
    account: AccountOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show callbacks that were given up: when, whose, why. What they say is not shown."""
    with one_sentence():
        asyncio.run(_list(load_settings(config), stream, account, as_json=as_json))


@app.command("replay")
def replay(
    stream: StreamOption = None,
    id_: IdOption = None,
    all_: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    config: ConfigOption = None,
) -> None:
    """Put callbacks back into the queue, in their order, as if never tried; a running daemon sends them."""
    if (stream is not None) + bool(id_) + all_ != 1:
        typer.echo("audiowarden: say which ones: --stream ID, --id N (may be repeated), or --all", err=True)
        raise typer.Exit(2)
    with one_sentence():
        replayed = asyncio.run(_replay(load_settings(config), stream, id_ or []))
    missing = sorted(set(id_ or ()) - set(replayed))
    if missing:
        numbers = ", ".join(map(str, missing))
        typer.echo(f"audiowarden: there is no dead letter {numbers}", err=True)
    elif not replayed:
        typer.echo("audiowarden: there is no such dead letter", err=True)
    if replayed:
        typer.echo(f"{len(replayed)} put back into the queue; a running daemon sends them within seconds")
    if missing or not replayed:
        raise typer.Exit(1)


async def _list(settings: Settings, stream: str | None, account: str | None, *, as_json: bool) -> None:
    columns = ("id", "requestId", "sequence", "account", "consumer", "given up", "tries", "reason")
    table = Table(*columns, box=None, pad_edge=False)
    left_out = 0
    async with dead_letters_beside(settings.data_dir) as letters:
        async for letter, head in _chosen(letters, stream, account):
            row = _row(letter, head)
            if as_json:
                typer.echo(json.dumps(row, ensure_ascii=False))
            elif table.row_count < MAX_ROWS:
                table.add_row(*(Text(str(value)) for value in row.values()))  # [::1] is no markup
            else:
                left_out += 1
    if as_json:
        return
    if table.row_count:
        _print_whole(table)
    else:
        typer.echo("no dead letters")
    if left_out:
        typer.echo(f"and {left_out} more: --json shows all")


def _print_whole(table: Table) -> None:
    """Shorten nothing on a narrow terminal or in a pipe: what is copied from here goes into `replay`."""
    console = Console()
    unlimited = console.options.update(max_width=MAX_COLUMNS)
    console.width = max(console.width, console.measure(table, options=unlimited).maximum)
    console.print(table)


async def _replay(settings: Settings, stream: str | None, ids: list[int]) -> list[int]:
    """Return the numbers of what was put back; those buried meanwhile are left for another time."""
    replayed: list[int] = []
    async with dead_letters_beside(settings.data_dir) as letters:
        for number in sorted(set(ids)):
            replayed += await letters.replay(1, after=number - 1, through=number)
        if ids:
            return replayed
        through = await letters.last()
        while step := await letters.replay(STEP, through=through, group=stream):
            replayed += step
            await asyncio.sleep(PAUSE_S)
    return replayed


async def _chosen(
    letters: DeadLetters, stream: str | None, account: str | None
) -> AsyncIterator[tuple[DeadLetter, Head]]:
    after = 0
    while page := await letters.page(PAGE, after, group=stream):
        after = page[-1].number
        for letter in page:
            head = _head(letter)
            if account is None or head.account == account:
                yield letter, head


def _head(letter: DeadLetter) -> Head:
    try:
        return Head.of(letter.body)
    except (ValueError, TypeError):
        return Head("", "", 0)  # given up because it was not understood


def _row(letter: DeadLetter, head: Head) -> dict[str, str | int]:
    """Return what may be shown: the origin of the consumer, not its address, which may hold a key."""
    return {
        "id": letter.number,
        "requestId": letter.group,
        "sequence": head.number,
        "account": head.account,
        "consumer": letter.lane,
        "givenUpAt": datetime.fromtimestamp(letter.buried_at, UTC).isoformat(timespec="seconds"),
        "tries": letter.attempts,
        "reason": letter.reason,
    }
