"""A stream of this daemon, as those see it who start, finish and count streams."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from daemon.admission import UNHEARD, Demand


@dataclass(slots=True)
class Live:
    """A stream that can be finished: known from the moment its start is answered."""

    account: str
    identity: str
    demand: Demand
    """What it may ask of recognition and of the detectors of sound."""
    heard: bool = False
    """Whether it brings windows now."""
    voices: int = 1
    """How many users bring windows, where a room's users are listened to one by one."""
    finishing: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False
    """Nobody may stop it any more: from here on its identity can be another stream's."""

    @property
    def weight(self) -> float:
        """How many streams it counts as."""
        return self.voices if self.heard else UNHEARD
