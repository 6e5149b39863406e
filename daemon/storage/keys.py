"""Which names buckets and objects may have: the same in every store."""

from __future__ import annotations

import re

from daemon.storage.interfaces import RefusedError

MAX_KEY_BYTES = 1024
"""S3's limit (Amazon S3 User Guide, "Naming Amazon S3 objects")."""
BUCKET = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{1,253}[A-Za-z0-9_-]")
"""What any bucket of any store may be called. Until March 2018 Amazon gave names with capitals, `_` and up to
255 characters (Amazon S3 User Guide, "General purpose bucket naming rules"), and they are still there;
Huawei's OBS knows neither, and 63 characters at most. Requests name buckets of the store that is configured,
whatever contract they are written in: which names it really has, that store says."""
FIRST_PRINTABLE, DELETE = "\x20", "\x7f"


def checked_bucket(name: str) -> str:
    """Return a name that a bucket can have, safe in a path and in a host name. Raises RefusedError."""
    if not BUCKET.fullmatch(name) or ".." in name:
        raise RefusedError("the name of the bucket is invalid")
    return name


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
