"""Signed addresses that expire, at which the daemon itself hands out what it keeps."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from urllib.parse import quote

from daemon.storage.disk import reason, sync_folder, write_part
from daemon.storage.interfaces import StorageError

SECRET_BYTES = 32
"""As long as SHA-256's output, which RFC 2104 (section 3) recommends for the key."""
EXPIRES = re.compile(r"[1-9][0-9]{0,11}")
SIGNATURE = re.compile(r"[0-9a-f]{64}")


class Denial(Enum):
    """Why there is nothing behind an address."""

    FORGED = "forged"
    """We never gave this address out, or somebody changed it."""
    EXPIRED = "expired"
    GONE = "gone"
    """The address is good, but what was there has been deleted."""


class SignedAddresses:
    """Makes and checks addresses of the form `<base URL>/<folder>/<name>?expires=…&signature=…`."""

    def __init__(self, base_url: str, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        """`base_url` is how consumers reach the daemon; `clock` gives epoch seconds."""
        self._base_url = base_url.rstrip("/")
        self._secret = secret
        self.clock = clock

    def address(self, folder: str, name: str, expires: int) -> str:
        """Return the address of `name`, good before `expires` (epoch s); `name` has no control characters."""
        signature = self._sign(folder, name, str(expires))
        return f"{self._base_url}/{folder}/{quote(name)}?expires={expires}&signature={signature}"

    def denial(self, folder: str, name: str, expires: str, signature: str) -> Denial | None:
        """Say why an address, given its parts as a stranger sent them, is not good; None: it is.

        Nothing but FORGED is said to somebody without a good signature.
        """
        if not (EXPIRES.fullmatch(expires) and SIGNATURE.fullmatch(signature)):
            return Denial.FORGED
        if not hmac.compare_digest(self._sign(folder, name, expires), signature):
            return Denial.FORGED
        return Denial.EXPIRED if int(expires) <= self.clock() else None

    def _sign(self, folder: str, name: str, expires: str) -> str:
        # No part can hold the line break, so two different ones never give the same text. Clips were signed
        # without a folder before there were other objects; their names hold no slash, so they stay apart.
        text = f"{name}\n{expires}" if folder == "clips" else f"{folder}/{name}\n{expires}"
        return hmac.new(self._secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def address_secret(data_dir: Path) -> bytes:
    """Read the secret `data_dir/clips.key`, making it when there is none; of two that make it, one wins.

    Blocks. Raises StorageError.
    """
    path = data_dir / "clips.key"
    try:
        if not path.exists():
            part = write_part(path.parent, secrets.token_bytes(SECRET_BYTES))
            try:
                # Unlike a rename this never replaces a secret that has signed addresses already.
                path.hardlink_to(part)
            except FileExistsError:
                pass
            finally:
                part.unlink()
            # A lost secret would make every address worthless.
            sync_folder(path.parent)
        secret = path.read_bytes()
    except OSError as error:
        raise StorageError(f"the secret {path} cannot be made or read: {reason(error)}") from None
    if len(secret) != SECRET_BYTES:
        raise StorageError(
            f"{path} must hold {SECRET_BYTES} bytes: restore it, or delete it and end all addresses so far"
        )
    return secret
