"""FLV taken apart tag by tag, so that tests can make the faults that real publishers make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

AUDIO = 8
VIDEO = 9
HEADER_BYTES = 9


@dataclass(frozen=True, slots=True)
class Tag:
    """One packet: its kind, its time stamp, and its payload with the codec's own header."""

    kind: int
    time_ms: int
    payload: bytes

    @property
    def is_configuration(self) -> bool:
        """Whether it is a codec's set-up rather than media."""
        return self.kind in (AUDIO, VIDEO) and len(self.payload) > 1 and self.payload[1] == 0


def tags(content: bytes) -> Iterator[Tag]:
    """Read the tags of an FLV file."""
    place = HEADER_BYTES + 4
    while place + 11 <= len(content):
        size = int.from_bytes(content[place + 1 : place + 4])
        time_ms = int.from_bytes(content[place + 7 : place + 8] + content[place + 4 : place + 7])
        yield Tag(content[place], time_ms, content[place + 11 : place + 11 + size])
        place += 11 + size + 4


def join_tags(content: bytes, parts: Iterable[Tag]) -> bytes:
    """Write tags behind the header of `content`."""
    pieces = [content[:HEADER_BYTES], bytes(4)]
    for tag in parts:
        stamp = (tag.time_ms & 0xFFFFFFFF).to_bytes(4)
        head = bytes([tag.kind]) + len(tag.payload).to_bytes(3) + stamp[1:] + stamp[:1] + bytes(3)
        pieces += [head, tag.payload, (11 + len(tag.payload)).to_bytes(4)]
    return b"".join(pieces)


def rewrite(content: bytes, change: Callable[[Tag], Tag | None]) -> bytes:
    """Pass every tag of an FLV file through `change`; None leaves it out."""
    return join_tags(content, (tag for old in tags(content) if (tag := change(old)) is not None))


def retimed(content: bytes, from_ms: int, by_ms: int) -> bytes:
    """Make the time stamps jump by `by_ms` from `from_ms` on."""
    return rewrite(
        content, lambda tag: replace(tag, time_ms=tag.time_ms + by_ms) if tag.time_ms >= from_ms else tag
    )


def corrupted(content: bytes, from_ms: int, to_ms: int) -> bytes:
    """Overwrite the audio between two times with bytes that no decoder takes."""

    def change(tag: Tag) -> Tag:
        if tag.kind != AUDIO or tag.is_configuration or not from_ms <= tag.time_ms < to_ms:
            return tag
        return replace(tag, payload=tag.payload[:2] + b"\xff" * (len(tag.payload) - 2))

    return rewrite(content, change)
