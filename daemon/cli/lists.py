"""`audiowarden lists`: look at a customer's word lists before the daemon does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from daemon.cli.common import one_sentence
from daemon.lists import read_folder
from models.text.wordlists import ListMatcher

app = typer.Typer(name="lists", help="Customers' own word lists.", no_args_is_help=True, add_completion=False)

FolderArgument = Annotated[Path, typer.Argument(help="Folder of UTF-8 .txt files, one word a line.")]


@app.command("check")
def check(folder: FolderArgument) -> None:
    """Read the lists of a folder as the daemon would, and say how many words each holds."""
    with one_sentence():
        found = read_folder(folder)
    table = Table("list", "words")
    for name, words in found.items():
        table.add_row(name, str(len(words)))
    Console().print(table)


@app.command("match")
def match(folder: FolderArgument, text: Annotated[str, typer.Argument(help="Text to search.")]) -> None:
    """Show which words of the lists stand in a text, and where."""
    with one_sentence():
        matches = ListMatcher(read_folder(folder)).match(text)
    for each in matches:
        places = ", ".join(f"{span.start}-{span.end}" for span in each.spans)
        typer.echo(f"{each.list_name}: {each.word} at {places}")
    if not matches:
        typer.echo("nothing found")
