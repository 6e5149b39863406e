"""A room that is joined instead of pulled, and what its vendor's client is for us."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Protocol, Self

from pipeline.source import SourceError

MAX_LISTED_USERS = 1000
"""Of one request: a channel has fewer hosts."""


class Wanted(StrEnum):
    """Whose audio is asked for, where users are listened to one by one."""

    ALL = "all"
    LISTED = "listed"
    OTHERS = "others"
    """Everybody but those that are listed."""


@dataclass(frozen=True, slots=True)
class Channel:
    """What to join, and whom to listen to."""

    app_id: str
    name: str
    token: str = field(repr=False)
    """Empty where the application asks for none."""
    uid: int
    """Ours in the channel, as in the token; 0: the cloud chooses one."""
    mixed: bool
    """Whether everybody is heard together, as one stream."""
    broadcast: bool
    """Whether the channel has hosts and an audience; otherwise everybody may talk."""
    wanted: Wanted = Wanted.ALL
    listed: tuple[str, ...] = ()

    def wants(self, user: str) -> bool:
        """Say whether a user is to be listened to. A mix holds everybody."""
        if self.mixed or self.wanted is Wanted.ALL:
            return True
        return (user in self.listed) is (self.wanted is Wanted.LISTED)

    def document(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Build it from what `document` returned. Raises ValueError, KeyError and TypeError."""
        fields = dict(document)
        wanted, listed = Wanted(fields.pop("wanted")), tuple(fields.pop("listed"))
        kinds = {"app_id": str, "name": str, "token": str, "uid": int, "mixed": bool, "broadcast": bool}
        if fields.keys() != kinds.keys() or any(type(fields[key]) is not kinds[key] for key in kinds):
            raise ValueError("a channel has other fields")
        if not all(isinstance(user, str) for user in listed):
            raise ValueError("a channel's users are texts")
        return cls(**fields, wanted=wanted, listed=listed)


class Listener(Protocol):
    """Is told what goes on in a channel, from threads of the client's own; returns at once, never raises."""

    def connected(self) -> None:
        """We are in the channel, for the first time or again."""

    def interrupted(self) -> None:
        """The connection was lost; the client tries by itself to come back."""

    def failed(self, error: SourceError) -> None:
        """We are out of the channel for good, and why."""

    def joined(self, user: str) -> None:
        """A user came, or was there before us."""

    def left(self, user: str) -> None:
        """A user is gone."""

    def heard(self, user: str | None, pcm: bytes) -> None:
        """The next audio of a user, or of the mix: mono 16 kHz s16 little-endian, as it sounded just now."""


class Membership(Protocol):
    """Our place in a channel. Both calls may block for a while, and are made from no callback."""

    def subscribe(self, user: str) -> None:
        """Listen to a user, where the channel was not joined to listen to all."""

    def leave(self) -> None:
        """Leave; nothing is told any more once this returns."""


Join = Callable[[Channel, Listener], Membership]
"""Begins to join a channel; blocking. Raises SourceError when that cannot even begin."""
