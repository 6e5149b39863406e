"""What the daemon needs of a stream contract, whoever's it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel

from pipeline.report import StreamEnd, StreamSpec, WindowReport


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

    @property
    def wants_end(self) -> bool:
        """Whether a last callback is due when the stream ends."""

    def document(self) -> dict[str, Any]:
        """Return what must be stored to build the call again after a restart (JSON; no access key)."""

    def window(self, report: WindowReport) -> dict[str, Any]:
        """Write the callback of a window."""

    def end(self, end: StreamEnd, next_index: int) -> dict[str, Any]:
        """Write the last callback."""


class StreamContract(Protocol):
    """A vendor's stream contract."""

    @property
    def name(self) -> str:
        """The folder's name; stored with every stream."""

    def restore(self, document: Mapping[str, Any]) -> StreamCall:
        """Build a call from what `document` returned."""
