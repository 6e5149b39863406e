"""A stream of this daemon, as those see it who start, finish and count streams."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from daemon.admission import UNHEARD


@dataclass(slots=True)
class Live:
    """A stream that can be finished: known from the moment its start is answered."""

    account: str
    identity: str
    demand: float
    """Share of its windows that may need recognition."""
    heard: bool = False
    """Whether it brings windows now."""
    voices: int = 1
    """How many users bring windows, where a room's users are listened to one by one."""
    finishing: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False
    """Nobody may stop it any more: from here on its identity can be another stream's."""

    @property
    def load(self) -> float:
        """What it takes of this host's capacity, in streams."""
        return self.demand * (self.voices if self.heard else UNHEARD)
