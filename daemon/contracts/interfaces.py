"""What the daemon needs of a stream contract, whoever's it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel

from pipeline.report import StreamEnd, StreamEvent, StreamSpec, WindowReport


@dataclass(frozen=True, slots=True)
class Description:
    """What a contract tells about itself: OpenAPI paths, and the models that they name."""

    paths: dict[str, Any]
    taken: tuple[type[BaseModel], ...]
    """Models of what clients send."""
    written: tuple[type[BaseModel], ...]
    """Models of what the daemon sends."""


class StreamCall(Protocol):
    """One accepted request to moderate a stream: our view of it, and its callbacks in the vendor's words."""

    @property
    def spec(self) -> StreamSpec:
        """What to moderate."""

    @property
    def identity(self) -> str:
        """What makes two requests of an account the same stream; safe to store, holds no secret."""

    @property
    def callback_url(self) -> str:
        """Where callbacks go."""

    def document(self) -> dict[str, Any]:
        """Return what must be stored to build the call again after a restart (JSON; no access key)."""

    def window(self, report: WindowReport) -> dict[str, Any]:
        """Write the callback of a window."""

    def end(self, end: StreamEnd, next_index: int) -> dict[str, Any] | None:
        """Write the last callback; None when none is due."""

    def event(self, event: StreamEvent, number: int) -> dict[str, Any] | None:
        """Write the callback of a stream event, the `number`th (from 0); None when none is wanted."""


class StreamContract(Protocol):
    """A vendor's stream contract."""

    @property
    def name(self) -> str:
        """The folder's name; stored with every stream."""

    def restore(self, document: Mapping[str, Any]) -> StreamCall:
        """Build a call from what `document` returned."""
