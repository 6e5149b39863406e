"""What commands share: the configuration option, and how an error is said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from config.errors import AudiowardenError

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="TOML file; config/default.toml comments every key.")
]


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn an expected error into its sentence on standard error and exit status 1."""
    try:
        yield
    except AudiowardenError as error:
        typer.echo(f"audiowarden: {error}", err=True)
        raise typer.Exit(1) from None
