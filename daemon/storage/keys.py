"""Which keys an object may have: the same in every store."""

from __future__ import annotations

from daemon.storage.interfaces import RefusedError

MAX_KEY_BYTES = 1024
"""S3's limit (Amazon S3 User Guide, "Naming Amazon S3 objects")."""
FIRST_PRINTABLE, DELETE = "\x20", "\x7f"


def checked_key(key: str) -> str:
    """Return a key that may be used as it is: relative; no `..`, `.`, empty part or control character.

    Raises RefusedError, which does not repeat the key: a stranger may have chosen it.
    """
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise RefusedError("the path is no Unicode text") from None
    if not 0 < size <= MAX_KEY_BYTES:
        raise RefusedError(f"a path must have 1 to {MAX_KEY_BYTES} bytes")
    if any(character < FIRST_PRINTABLE or character == DELETE for character in key):
        raise RefusedError("the path has control characters in it")
    if any(part in ("", ".", "..") for part in key.split("/")):
        raise RefusedError("the path must be relative, without empty parts, `.` and `..`")
    return key
