"""Who is in a room now, where each user's stream is pulled by itself: asked of whoever knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

from pipeline.source import SourceError, SourceFault

MAX_MEMBERS = 1000
"""Streams of one room that a roster may name."""
MAX_ID_CHARS = 255
MAX_ADDRESS_CHARS = 2048
ASK_EVERY_S = 5.0
"""How soon a user is heard who comes into a room."""

Ask = Callable[[str], Awaitable[object]]
"""Asks an address for JSON, bounded in time and size. Raises SourceError."""


@dataclass(frozen=True, slots=True)
class Member:
    """A stream of a room, and whose it is."""

    user: str
    stream: str
    """Tells a user's streams apart, and is a place in their address; the user's id where none is named."""
    url: str = field(default="", repr=False)
    """The stream's own address, in place of the template's."""

    @property
    def key(self) -> tuple[str, str]:
        """The same stream, whatever its address is now: that may be signed anew each time."""
        return self.user, self.stream


@dataclass(frozen=True, slots=True)
class Roll:
    """Who is in a room, as its roster answered."""

    members: tuple[Member, ...] = ()
    unusable: int = 0
    """Entries that were left out, because nobody can be pulled by what they say."""


class Roster(Protocol):
    """Says who is in a room now."""

    @property
    def ask_every_s(self) -> float:
        """How often it may be asked."""

    async def call(self, ask: Ask) -> Roll:
        """Return everybody whose stream is to be pulled; nobody while there is no such room.

        Raises SourceError.
        """


@dataclass(frozen=True, slots=True)
class ListedRoster:
    """The platform's own list: whoever runs the rooms answers an address with JSON.

    An array, of user ids (texts or whole numbers) or of objects with `userId` and, as wanted, `streamId` and
    `url`. For TRTC it is the way: its server API tells of calls that are over, and its event callbacks (enter
    and leave, 103 and 104; audio on and off, 203 and 204) tell changes alone, only to the one address that
    the platform entered for its application, and no longer than a minute after they happened.
    """

    url: str = field(repr=False)
    ask_every_s: float = ASK_EVERY_S

    async def call(self, ask: Ask) -> Roll:
        """Return everybody of the list. Raises SourceError."""
        return roll_of(await ask(self.url), "userId", "streamId", "url")


def roll_of(listed: object, user: str, stream: str, url: str = "") -> Roll:
    """Read a list of streams whose fields have these names, each stream once. Raises SourceError.

    An entry that cannot be used is left out: whoever chooses such an id for himself must not hide the others.
    """
    if not isinstance(listed, list):
        raise malformed("is no list")
    if len(listed) > MAX_MEMBERS:
        raise malformed(f"names more than {MAX_MEMBERS} streams")
    found = [member for each in listed if (member := _member(each, user, stream, url)) is not None]
    if listed and not found:
        raise malformed("has no entry with a usable id and address")
    return Roll(tuple({member.key: member for member in found}.values()), len(listed) - len(found))


def malformed(what: str) -> SourceError:
    """Say what is wrong with a roster's answer, without its words."""
    return SourceError(SourceFault.INVALID_DATA, f"the roster's answer {what}")


def _member(each: object, user: str, stream: str, url: str) -> Member | None:
    fields = each if isinstance(each, dict) else {user: each}
    name = _text(fields.get(user), MAX_ID_CHARS)
    named = _text(fields.get(stream), MAX_ID_CHARS) if fields.get(stream) else name
    address = _text(fields[url], MAX_ADDRESS_CHARS) if fields.get(url) else ""
    if name is None or named is None or address is None:
        return None
    return Member(name, named, address)


def _text(value: object, limit: int) -> str | None:
    """Return an id or an address; None: it cannot be used."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 0 < len(value) <= limit or not value.isprintable():
        return None
    return value


@dataclass(frozen=True, slots=True)
class PulledRoom:
    """A room whose users are listened to one by one, each from an address."""

    roster: Roster
    template: str = field(repr=False)
    """Of a stream's address; may hold what is secret."""
    fields: tuple[tuple[str, str], ...] = field(repr=False)
    """What the request puts into the template's places."""
    own_user: str = ""
    """Who pulls: in the room like the others, but nobody to listen to."""

    def others(self, members: Sequence[Member]) -> Iterator[Member]:
        """Yield those who are to be listened to."""
        return (member for member in members if member.user != self.own_user)

    def address_of(self, member: Member) -> str:
        """Return where a stream is pulled from."""
        places = {"tokenId": member.user, "stream": member.stream, "streamId": member.stream}
        return member.url or filled(self.template, dict(self.fields) | places)


def filled(template: str, fields: Mapping[str, str]) -> str:
    """Put fields into a template, each as one part of a path or of a query."""
    return template.format_map({name: quote(value, safe="") for name, value in fields.items()})
