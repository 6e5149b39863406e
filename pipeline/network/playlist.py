"""The few facts about an HLS playlist that FFmpeg does not tell (RFC 8216)."""

from __future__ import annotations

import re
from urllib.parse import urljoin

_ADDRESS = re.compile(rb'(?<=[:,]URI=")[^"]*(?=")')


def is_master(text: bytes) -> bool:
    """Say whether a playlist lists other playlists."""
    return b"#EXT-X-STREAM-INF" in text


def is_media(text: bytes) -> bool:
    """Say whether a playlist lists segments."""
    return b"#EXTINF" in text or b"#EXT-X-TARGETDURATION" in text


def is_complete(text: bytes) -> bool:
    """Say whether nothing will be added to a playlist."""
    return b"#EXT-X-ENDLIST" in text


def with_absolute_addresses(text: bytes, base: str) -> bytes:
    """Return the playlist with every address made absolute, as seen from `base`."""
    return b"\n".join(_absolute_line(line.strip(), base) for line in text.split(b"\n"))


def _absolute_line(line: bytes, base: str) -> bytes:
    if not line:
        return line
    if line.startswith(b"#"):
        return _ADDRESS.sub(lambda found: _absolute(found[0], base), line)
    return _absolute(line, base)


def _absolute(address: bytes, base: str) -> bytes:
    try:
        return urljoin(base, address.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    except ValueError:
        return address
